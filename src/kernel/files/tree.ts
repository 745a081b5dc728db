import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import type { MemoryObject } from '../mm/object.js';
import { newObject } from '../mm/objects.js';
import type { DirectoryNode, LinkNode, NodeFacts, RegularNode, TreeNode } from './file.js';
import { S } from './flags.js';

/** Directories that programs can write to; they are empty at first and gone with the simulation. */
export const MOUNTS = ['/tmp', '/dev/shm', '/var/tmp', '/run'] as const;

export const newFacts = (kernel: Kernel, mode: number): NodeFacts => ({
  id: kernel.state.nextId++,
  mode,
  uid: 0,
  gid: 0,
  links: 1,
  accessed: kernel.state.clock,
  modified: kernel.state.clock,
  changed: kernel.state.clock,
});

export const newRegular = (kernel: Kernel, mode: number, object: MemoryObject): RegularNode => ({
  kind: 'regular',
  facts: newFacts(kernel, S.REGULAR | mode),
  object,
  seals: 1,
});

export const newDirectory = (kernel: Kernel, mode: number): DirectoryNode => ({
  kind: 'directory',
  facts: { ...newFacts(kernel, S.DIRECTORY | mode), links: 2 },
  entries: new Map(),
});

export const newLink = (kernel: Kernel, target: string): LinkNode => ({
  kind: 'link',
  facts: newFacts(kernel, S.LINK | 0o777),
  target,
});

/** What is mounted at a path or above it, and the rest of the path. */
export function mountOf(kernel: Kernel, path: string): { root: DirectoryNode; rest: string[] } | undefined {
  const mount = MOUNTS.find((each) => path === each || path.startsWith(`${each}/`));
  if (mount === undefined) return undefined;
  let root = kernel.state.mounts.get(mount);
  if (root === undefined) {
    root = newDirectory(kernel, 0o1777);
    kernel.state.mounts.set(mount, root);
  }
  return {
    root,
    rest: path
      .slice(mount.length)
      .split('/')
      .filter((part) => part !== ''),
  };
}

/** The node of a path without links in it; undefined where there is none. */
export function nodeAt(kernel: Kernel, path: string): TreeNode | undefined {
  const mount = mountOf(kernel, path);
  let node: TreeNode | undefined = mount?.root;
  for (const part of mount?.rest ?? [])
    node = node?.kind === 'directory' ? node.entries.get(part) : undefined;
  return node;
}

/** Something in a directory has changed. */
export function touchDirectory(kernel: Kernel, directory: DirectoryNode): void {
  directory.facts.modified = directory.facts.changed = kernel.state.clock;
}

export function addEntry(kernel: Kernel, directory: DirectoryNode, name: string, node: TreeNode): void {
  if (name.length > 255) throw new Errno('ENAMETOOLONG');
  directory.entries.set(name, node);
  if (node.kind === 'directory') directory.facts.links++;
  touchDirectory(kernel, directory);
}

export function removeEntry(kernel: Kernel, directory: DirectoryNode, name: string): void {
  const node = directory.entries.get(name);
  if (node === undefined) throw new Errno('ENOENT');
  directory.entries.delete(name);
  if (node.kind === 'directory') directory.facts.links--;
  node.facts.links -= node.kind === 'directory' ? 2 : 1;
  node.facts.changed = kernel.state.clock;
  touchDirectory(kernel, directory);
}

/** open(O_CREAT) of a new name. */
export function createFile(
  kernel: Kernel,
  directory: DirectoryNode,
  path: string,
  name: string,
  mode: number,
): RegularNode {
  const node = newRegular(kernel, mode, newObject(kernel, path));
  addEntry(kernel, directory, name, node);
  return node;
}
