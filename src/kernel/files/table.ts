import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import type { Descriptor, FileTable, Task } from '../state.js';
import type { Inode, OpenFile } from './file.js';
import { released } from './pipe.js';

const RLIMIT_NOFILE = 7;
/** sysctl_nr_open: what the limit may be at most. */
const MOST_FILES = 1_048_576;

/** First descriptor that the process cannot have. */
export const fileLimit = ({ process }: Task): number => {
  const limit = process.limits.get(RLIMIT_NOFILE)?.[0] ?? 1024n;
  return limit > BigInt(MOST_FILES) ? MOST_FILES : Number(limit);
};

export function newFile(kernel: Kernel, inode: Inode, flags: number, path: string): OpenFile {
  return { id: kernel.state.nextId++, inode, path, flags, offset: 0, references: 0 };
}

/** The lowest free descriptor from `from` on. EMFILE where there is none. */
export function install(task: Task, file: OpenFile, closeOnExec: boolean, from = 0): number {
  const table = task.files;
  let fd = from;
  while (table.descriptors[fd] !== undefined) fd++;
  if (fd >= fileLimit(task)) throw new Errno('EMFILE');
  setDescriptor(table, fd, { file, closeOnExec });
  return fd;
}

export function setDescriptor(table: FileTable, fd: number, descriptor: Descriptor): void {
  descriptor.file.references++;
  table.descriptors[fd] = descriptor;
}

/** EBADF where it is not open. */
export function descriptorOf(task: Task, fd: number): Descriptor {
  const found = task.files.descriptors[fd];
  if (found === undefined) throw new Errno('EBADF');
  return found;
}

export const fileOf = (task: Task, fd: number): OpenFile => descriptorOf(task, fd).file;

export function closeDescriptor(kernel: Kernel, table: FileTable, fd: number): void {
  const found = table.descriptors[fd];
  if (found === undefined) throw new Errno('EBADF');
  table.descriptors[fd] = undefined;
  if (--found.file.references === 0) released(kernel, found.file);
}

export function closeAll(kernel: Kernel, table: FileTable): void {
  for (const [fd, found] of table.descriptors.entries())
    if (found !== undefined) closeDescriptor(kernel, table, fd);
}

/** fork(2): a table of its own that refers to the same files. */
export function copyTable(table: FileTable): FileTable {
  const copy: FileTable = { users: 1, descriptors: [] };
  for (const [fd, found] of table.descriptors.entries())
    if (found !== undefined) setDescriptor(copy, fd, { ...found });
  return copy;
}
