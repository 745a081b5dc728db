/** The open files of an image, in a process that is to become it. */
import { constants } from 'node:fs';
import type { OpenImage } from '../../checkpoint/codec.js';
import type { FileImage, PipeImage } from '../../checkpoint/image.js';
import { withDescriptor } from '../../linux/descriptors.js';
import { type InThread, withBytes } from '../../linux/inject.js';
import { call as callHere } from '../../linux/libc.js';
import { readForced } from '../../linux/memory.js';
import { permitted } from './attributes.js';
import { firstFree, highDescriptor, type ObjectDescriptors, openIn } from './make-descriptors.js';

const F_DUPFD = 0;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
const O_CLOEXEC = 0o2000000;
const O_DIRECT = 0o40000;
const O_ACCMODE = 3;
const EFD_SEMAPHORE = 1;
/** O_APPEND, O_NONBLOCK, O_DIRECT, O_NOATIME, FASYNC: those that F_SETFL changes. */
const CHANGEABLE = 0o2000 | 0o4000 | O_DIRECT | 0o1000000 | 0o20000;

/** Throws Unsupported, SystemError. */
export function makeFiles(pid: number, call: InThread, open: OpenImage, objects: ObjectDescriptors): void {
  const { image } = open;
  const wanted = new Set(image.files.map(({ fd }) => fd));
  for (const fd of [0, 1, 2]) if (!wanted.has(fd)) call('close', fd);
  const pipes = (image.pipes ?? []).map((pipe, index) => makePipe(pid, call, open, pipe, index));
  for (const file of image.files) {
    const { fd, same, flags, kind } = file;
    if (same !== undefined) call('dup3', same, fd, flags & O_CLOEXEC);
    else if (kind !== 'stream') makeFile(pid, call, open, file, pipes, objects);
  }
  for (const pipe of pipes) {
    call('close', pipe.read);
    call('close', pipe.write);
  }
}

function makeFile(
  pid: number,
  call: InThread,
  { image }: OpenImage,
  file: FileImage,
  pipes: readonly Pipe[],
  objects: ObjectDescriptors,
): void {
  const { fd, kind, path, flags, position, index = 0, count = 0n, semaphore } = file;
  const access = flags & O_ACCMODE;
  const again = (made: number): number => openIn(pid, call, `/proc/self/fd/${made}`, flags & ~O_CLOEXEC);
  let made: number;
  if (kind === 'file') made = openIn(pid, call, path, flags & ~O_CLOEXEC);
  else if (kind === 'memfd') made = again(objects[index]!);
  else if (kind === 'pipe') made = pipes[index]!.take(access) ?? again(pipes[index]!.read);
  else made = Number(call('eventfd2', 0, semaphore ? EFD_SEMAPHORE : 0));
  if (made !== fd || flags & O_CLOEXEC) {
    const high = made === fd ? highDescriptor(call, made, image) : made;
    call('dup3', high, fd, flags & O_CLOEXEC);
    call('close', high);
  }
  if (kind === 'pipe' || kind === 'eventfd') call('fcntl', fd, F_SETFL, flags & CHANGEABLE);
  if (kind === 'eventfd' && count > 0n)
    withDescriptor(pid, fd, (own) => callHere('write', own, new BigUint64Array([count]), 8));
  // Devices and what O_PATH opens have none.
  if (position !== 0) call('lseek', fd, position, 0);
}

interface Pipe {
  readonly read: number;
  readonly write: number;
  /** An end of this kind, once: whoever wants another one opens it again. */
  take(access: number): number | undefined;
}

function makePipe(pid: number, call: InThread, open: OpenImage, pipe: PipeImage, index: number): Pipe {
  const { image } = open;
  const inPackets = image.files.some(
    (file) => file.kind === 'pipe' && file.index === index && file.flags & O_DIRECT,
  );
  const both = withBytes(
    pid,
    call,
    () => new Uint8Array(8),
    (at) => {
      call('pipe2', at, inPackets ? O_DIRECT : 0);
      return [...new Int32Array(readForced(pid, at, 8)!.buffer)];
    },
  );
  const [read, write] = both.map((fd) => highDescriptor(call, fd, image)) as [number, number];
  permitted(`give a pipe its ${pipe.capacity} bytes`, () =>
    call('fcntl', write, F_SETPIPE_SZ, pipe.capacity),
  );
  withDescriptor(pid, write, (own) => fillPipe(own, open, pipe));
  const left = new Map<number, number>([
    [constants.O_RDONLY, read],
    [constants.O_WRONLY, write],
  ]);
  return {
    read,
    write,
    take: (access) => {
      const fd = left.get(access);
      left.delete(access);
      // The one that is kept here is closed when all are made.
      return fd === undefined ? undefined : Number(call('fcntl', fd, F_DUPFD, firstFree(image)));
    },
  };
}

function fillPipe(fd: number, open: OpenImage, { pieces, packets }: PipeImage): void {
  const all = Buffer.concat(pieces.map((piece) => open.contents(piece)));
  let at = 0;
  for (const length of packets ?? (all.length === 0 ? [] : [all.length])) {
    // There is room for it: it does not wait.
    const part = Uint8Array.from(all.subarray(at, at + length));
    callHere('write', fd, part, part.length);
    at += length;
  }
}
