import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import type { Descriptor, FileTable, Task } from '../state.js';
import type { Inode, OpenFile } from './file.js';
import { released } from './pipe.js';

/** RLIMIT_NOFILE of the simulation. */
export const MOST_FILES = 1024;

export function newFile(kernel: Kernel, inode: Inode, flags: number): OpenFile {
  return { id: kernel.state.nextId++, inode, flags, offset: 0, references: 0 };
}

/** The lowest free descriptor from `from` on. EMFILE where there is none. */
export function install(table: FileTable, file: OpenFile, closeOnExec: boolean, from = 0): number {
  let fd = from;
  while (table.descriptors[fd] !== undefined) fd++;
  if (fd >= MOST_FILES) throw new Errno('EMFILE');
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
