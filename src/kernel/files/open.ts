import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import type { Task } from '../state.js';
import type { Inode, OpenFile } from './file.js';
import { procFile } from './proc.js';
import { newFile } from './table.js';

/** O_* (include/uapi/asm-generic/fcntl.h). */
export const O = {
  ACCMODE: 3,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: 0o200000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

const DEVICES: Readonly<Record<string, 'null' | 'zero' | 'full' | 'random'>> = {
  '/dev/null': 'null',
  '/dev/zero': 'zero',
  '/dev/full': 'full',
  '/dev/random': 'random',
  '/dev/urandom': 'random',
};

/** An absolute path without `.`, `..` and double slashes. */
export function absolute(task: Task, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${task.fs.cwd}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** What a path names, opened; undefined where there is nothing of that name. */
function inodeAt(kernel: Kernel, task: Task, path: string): Inode | undefined {
  const device = DEVICES[path];
  if (device !== undefined) return { kind: device, path };
  const made = procFile(kernel, task, path);
  if (made !== undefined) return { kind: 'text', path, content: made };
  const content = kernel.host.file(path);
  if (content !== undefined) return { kind: 'text', path, content };
  const entries = kernel.host.directory(path);
  return entries === undefined ? undefined : { kind: 'directory', path, entries };
}

/** open(2). Host files can only be read. ENOENT, EACCES, ENOTDIR, EISDIR. */
export function openFile(kernel: Kernel, task: Task, path: string, flags: number): OpenFile {
  const full = absolute(task, path);
  if (path === '') throw new Errno('ENOENT');
  const inode = inodeAt(kernel, task, full);
  if (inode === undefined) throw new Errno((flags & O.CREAT) !== 0 ? 'EACCES' : 'ENOENT');
  const writes = (flags & O.ACCMODE) !== 0;
  if (inode.kind === 'directory' && writes) throw new Errno('EISDIR');
  if (inode.kind !== 'directory' && (flags & O.DIRECTORY) !== 0) throw new Errno('ENOTDIR');
  if (inode.kind === 'text' && writes) throw new Errno('EACCES');
  return newFile(kernel, inode, flags & ~(O.CREAT | O.EXCL | O.TRUNC | O.CLOEXEC));
}

/** All of a file that can be read. */
export function readWhole(kernel: Kernel, task: Task, path: string): Uint8Array {
  const { inode } = openFile(kernel, task, path, 0);
  if (inode.kind !== 'text') throw new Errno('EACCES');
  return inode.content;
}
