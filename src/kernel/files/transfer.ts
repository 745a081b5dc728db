import { RESTART } from '../../abi/errno.js';
import { Errno } from '../errno.js';
import { readObject, writeObject } from '../mm/objects.js';
import { randomBytes } from '../random.js';
import type { Call, Result } from '../syscalls/call.js';
import { blocked, wake } from '../wait.js';
import type { OpenFile, RegularNode } from './file.js';
import { O, SEAL } from './flags.js';
import { pipeKey, readPipe, writePipe } from './pipe.js';

export const eventKey = (id: number): string => `eventfd:${id}`;

const word = (value: bigint): Uint8Array => new Uint8Array(new BigUint64Array([value]).buffer);

/** Largest file: 2 GiB, all in memory. */
export const MOST_BYTES = 2 ** 31;

/** Waits for a file; at once EAGAIN where it is not to wait, and -ERESTARTSYS where a signal came. */
export function waitFor(call: Call, file: OpenFile, key: string): Result {
  if ((file.flags & O.NONBLOCK) !== 0) throw new Errno('EAGAIN');
  if (call.resumed?.ended === 'signal') return -RESTART.ERESTARTSYS;
  return blocked([key], { arguments: call.arguments, data: call.resumed?.data });
}

/** Up to `size` bytes from where the file stands, or at `offset`; or a wait. */
export function readFile(call: Call, file: OpenFile, size: number, offset?: number): Uint8Array | Result {
  const { kernel } = call;
  const { inode } = file;
  if ((file.flags & O.ACCMODE) === O.WRONLY || (file.flags & O.PATH) !== 0) throw new Errno('EBADF');
  const at = offset ?? file.offset;
  switch (inode.kind) {
    case 'stream':
      return kernel.host.read(size);
    case 'text':
    case 'regular': {
      const bytes =
        inode.kind === 'text'
          ? inode.content.subarray(at, at + size)
          : readObject(kernel, inode.object, at, size);
      if (inode.kind === 'regular') inode.facts.accessed = kernel.state.clock;
      if (offset === undefined) file.offset += bytes.length;
      return bytes;
    }
    case 'pipe':
      return readPipe(kernel, inode.pipe, size) ?? waitFor(call, file, pipeKey(inode.pipe));
    case 'event': {
      if (size < 8) throw new Errno('EINVAL');
      if (inode.count === 0n) return waitFor(call, file, eventKey(inode.id));
      const taken = inode.semaphore ? 1n : inode.count;
      inode.count -= taken;
      wake(kernel, eventKey(inode.id));
      return word(taken);
    }
    case 'zero':
    case 'full':
      return new Uint8Array(size);
    case 'random':
      return randomBytes(kernel.state.random, size);
    case 'null':
      return new Uint8Array(0);
    case 'directory':
    case 'listing':
      throw new Errno('EISDIR');
  }
}

/** How many bytes were taken, or a wait. */
export function writeFile(call: Call, file: OpenFile, bytes: Uint8Array, offset?: number): Result {
  const { kernel, task } = call;
  const { inode } = file;
  if ((file.flags & O.ACCMODE) === 0 || (file.flags & O.PATH) !== 0) throw new Errno('EBADF');
  switch (inode.kind) {
    case 'stream':
      if (inode.stream === 0) throw new Errno('EBADF');
      kernel.host.write(inode.stream, bytes);
      kernel.emit(task, { kind: 'output', fd: inode.stream, bytes });
      return bytes.length;
    case 'regular':
      return writeRegular(call, file, inode, bytes, offset);
    case 'pipe': {
      const done = (call.resumed?.data as { done: number } | undefined)?.done ?? 0;
      const taken = writePipe(kernel, task, inode.pipe, bytes.subarray(done));
      const all = done + (taken ?? 0);
      if (all === bytes.length) return all;
      if ((file.flags & O.NONBLOCK) !== 0) {
        if (all === 0) throw new Errno('EAGAIN');
        return all;
      }
      if (call.resumed?.ended === 'signal') return all > 0 ? all : -RESTART.ERESTARTSYS;
      return blocked([pipeKey(inode.pipe)], { arguments: call.arguments, data: { done: all } });
    }
    case 'event': {
      if (bytes.length < 8) throw new Errno('EINVAL');
      const value = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
      const most = 0xffff_ffff_ffff_fffen;
      if (value > most) throw new Errno('EINVAL');
      if (inode.count + value > most) return waitFor(call, file, eventKey(inode.id));
      inode.count += value;
      wake(kernel, eventKey(inode.id));
      return 8;
    }
    case 'full':
      throw new Errno('ENOSPC');
    case 'null':
    case 'zero':
    case 'random':
      return bytes.length;
    default:
      throw new Errno('EBADF');
  }
}

function writeRegular(
  { kernel, task }: Call,
  file: OpenFile,
  { object, facts, seals }: RegularNode,
  bytes: Uint8Array,
  offset: number | undefined,
): number {
  if ((seals & (SEAL.WRITE | SEAL.FUTURE_WRITE)) !== 0) throw new Errno('EPERM');
  const at = (file.flags & O.APPEND) !== 0 ? object.size : (offset ?? file.offset);
  if (bytes.length === 0) return 0;
  if (at >= MOST_BYTES) throw new Errno('EFBIG');
  let taken = bytes.subarray(0, MOST_BYTES - at);
  if ((seals & SEAL.GROW) !== 0) taken = taken.subarray(0, Math.max(0, object.size - at));
  if (taken.length === 0) throw new Errno('EPERM');
  writeObject(kernel, task.mm, object, at, taken);
  facts.modified = facts.changed = kernel.state.clock;
  if (offset === undefined) file.offset = at + taken.length;
  return taken.length;
}

const POLL = { IN: 1, OUT: 4, ERR: 8, HUP: 16, RDNORM: 64, WRNORM: 256 } as const;
const READABLE = POLL.IN | POLL.RDNORM;
const WRITABLE = POLL.OUT | POLL.WRNORM;

/** What poll(2) says of a file, and what to wait for. */
export function readiness({ inode }: OpenFile): { events: number; key: string | undefined } {
  switch (inode.kind) {
    case 'pipe': {
      const { pipe, end } = inode;
      const read = (pipe.size > 0 ? READABLE : 0) | (pipe.writers === 0 ? POLL.HUP : 0);
      const write = (pipe.capacity - pipe.size >= 4096 ? WRITABLE : 0) | (pipe.readers === 0 ? POLL.ERR : 0);
      return { events: end === 'read' ? read : write, key: pipeKey(pipe) };
    }
    case 'event': {
      const read = inode.count > 0n ? POLL.IN : 0;
      return {
        events: read | (inode.count < 0xffff_ffff_ffff_fffen ? POLL.OUT : 0),
        key: eventKey(inode.id),
      };
    }
    case 'stream':
      return { events: inode.stream === 0 ? READABLE : WRITABLE, key: undefined };
    default:
      return { events: READABLE | WRITABLE, key: undefined };
  }
}
