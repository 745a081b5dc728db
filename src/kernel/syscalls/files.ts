import { joined } from '../../abi/bytes.js';
import { Errno } from '../errno.js';
import type { OpenFile } from '../files/file.js';
import { O, SEAL } from '../files/flags.js';
import { newPipe, unreadPipe } from '../files/pipe.js';
import {
  closeDescriptor,
  copyTable,
  descriptorOf,
  fileLimit,
  fileOf,
  install,
  newFile,
  setDescriptor,
} from '../files/table.js';
import { MOST_BYTES, readFile, writeFile } from '../files/transfer.js';
import { newRegular } from '../files/tree.js';
import { newObject, punch, truncate } from '../mm/objects.js';
import { type Call, type Calls, int, type Result, size, unsigned } from './call.js';
import { control } from './fcntl.js';

/** As much as one call moves (MAX_RW_COUNT is larger; short transfers are allowed). */
const MOST = 1 << 24;
const IOV_MAX = 1024;

interface Part {
  readonly base: bigint;
  readonly length: number;
}

/** import_iovec(). */
function vectors({ memory }: Call, address: bigint, count: number): Part[] {
  if (count < 0 || count > IOV_MAX) throw new Errno('EINVAL');
  return Array.from({ length: count }, (_, index) => {
    const length = memory.u64(address + BigInt(16 * index + 8));
    if (length >= 1n << 63n) throw new Errno('EINVAL');
    return { base: memory.u64(address + BigInt(16 * index)), length: Math.min(size(length), MOST) };
  });
}

function scatter({ memory }: Call, parts: readonly Part[], bytes: Uint8Array): number {
  let done = 0;
  for (const { base, length } of parts) {
    const part = bytes.subarray(done, done + length);
    memory.write(base, part);
    done += part.length;
  }
  return done;
}

function gather({ memory }: Call, parts: readonly Part[]): Uint8Array {
  return joined(parts.map(({ base, length }) => memory.read(base, length)));
}

const one = (base: bigint | undefined, length: bigint | undefined): Part[] => [
  { base: base!, length: Math.min(size(length), MOST) },
];

/** For p* calls: where, and a file that has places. */
function position(file: OpenFile, offset: bigint): number {
  const at = BigInt.asIntN(64, offset);
  if (at < 0n) throw new Errno('EINVAL');
  if (['pipe', 'stream', 'event'].includes(file.inode.kind)) throw new Errno('ESPIPE');
  return Number(at);
}

function read(call: Call, partsOf: (call: Call) => readonly Part[], offset?: bigint): Result {
  const file = fileOf(call.task, int(call.arguments[0]));
  const at = offset === undefined ? undefined : position(file, offset);
  if ((file.flags & O.ACCMODE) === O.WRONLY) throw new Errno('EBADF');
  const parts = partsOf(call);
  const wanted = Math.min(
    parts.reduce((sum, { length }) => sum + length, 0),
    MOST,
  );
  const got = readFile(call, file, wanted, at);
  if (!(got instanceof Uint8Array)) return got;
  try {
    return scatter(call, parts, got);
  } catch (error) {
    if (file.inode.kind === 'pipe') unreadPipe(file.inode.pipe, got);
    throw error;
  }
}

function write(call: Call, partsOf: (call: Call) => readonly Part[], offset?: bigint): Result {
  const file = fileOf(call.task, int(call.arguments[0]));
  const at = offset === undefined ? undefined : position(file, offset);
  if ((file.flags & O.ACCMODE) === 0) throw new Errno('EBADF');
  return writeFile(call, file, gather(call, partsOf(call)), at);
}

const ofVectors = (call: Call): Part[] => vectors(call, call.arguments[1]!, int(call.arguments[2]));
const ofBuffer = ({ arguments: [, base, length] }: Call): Part[] => one(base, length);

/** preadv2(2), pwritev2(2): an offset of -1 is where the file stands. No flag is supported (RWF_*). */
function second(call: Call): bigint | undefined {
  if (int(call.arguments[5]) !== 0) throw new Errno('EOPNOTSUPP');
  return BigInt.asIntN(64, call.arguments[3]!) === -1n ? undefined : call.arguments[3];
}

const PIPE_FLAGS = O.CLOEXEC | O.NONBLOCK | O.DIRECT;

function pipe2({ kernel, task, memory }: Call, address: bigint, flags: number): number {
  if ((flags & ~PIPE_FLAGS) !== 0) throw new Errno('EINVAL');
  const pipe = newPipe(kernel);
  const closeOnExec = (flags & O.CLOEXEC) !== 0;
  const end = (which: 'read' | 'write'): OpenFile =>
    newFile(
      kernel,
      { kind: 'pipe', pipe, end: which },
      (which === 'write' ? O.WRONLY : 0) | (flags & O.NONBLOCK),
      `pipe:[${pipe.id}]`,
    );
  const read = install(task, end('read'), closeOnExec);
  const write = install(task, end('write'), closeOnExec);
  memory.setU32(address, read);
  memory.setU32(address + 4n, write);
  return 0;
}

const EFD = { SEMAPHORE: 1, KNOWN: 1 | O.CLOEXEC | O.NONBLOCK } as const;

function eventfd({ kernel, task, arguments: [count] }: Call, flags: number): number {
  if ((flags & ~EFD.KNOWN) !== 0) throw new Errno('EINVAL');
  const file = newFile(
    kernel,
    {
      kind: 'event',
      id: kernel.state.nextId++,
      count: BigInt.asUintN(32, count!),
      semaphore: (flags & EFD.SEMAPHORE) !== 0,
    },
    O.RDWR | (flags & O.NONBLOCK),
    'anon_inode:[eventfd]',
  );
  return install(task, file, (flags & O.CLOEXEC) !== 0);
}

const MFD = { CLOEXEC: 1, ALLOW_SEALING: 2, HUGETLB: 4, NOEXEC_SEAL: 8, EXEC: 16 } as const;

function memfdCreate({ kernel, task, memory, arguments: [address, flags] }: Call): number {
  const how = unsigned(flags);
  if ((how & ~31) !== 0) throw new Errno('EINVAL');
  if ((how & MFD.HUGETLB) !== 0) throw new Errno('ENOMEM');
  if ((how & MFD.EXEC) !== 0 && (how & MFD.NOEXEC_SEAL) !== 0) throw new Errno('EINVAL');
  let name: string;
  try {
    name = memory.text(address!, 250);
  } catch (error) {
    if (error instanceof Errno && error.code === 'ENAMETOOLONG') throw new Errno('EINVAL');
    throw error;
  }
  const path = `/memfd:${name} (deleted)`;
  const node = newRegular(kernel, (how & MFD.NOEXEC_SEAL) !== 0 ? 0o666 : 0o777, newObject(kernel, path));
  node.seals = (how & (MFD.ALLOW_SEALING | MFD.NOEXEC_SEAL)) !== 0 ? 0 : SEAL.SEAL;
  node.facts.links = 0;
  return install(task, newFile(kernel, node, O.RDWR | O.LARGEFILE, path), (how & MFD.CLOEXEC) !== 0);
}

/** ftruncate(2) and truncate(2). */
export function setSize(call: Call, { inode }: Pick<OpenFile, 'inode'>, length: bigint): number {
  const to = BigInt.asIntN(64, length);
  if (to < 0n || inode.kind !== 'regular') throw new Errno('EINVAL');
  if (inode.object.constant) throw new Errno('EROFS');
  if (to > BigInt(MOST_BYTES)) throw new Errno('EFBIG');
  const { object, seals } = inode;
  const bytes = Number(to);
  if (
    (bytes < object.size && (seals & SEAL.SHRINK) !== 0) ||
    (bytes > object.size && (seals & SEAL.GROW) !== 0)
  )
    throw new Errno('EPERM');
  truncate(call.kernel, object, bytes);
  inode.facts.modified = inode.facts.changed = call.kernel.state.clock;
  return 0;
}

const FALLOC = { KEEP_SIZE: 1, PUNCH_HOLE: 2 } as const;

function fallocate(call: Call): number {
  const [fd, mode, offset, length] = call.arguments as [bigint, bigint, bigint, bigint];
  const { inode, flags } = fileOf(call.task, int(fd));
  const [at, bytes] = [BigInt.asIntN(64, offset), BigInt.asIntN(64, length)];
  if (at < 0n || bytes <= 0n) throw new Errno('EINVAL');
  if ((flags & O.ACCMODE) === 0) throw new Errno('EBADF');
  if (inode.kind === 'pipe' || inode.kind === 'stream') throw new Errno('ESPIPE');
  if (inode.kind !== 'regular') throw new Errno('ENODEV');
  const how = int(mode);
  if (how === (FALLOC.KEEP_SIZE | FALLOC.PUNCH_HOLE)) {
    punch(call.kernel, inode.object, Number(at), Math.min(Number(at + bytes), inode.object.size));
    return 0;
  }
  if ((how & ~FALLOC.KEEP_SIZE) !== 0) throw new Errno('EOPNOTSUPP');
  if (at + bytes > BigInt(MOST_BYTES)) throw new Errno('EFBIG');
  const end = Number(at + bytes);
  if (how === 0 && end > inode.object.size) return setSize(call, { inode }, at + bytes);
  return 0;
}

function lseek({ task, arguments: [fd, offset, whence] }: Call): number {
  const file = fileOf(task, int(fd));
  const { inode } = file;
  if (inode.kind === 'pipe' || inode.kind === 'stream' || inode.kind === 'event') throw new Errno('ESPIPE');
  const length =
    inode.kind === 'text' ? inode.content.length : inode.kind === 'regular' ? inode.object.size : 0;
  const distance = Number(BigInt.asIntN(64, offset!));
  const how = int(whence);
  // SEEK_DATA and SEEK_HOLE: there are no holes.
  if (how === 3 || how === 4) {
    if (distance < 0 || distance >= length) throw new Errno('ENXIO');
    file.offset = how === 3 ? distance : length;
    return file.offset;
  }
  const base = [0, file.offset, length][how];
  if (base === undefined || base + distance < 0) throw new Errno('EINVAL');
  file.offset = base + distance;
  return file.offset;
}

function duplicate({ kernel, task, arguments: args }: Call, strict: boolean, flags: number): number {
  const [from, to] = [int(args[0]), int(args[1])];
  if ((flags & ~O.CLOEXEC) !== 0 || (strict && from === to)) throw new Errno('EINVAL');
  if (to < 0 || to >= fileLimit(task)) throw new Errno('EBADF');
  const file = fileOf(task, from);
  if (from === to) return to;
  if (task.files.descriptors[to] !== undefined) closeDescriptor(kernel, task.files, to);
  setDescriptor(task.files, to, { file, closeOnExec: (flags & O.CLOEXEC) !== 0 });
  return to;
}

const CLOSE_RANGE = { UNSHARE: 2, CLOEXEC: 4 } as const;

function closeRange({ kernel, task, arguments: [first, last, flags] }: Call): number {
  const how = int(flags);
  const [from, to] = [unsigned(first), unsigned(last)];
  if ((how & ~6) !== 0 || from > to) throw new Errno('EINVAL');
  if ((how & CLOSE_RANGE.UNSHARE) !== 0 && task.files.users > 1) {
    task.files.users--;
    task.files = copyTable(task.files);
  }
  const { descriptors } = task.files;
  for (let fd = from; fd <= Math.min(to, descriptors.length - 1); fd++) {
    const found = descriptors[fd];
    if (found === undefined) continue;
    if ((how & CLOSE_RANGE.CLOEXEC) !== 0) found.closeOnExec = true;
    else closeDescriptor(kernel, task.files, fd);
  }
  return 0;
}

/** Open files by descriptor. */
export const FILES: Calls = {
  read: (call) => read(call, ofBuffer),
  pread64: (call) => read(call, ofBuffer, call.arguments[3]),
  readv: (call) => read(call, ofVectors),
  preadv: (call) => read(call, ofVectors, call.arguments[3]),
  preadv2: (call) => read(call, ofVectors, second(call)),
  write: (call) => write(call, ofBuffer),
  pwrite64: (call) => write(call, ofBuffer, call.arguments[3]),
  writev: (call) => write(call, ofVectors),
  pwritev: (call) => write(call, ofVectors, call.arguments[3]),
  pwritev2: (call) => write(call, ofVectors, second(call)),
  close: ({ kernel, task, arguments: [fd] }) => {
    closeDescriptor(kernel, task.files, int(fd));
    return 0;
  },
  close_range: closeRange,
  dup: ({ task, arguments: [fd] }) => install(task, fileOf(task, int(fd)), false),
  dup2: (call) => duplicate(call, false, 0),
  dup3: (call) => duplicate(call, true, int(call.arguments[2])),
  pipe: (call) => pipe2(call, call.arguments[0]!, 0),
  pipe2: (call) => pipe2(call, call.arguments[0]!, call.kernel.arch.openFlags.read(int(call.arguments[1]))),
  eventfd: (call) => eventfd(call, 0),
  eventfd2: (call) => eventfd(call, int(call.arguments[1])),
  memfd_create: memfdCreate,
  ftruncate: (call) => {
    const file = fileOf(call.task, int(call.arguments[0]));
    if ((file.flags & O.ACCMODE) === 0) throw new Errno('EINVAL');
    return setSize(call, file, call.arguments[1]!);
  },
  fallocate,
  fcntl: control,
  lseek,
  ...Object.fromEntries(
    ['fsync', 'fdatasync', 'syncfs'].map((name) => [
      name,
      ({ task, arguments: [fd] }: Call): number => {
        const { inode } = descriptorOf(task, int(fd)).file;
        if (inode.kind === 'pipe' || inode.kind === 'stream') throw new Errno('EINVAL');
        return 0;
      },
    ]),
  ),
  sync: () => 0,
  fadvise64: ({ task, arguments: [fd] }) => {
    if (['pipe', 'stream'].includes(fileOf(task, int(fd)).inode.kind)) throw new Errno('ESPIPE');
    return 0;
  },
};
