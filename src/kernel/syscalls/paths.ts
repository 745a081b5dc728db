import { Errno } from '../errno.js';
import type { DirectoryNode, Entry } from '../files/file.js';
import { O } from '../files/flags.js';
import type { Place } from '../files/lookup.js';
import { openFile } from '../files/open.js';
import { fileOf, install } from '../files/table.js';
import { addEntry, newDirectory, newLink, removeEntry, touchDirectory } from '../files/tree.js';
import { AT, baseOf, existing, placeAt } from './at.js';
import { type Call, type Calls, int, size, unsigned } from './call.js';
import { setSize } from './files.js';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

function open(
  call: Call,
  directory: bigint | undefined,
  address: bigint,
  given: number,
  mode: number,
): number {
  const path = call.memory.text(address);
  const { kernel, task } = call;
  const flags = kernel.arch.openFlags.read(given);
  const all = flags | ((flags & O.PATH) === 0 ? O.LARGEFILE : 0);
  const file = openFile(kernel, task, baseOf(call, directory, path), path, all, mode);
  return install(task, file, (flags & O.CLOEXEC) !== 0);
}

/** Where a new name can be. EEXIST, EROFS. */
function vacant(
  call: Call,
  directory: bigint | undefined,
  address: bigint,
): Place & { parent: DirectoryNode } {
  const place = placeAt(call, directory, address, false);
  if (place.what !== undefined) throw new Errno('EEXIST');
  if (place.parent === undefined) throw new Errno('EROFS');
  return { ...place, parent: place.parent };
}

/** A name that can be taken away. ENOENT, EROFS. */
function taken(
  call: Call,
  directory: bigint | undefined,
  address: bigint,
): Place & { parent: DirectoryNode } {
  const place = existing(call, directory, address, false);
  if (place.parent === undefined) throw new Errno(place.what.kind === 'directory' ? 'EBUSY' : 'EROFS');
  return { ...place, parent: place.parent };
}

function makeDirectory(call: Call, directory: bigint | undefined, address: bigint, mode: number): number {
  const { kernel, task } = call;
  const { parent, name } = vacant(call, directory, address);
  addEntry(kernel, parent, name, newDirectory(kernel, mode & 0o1777 & ~task.fs.umask));
  return 0;
}

function unlink(
  call: Call,
  directory: bigint | undefined,
  address: bigint,
  wanted: 'file' | 'directory',
): number {
  const { what, parent, name, mustBeDirectory } = taken(call, directory, address);
  if (wanted === 'file') {
    if (what!.kind === 'directory') throw new Errno('EISDIR');
    if (mustBeDirectory) throw new Errno('ENOTDIR');
  } else {
    if (what!.kind !== 'directory') throw new Errno('ENOTDIR');
    if (what!.entries.size > 0) throw new Errno('ENOTEMPTY');
  }
  removeEntry(call.kernel, parent, name);
  return 0;
}

const RENAME = { NOREPLACE: 1, EXCHANGE: 2 } as const;

/** renameat2(2) (vfs_rename()). */
function rename(
  call: Call,
  [fromDirectory, from, toDirectory, to]: readonly (bigint | undefined)[],
  flags: number,
): number {
  const { kernel } = call;
  if ((flags & ~3) !== 0 || flags === 3) throw new Errno('EINVAL');
  const source = taken(call, fromDirectory, from!);
  const target = placeAt(call, toDirectory, to!, false);
  if (target.parent === undefined) throw new Errno('EROFS');
  const node = source.parent.entries.get(source.name)!;
  const other = target.parent.entries.get(target.name);
  if (other === undefined && (flags & RENAME.EXCHANGE) !== 0) throw new Errno('ENOENT');
  if (other !== undefined && (flags & RENAME.NOREPLACE) !== 0) throw new Errno('EEXIST');
  if (target.path.startsWith(`${source.path}/`)) throw new Errno('EINVAL');
  if (other === node) return 0;
  if (flags === RENAME.EXCHANGE) {
    source.parent.entries.set(source.name, other!);
    target.parent.entries.set(target.name, node);
  } else {
    if (other !== undefined) {
      if (other.kind === 'directory' && node.kind !== 'directory') throw new Errno('EISDIR');
      if (other.kind !== 'directory' && node.kind === 'directory') throw new Errno('ENOTDIR');
      if (other.kind === 'directory' && other.entries.size > 0) throw new Errno('ENOTEMPTY');
      removeEntry(kernel, target.parent, target.name);
    }
    removeEntry(kernel, source.parent, source.name);
    addEntry(kernel, target.parent, target.name, node);
    node.facts.links += node.kind === 'directory' ? 2 : 1;
  }
  touchDirectory(kernel, source.parent);
  touchDirectory(kernel, target.parent);
  return 0;
}

/** linkat(2). */
function link(
  call: Call,
  [fromDirectory, from, toDirectory, to]: readonly (bigint | undefined)[],
  flags: number,
): number {
  if ((flags & ~(AT.SYMLINK_FOLLOW | AT.EMPTY_PATH)) !== 0) throw new Errno('EINVAL');
  const { what } = existing(call, fromDirectory, from!, (flags & AT.SYMLINK_FOLLOW) !== 0);
  const { parent, name } = vacant(call, toDirectory, to!);
  if (what.kind === 'directory') throw new Errno('EPERM');
  const isOpen = what.kind === 'magic' && what.file?.inode.kind === 'regular' ? what.file.inode : undefined;
  const node = isOpen ?? what;
  if ((node.kind !== 'regular' && node.kind !== 'link') || (node.kind === 'regular' && node.object.constant))
    throw new Errno('EXDEV');
  node.facts.links++;
  addEntry(call.kernel, parent, name, node);
  return 0;
}

function symlink(call: Call, target: bigint, directory: bigint | undefined, address: bigint): number {
  const text = call.memory.text(target);
  if (text === '') throw new Errno('ENOENT');
  const { parent, name } = vacant(call, directory, address);
  addEntry(call.kernel, parent, name, newLink(call.kernel, text));
  return 0;
}

function readlink(call: Call, directory: bigint | undefined, [address, buffer, length]: bigint[]): number {
  if (int(length) <= 0) throw new Errno('EINVAL');
  const { what } = existing(call, directory, address!, false);
  if (what.kind !== 'link' && what.kind !== 'magic') throw new Errno('EINVAL');
  const bytes = latin1(what.target).subarray(0, int(length));
  call.memory.write(buffer!, bytes);
  return bytes.length;
}

/** access(2) as root: everything is allowed but to execute what nobody may, and to write where nothing can be written. */
function access(call: Call, directory: bigint | undefined, address: bigint, mode: bigint): number {
  const wanted = int(mode);
  if ((wanted & ~7) !== 0) throw new Errno('EINVAL');
  const { what } = existing(call, directory, address);
  const isHosts = what.kind === 'regular' && what.object.constant;
  if ((wanted & 2) !== 0 && (isHosts || what.kind === 'listing')) throw new Errno('EROFS');
  const isFile = what.kind === 'made' || (what.kind === 'regular' && (what.facts.mode & 0o111) === 0);
  if ((wanted & 1) !== 0 && isFile) throw new Errno('EACCES');
  return 0;
}

function changeMode({ kernel }: Call, { what }: Pick<Place, 'what'>, mode: bigint): number {
  if (what?.kind !== 'regular' && what?.kind !== 'directory') throw new Errno('EROFS');
  if (what.kind === 'regular' && what.object.constant) throw new Errno('EROFS');
  what.facts.mode = (what.facts.mode & ~0o7777) | (int(mode) & 0o7777);
  what.facts.changed = kernel.state.clock;
  return 0;
}

function changeDirectory(call: Call, place: Pick<Place, 'what' | 'path'>): number {
  if (place.what!.kind !== 'directory' && place.what!.kind !== 'listing') throw new Errno('ENOTDIR');
  call.task.fs.cwd = place.path;
  return 0;
}

const DT: Readonly<Record<Entry['type'], number>> = { '?': 0, c: 2, d: 4, '-': 8, l: 10 };
const TYPES = { regular: '-', directory: 'd', link: 'l' } as const;

/** struct linux_dirent64: inode, offset of the next, length, type, name. */
function getdents({ kernel, task, memory, arguments: [fd, buffer, length] }: Call): number {
  const file = fileOf(task, int(fd));
  const { inode } = file;
  if (inode.kind !== 'directory' && inode.kind !== 'listing') throw new Errno('ENOTDIR');
  const own: readonly Entry[] =
    inode.kind === 'listing'
      ? inode.entries
      : [...inode.entries].map(([name, node]) => ({ name, type: TYPES[node.kind] }));
  const entries: readonly Entry[] = [{ name: '.', type: 'd' }, { name: '..', type: 'd' }, ...own];
  const parts: Uint8Array[] = [];
  let room = size(length);
  let at = buffer!;
  while (file.offset < entries.length) {
    const { name, type } = entries[file.offset]!;
    const bytes = new Uint8Array(Math.ceil((20 + name.length) / 8) * 8);
    if (bytes.length > room) break;
    const view = new DataView(bytes.buffer);
    const node = inode.kind === 'directory' ? inode.entries.get(name) : undefined;
    view.setBigUint64(0, BigInt(node === undefined ? file.offset + 1 : node.facts.id), true);
    view.setBigUint64(8, BigInt(file.offset + 1), true);
    view.setUint16(16, bytes.length, true);
    view.setUint8(18, DT[type]);
    bytes.set(latin1(name), 19);
    parts.push(bytes);
    room -= bytes.length;
    file.offset++;
  }
  if (parts.length === 0 && file.offset < entries.length) throw new Errno('EINVAL');
  for (const part of parts) {
    memory.write(at, part);
    at += BigInt(part.length);
  }
  if (inode.kind === 'directory') inode.facts.accessed = kernel.state.clock;
  return Number(at - buffer!);
}

/** Files by name. */
export const PATHS: Calls = {
  open: (call) => open(call, undefined, call.arguments[0]!, int(call.arguments[1]), int(call.arguments[2])),
  openat: (call) =>
    open(call, call.arguments[0], call.arguments[1]!, int(call.arguments[2]), int(call.arguments[3])),
  creat: (call) =>
    open(call, undefined, call.arguments[0]!, O.CREAT | O.WRONLY | O.TRUNC, int(call.arguments[1])),
  mkdir: (call) => makeDirectory(call, undefined, call.arguments[0]!, int(call.arguments[1])),
  mkdirat: (call) => makeDirectory(call, call.arguments[0], call.arguments[1]!, int(call.arguments[2])),
  rmdir: (call) => unlink(call, undefined, call.arguments[0]!, 'directory'),
  unlink: (call) => unlink(call, undefined, call.arguments[0]!, 'file'),
  unlinkat: (call) => {
    const flags = int(call.arguments[2]);
    if ((flags & ~AT.REMOVEDIR) !== 0) throw new Errno('EINVAL');
    return unlink(call, call.arguments[0], call.arguments[1]!, flags === 0 ? 'file' : 'directory');
  },
  rename: (call) => rename(call, [undefined, call.arguments[0], undefined, call.arguments[1]], 0),
  renameat: (call) => rename(call, call.arguments.slice(0, 4), 0),
  renameat2: (call) => rename(call, call.arguments.slice(0, 4), int(call.arguments[4])),
  link: (call) => link(call, [undefined, call.arguments[0], undefined, call.arguments[1]], 0),
  linkat: (call) => link(call, call.arguments.slice(0, 4), int(call.arguments[4])),
  symlink: (call) => symlink(call, call.arguments[0]!, undefined, call.arguments[1]!),
  symlinkat: (call) => symlink(call, call.arguments[0]!, call.arguments[1], call.arguments[2]!),
  readlink: (call) => readlink(call, undefined, call.arguments.slice(0, 3)),
  readlinkat: (call) => readlink(call, call.arguments[0], call.arguments.slice(1, 4)),
  access: (call) => access(call, undefined, call.arguments[0]!, call.arguments[1]!),
  faccessat: (call) => access(call, call.arguments[0], call.arguments[1]!, call.arguments[2]!),
  faccessat2: (call) => {
    if ((unsigned(call.arguments[3]) & ~(AT.REMOVEDIR | AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) !== 0)
      throw new Errno('EINVAL');
    return access(call, call.arguments[0], call.arguments[1]!, call.arguments[2]!);
  },
  chmod: (call) => changeMode(call, existing(call, undefined, call.arguments[0]!), call.arguments[1]!),
  fchmodat: (call) =>
    changeMode(call, existing(call, call.arguments[0], call.arguments[1]!), call.arguments[2]!),
  fchmod: (call) => {
    const { inode } = fileOf(call.task, int(call.arguments[0]));
    const what = inode.kind === 'regular' || inode.kind === 'directory' ? inode : undefined;
    return changeMode(call, { what }, call.arguments[1]!);
  },
  truncate: (call) => {
    const { what } = existing(call, undefined, call.arguments[0]!);
    if (what.kind === 'directory' || what.kind === 'listing') throw new Errno('EISDIR');
    if (what.kind !== 'regular') throw new Errno('EINVAL');
    return setSize(call, { inode: what }, call.arguments[1]!);
  },
  chdir: (call) => changeDirectory(call, existing(call, undefined, call.arguments[0]!)),
  fchdir: (call) => {
    const { inode, path } = fileOf(call.task, int(call.arguments[0]));
    if (inode.kind !== 'directory' && inode.kind !== 'listing') throw new Errno('ENOTDIR');
    call.task.fs.cwd = path;
    return 0;
  },
  getcwd: ({ task, memory, arguments: [buffer, length] }) => {
    const bytes = latin1(`${task.fs.cwd}\0`);
    if (size(length) < bytes.length) throw new Errno('ERANGE');
    memory.write(buffer!, bytes);
    return bytes.length;
  },
  umask: ({ task, arguments: [mask] }) => {
    const before = task.fs.umask;
    task.fs.umask = int(mask) & 0o777;
    return before;
  },
  getdents64: getdents,
};
