import { Errno } from '../errno.js';
import type { Inode } from '../files/file.js';
import { O, SEAL } from '../files/flags.js';
import { pipeKey } from '../files/pipe.js';
import { descriptorOf, fileLimit, install } from '../files/table.js';
import type { Descriptor } from '../state.js';
import { wake } from '../wait.js';
import { type Call, type Calls, int, unsigned } from './call.js';

type Operation = (call: Call, descriptor: Descriptor, value: bigint) => number;

/** What F_SETFL can change (SETFL_MASK in fs/fcntl.c). */
const CHANGEABLE = O.APPEND | O.NONBLOCK | O.DIRECT;
/** pipe-max-size, which root may go beyond. */
const MOST_PIPE = 2 ** 31;

const duplicateFrom =
  (closeOnExec: boolean): Operation =>
  ({ task }, { file }, value) => {
    if (int(value) < 0 || int(value) >= fileLimit(task)) throw new Errno('EINVAL');
    return install(task, file, closeOnExec, int(value));
  };

const pipeOf = (inode: Inode) => {
  if (inode.kind !== 'pipe') throw new Errno('EBADF');
  return inode.pipe;
};

/** F_SETPIPE_SZ: a power of two of pages, no less than what is in it (fs/pipe.c pipe_set_size()). */
const setPipeSize: Operation = ({ kernel }, { file }, value) => {
  const pipe = pipeOf(file.inode);
  const wanted = unsigned(value);
  if (wanted > MOST_PIPE) throw new Errno('EINVAL');
  let capacity = 4096;
  while (capacity < wanted) capacity *= 2;
  if (capacity < pipe.size) throw new Errno('EBUSY');
  pipe.capacity = capacity;
  wake(kernel, pipeKey(pipe));
  return capacity;
};

const sealed = (inode: Inode) => {
  if (inode.kind !== 'regular' || inode.object.constant) throw new Errno('EINVAL');
  return inode;
};

/** By F_* (include/uapi/asm-generic/fcntl.h, linux/fcntl.h). */
const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [0, duplicateFrom(false)],
  [1, (_, { closeOnExec }) => Number(closeOnExec)],
  [
    2,
    (_, descriptor, value) => {
      descriptor.closeOnExec = (int(value) & 1) !== 0;
      return 0;
    },
  ],
  [3, ({ kernel }, { file }) => kernel.arch.openFlags.show(file.flags)],
  [
    4,
    ({ kernel }, { file }, value) => {
      const given = kernel.arch.openFlags.read(int(value));
      file.flags = (file.flags & ~CHANGEABLE) | (given & CHANGEABLE);
      return 0;
    },
  ],
  [1030, duplicateFrom(true)],
  [1031, setPipeSize],
  [1032, (_, { file }) => pipeOf(file.inode).capacity],
  // F_ADD_SEALS, F_GET_SEALS
  [
    1033,
    ({ kernel }, { file }, value) => {
      const node = sealed(file.inode);
      if ((file.flags & O.ACCMODE) === 0) throw new Errno('EPERM');
      if ((int(value) & ~63) !== 0) throw new Errno('EINVAL');
      if ((node.seals & SEAL.SEAL) !== 0) throw new Errno('EPERM');
      const written = (int(value) & SEAL.WRITE) !== 0 && (node.seals & SEAL.WRITE) === 0;
      if (written && isMappedToWrite(kernel, node)) throw new Errno('EBUSY');
      node.seals |= int(value);
      return 0;
    },
  ],
  [1034, (_, { file }) => sealed(file.inode).seals],
]);

const isMappedToWrite = (
  { state }: Call['kernel'],
  { object }: Extract<Inode, { kind: 'regular' }>,
): boolean =>
  [...state.mms.values()].some(({ areas }) =>
    areas.some((area) => area.object === object && area.shared && (area.allowed & 2) !== 0),
  );

export function control(call: Call): number {
  const [fd, operation, value] = call.arguments as [bigint, bigint, bigint];
  const descriptor = descriptorOf(call.task, int(fd));
  const row = OPERATIONS.get(int(operation));
  if (row === undefined) throw new Errno('EINVAL');
  if ((descriptor.file.flags & O.PATH) !== 0 && ![0, 1, 2, 3, 1030].includes(int(operation)))
    throw new Errno('EBADF');
  return row(call, descriptor, value);
}

/** By number (include/uapi/asm-generic/ioctls.h). Nothing is a terminal. */
const REQUESTS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  // FIONREAD
  [
    0x541b,
    ({ memory }, { file }, address) => {
      const { inode } = file;
      if (inode.kind === 'pipe') memory.setU32(address, inode.pipe.size);
      else if (inode.kind === 'regular') memory.setU32(address, Math.max(0, inode.object.size - file.offset));
      else throw new Errno('ENOTTY');
      return 0;
    },
  ],
  // FIONBIO
  [
    0x5421,
    ({ memory }, { file }, address) => {
      file.flags = memory.u32(address) === 0 ? file.flags & ~O.NONBLOCK : file.flags | O.NONBLOCK;
      return 0;
    },
  ],
  // FIONCLEX, FIOCLEX
  ...([0x5450, 0x5451] as const).map((request): [number, Operation] => [
    request,
    (_, descriptor) => {
      descriptor.closeOnExec = request === 0x5451;
      return 0;
    },
  ]),
]);

export const IOCTL: Calls = {
  ioctl: (call) => {
    const [fd, request, value] = call.arguments as [bigint, bigint, bigint];
    const descriptor = descriptorOf(call.task, int(fd));
    if ((descriptor.file.flags & O.PATH) !== 0) throw new Errno('EBADF');
    const row = REQUESTS.get(unsigned(request));
    if (row === undefined) throw new Errno('ENOTTY');
    return row(call, descriptor, value);
  },
};
