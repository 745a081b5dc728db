import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { hostObject } from '../mm/objects.js';
import type { Task } from '../state.js';
import type { DirectoryNode, OpenFile, RegularNode, TreeNode } from './file.js';
import { directoryEntries } from './listing.js';
import { procAt } from './proc.js';
import { newRegular, nodeAt } from './tree.js';
import type { What } from './what.js';

/** A path that was followed to its end. */
export interface Place {
  /** Absolute, without links but perhaps the last. */
  readonly path: string;
  readonly name: string;
  readonly what: What | undefined;
  /** Where a file of this name could be made; undefined: nowhere. */
  readonly parent: DirectoryNode | undefined;
  /** It was written with a slash at its end: only a directory will do. */
  readonly mustBeDirectory: boolean;
}

export const DEVICES: Readonly<Record<string, 'null' | 'zero' | 'full' | 'random'>> = {
  '/dev/null': 'null',
  '/dev/zero': 'zero',
  '/dev/full': 'full',
  '/dev/random': 'random',
  '/dev/urandom': 'random',
};

const LINKS: Readonly<Record<string, string>> = {
  '/dev/fd': '/proc/self/fd',
  '/dev/stdin': '/proc/self/fd/0',
  '/dev/stdout': '/proc/self/fd/1',
  '/dev/stderr': '/proc/self/fd/2',
};

/** MAXSYMLINKS. */
const MOST_LINKS = 40;
const PATH_MAX = 4096;

/** A path from a directory on, without `.`, `..` and double slashes; links in it are not looked at. */
export function joined(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${base}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** A file of the host. It is read once: programs see it as it was then. */
function hostFile(kernel: Kernel, path: string): TreeNode | undefined {
  const known = kernel.state.hostFiles.get(path);
  if (known !== undefined) return known;
  const bytes = kernel.host.file(path);
  return bytes === undefined ? undefined : keepFile(kernel, path, bytes);
}

/** A file whose content is known from now on, as that of the program that is run. */
export function keepFile(kernel: Kernel, path: string, bytes: Uint8Array): RegularNode {
  const node = newRegular(kernel, 0o755, hostObject(kernel, path, bytes));
  kernel.state.hostFiles.set(path, node);
  return node;
}

/** What an absolute path without links names; the host is asked only about the last part of a path. */
function whatAt(kernel: Kernel, task: Task, path: string, last: boolean): What | undefined {
  const device = DEVICES[path];
  if (device !== undefined) return { kind: 'device', device };
  const link = LINKS[path];
  if (link !== undefined) return { kind: 'magic', target: link, file: undefined };
  const found = nodeAt(kernel, path) ?? procAt(kernel, task, path);
  if (found !== undefined || !last) return found;
  const file = hostFile(kernel, path);
  if (file !== undefined) return file;
  const entries = directoryEntries(kernel, path);
  return entries === undefined ? undefined : { kind: 'listing', entries: () => entries };
}

/** A link of /proc leads to the open file itself, but for directories, which have a path. */
const isOpenFile = (file: OpenFile | undefined): boolean =>
  file !== undefined && file.inode.kind !== 'directory' && file.inode.kind !== 'listing';

/** Follows a path from a directory. `follow`: also where its last part is a link. ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG. */
export function lookup(kernel: Kernel, task: Task, base: string, path: string, follow = true): Place {
  if (path === '') throw new Errno('ENOENT');
  if (path.length >= PATH_MAX) throw new Errno('ENAMETOOLONG');
  let links = 0;
  let unseen = false;
  let at = path.startsWith('/') ? '' : base === '/' ? '' : base;
  let rest = path.split('/').filter((part) => part !== '' && part !== '.');
  const mustBeDirectory = /\/\.?$/.test(path);
  let what = whatAt(kernel, task, at === '' ? '/' : at, rest.length === 0);
  while (rest.length > 0) {
    const [part, ...after] = rest as [string, ...string[]];
    rest = after;
    if (what !== undefined && what.kind !== 'directory' && what.kind !== 'listing')
      throw new Errno('ENOTDIR');
    if (part === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      what = whatAt(kernel, task, at === '' ? '/' : at, rest.length === 0);
      continue;
    }
    const parent: DirectoryNode | undefined = what?.kind === 'directory' ? what : undefined;
    what = whatAt(kernel, task, `${at}/${part}`, rest.length === 0);
    // The host may show a file, and memory a folder as /dev/shm, without the folders that lead to it; in a folder that is not there is nothing.
    if (rest.length > 0) unseen = what === undefined;
    else if (unseen && what === undefined) throw new Errno('ENOENT');
    const isLink = what?.kind === 'link' || (what?.kind === 'magic' && !isOpenFile(what.file));
    if (isLink && (rest.length > 0 || follow || mustBeDirectory)) {
      if (++links > MOST_LINKS) throw new Errno('ELOOP');
      const { target } = what as { target: string };
      rest = [...target.split('/').filter((each) => each !== '' && each !== '.'), ...rest];
      if (target.startsWith('/')) at = '';
      what = whatAt(kernel, task, at === '' ? '/' : at, rest.length === 0);
      continue;
    }
    at = `${at}/${part}`;
    if (rest.length === 0) return { path: at, name: part, what, parent, mustBeDirectory };
  }
  return { path: at === '' ? '/' : at, name: '', what, parent: undefined, mustBeDirectory: true };
}
