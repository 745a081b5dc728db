import { Errno } from '../errno.js';
import type { OpenFile } from '../files/file.js';
import { O, openFile } from '../files/open.js';
import { newPipe } from '../files/pipe.js';
import { closeDescriptor, descriptorOf, fileOf, install, newFile, setDescriptor } from '../files/table.js';
import { readFile, writeFile } from '../files/transfer.js';
import type { Task } from '../state.js';
import { type Call, type Calls, int, type Result, size } from './call.js';

const AT_FDCWD = -100;
/** As much as one call moves (MAX_RW_COUNT is larger; short transfers are allowed). */
const MOST = 1 << 24;

function vectors({ memory }: Call, address: bigint, count: number): { base: bigint; length: number }[] {
  if (count < 0 || count > 1024) throw new Errno('EINVAL');
  return Array.from({ length: count }, (_, index) => ({
    base: memory.u64(address + BigInt(16 * index)),
    length: Math.min(size(memory.u64(address + BigInt(16 * index + 8))), MOST),
  }));
}

function scatter(
  { memory }: Call,
  parts: readonly { base: bigint; length: number }[],
  bytes: Uint8Array,
): number {
  let done = 0;
  for (const { base, length } of parts) {
    const part = bytes.subarray(done, done + length);
    memory.write(base, part);
    done += part.length;
  }
  return done;
}

function gather({ memory }: Call, parts: readonly { base: bigint; length: number }[]): Uint8Array {
  const all = parts.map(({ base, length }) => memory.read(base, length));
  const bytes = new Uint8Array(all.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of all) {
    bytes.set(each, at);
    at += each.length;
  }
  return bytes;
}

function readInto(
  call: Call,
  file: OpenFile,
  parts: readonly { base: bigint; length: number }[],
  offset?: number,
): Result {
  const wanted = Math.min(
    parts.reduce((sum, { length }) => sum + length, 0),
    MOST,
  );
  const got = readFile(call, file, wanted, offset);
  return got instanceof Uint8Array ? scatter(call, parts, got) : got;
}

const one = (base: bigint | undefined, length: bigint | undefined) => [
  { base: base!, length: Math.min(size(length), MOST) },
];

function open(task: Task, call: Call, path: bigint, flags: number): number {
  const file = openFile(call.kernel, task, call.memory.text(path), flags);
  return install(task.files, file, (flags & O.CLOEXEC) !== 0);
}

function pipe2({ kernel, task, memory }: Call, address: bigint, flags: number): number {
  if ((flags & ~(O.CLOEXEC | O.NONBLOCK | 0o40000)) !== 0) throw new Errno('EINVAL');
  const pipe = newPipe(kernel);
  const closeOnExec = (flags & O.CLOEXEC) !== 0;
  const end = (which: 'read' | 'write'): OpenFile =>
    newFile(
      kernel,
      { kind: 'pipe', pipe, end: which },
      (which === 'write' ? O.WRONLY : 0) | (flags & O.NONBLOCK),
    );
  const read = install(task.files, end('read'), closeOnExec);
  const write = install(task.files, end('write'), closeOnExec);
  memory.setU32(address, read);
  memory.setU32(address + 4n, write);
  return 0;
}

export const FILES: Calls = {
  read: (call) =>
    readInto(call, fileOf(call.task, int(call.arguments[0])), one(call.arguments[1], call.arguments[2])),
  pread64: (call) =>
    readInto(
      call,
      fileOf(call.task, int(call.arguments[0])),
      one(call.arguments[1], call.arguments[2]),
      size(call.arguments[3]),
    ),
  readv: (call) => {
    const [fd, address, count] = call.arguments as [bigint, bigint, bigint];
    return readInto(call, fileOf(call.task, int(fd)), vectors(call, address, int(count)));
  },
  write: (call) => {
    const [fd, base, length] = call.arguments as [bigint, bigint, bigint];
    return writeFile(call, fileOf(call.task, int(fd)), gather(call, one(base, length)));
  },
  writev: (call) => {
    const [fd, address, count] = call.arguments as [bigint, bigint, bigint];
    return writeFile(call, fileOf(call.task, int(fd)), gather(call, vectors(call, address, int(count))));
  },
  open: (call) => open(call.task, call, call.arguments[0]!, int(call.arguments[1])),
  openat: (call) => {
    const [directory, path, flags] = call.arguments as [bigint, bigint, bigint];
    const relative = !call.memory.text(path).startsWith('/');
    if (relative && int(directory) !== AT_FDCWD) throw new Errno('ENOTDIR');
    return open(call.task, call, path, int(flags));
  },
  close: ({ kernel, task, arguments: [fd] }) => {
    closeDescriptor(kernel, task.files, int(fd));
    return 0;
  },
  dup: ({ task, arguments: [fd] }) => install(task.files, fileOf(task, int(fd)), false),
  dup2: (call) => duplicate(call, false, 0),
  dup3: (call) => duplicate(call, true, int(call.arguments[2])),
  pipe: (call) => pipe2(call, call.arguments[0]!, 0),
  pipe2: (call) => pipe2(call, call.arguments[0]!, int(call.arguments[1])),
  eventfd2: ({ kernel, task, arguments: [count, flags] }) => {
    const file = newFile(
      kernel,
      {
        kind: 'event',
        id: kernel.state.nextId++,
        count: BigInt.asUintN(32, count!),
        semaphore: (int(flags) & 1) !== 0,
      },
      O.RDWR | (int(flags) & O.NONBLOCK),
    );
    return install(task.files, file, (int(flags) & O.CLOEXEC) !== 0);
  },
  fcntl: ({ task, arguments: [fd, operation, value] }) => {
    const descriptor = descriptorOf(task, int(fd));
    switch (int(operation)) {
      case 0:
      case 1030:
        return install(task.files, descriptor.file, int(operation) === 1030, int(value));
      case 1:
        return descriptor.closeOnExec ? 1 : 0;
      case 2:
        descriptor.closeOnExec = (int(value) & 1) !== 0;
        return 0;
      case 3:
        return descriptor.file.flags;
      case 4: {
        const changeable = O.APPEND | O.NONBLOCK;
        descriptor.file.flags = (descriptor.file.flags & ~changeable) | (int(value) & changeable);
        return 0;
      }
      default:
        throw new Errno('EINVAL');
    }
  },
  ioctl: ({ task, arguments: [fd] }) => {
    descriptorOf(task, int(fd));
    throw new Errno('ENOTTY');
  },
  lseek: ({ task, arguments: [fd, offset, whence] }) => {
    const file = fileOf(task, int(fd));
    if (file.inode.kind === 'pipe' || file.inode.kind === 'stream') throw new Errno('ESPIPE');
    const length = file.inode.kind === 'text' ? file.inode.content.length : 0;
    const base = [0, file.offset, length][int(whence)];
    if (base === undefined) throw new Errno('EINVAL');
    const to = base + Number(BigInt.asIntN(64, offset!));
    if (to < 0) throw new Errno('EINVAL');
    file.offset = to;
    return to;
  },
  getcwd: ({ task, memory, arguments: [buffer, length] }) => {
    const bytes = Uint8Array.from(`${task.fs.cwd}\0`, (c) => c.charCodeAt(0));
    if (size(length) < bytes.length) throw new Errno('ERANGE');
    memory.write(buffer!, bytes);
    return bytes.length;
  },
  umask: ({ task, arguments: [mask] }) => {
    const before = task.fs.umask;
    task.fs.umask = int(mask) & 0o777;
    return before;
  },
};

function duplicate({ kernel, task, arguments: args }: Call, strict: boolean, flags: number): number {
  const [from, to] = [int(args[0]), int(args[1])];
  const file = fileOf(task, from);
  if (strict && from === to) throw new Errno('EINVAL');
  if (to < 0 || to >= 1024) throw new Errno('EBADF');
  if (from === to) return to;
  if (task.files.descriptors[to] !== undefined) closeDescriptor(kernel, task.files, to);
  setDescriptor(task.files, to, { file, closeOnExec: (flags & O.CLOEXEC) !== 0 });
  return to;
}
