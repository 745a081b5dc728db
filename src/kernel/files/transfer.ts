import { RESTART } from '../../abi/errno.js';
import { Errno } from '../errno.js';
import type { Call, Result } from '../syscalls/call.js';
import { blocked, wake } from '../wait.js';
import type { OpenFile } from './file.js';
import { O } from './open.js';
import { pipeKey, readPipe, writePipe } from './pipe.js';

export const eventKey = (id: number): string => `eventfd:${id}`;

const word = (value: bigint): Uint8Array => new Uint8Array(new BigUint64Array([value]).buffer);

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
  if ((file.flags & O.ACCMODE) === O.WRONLY) throw new Errno('EBADF');
  switch (inode.kind) {
    case 'stream':
      return kernel.host.read(size);
    case 'text': {
      const at = offset ?? file.offset;
      const bytes = inode.content.subarray(at, at + size);
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
      return kernel.random.bytes(size);
    case 'null':
      return new Uint8Array(0);
    case 'directory':
      throw new Errno('EISDIR');
  }
}

/** How many bytes were taken, or a wait. */
export function writeFile(call: Call, file: OpenFile, bytes: Uint8Array): Result {
  const { kernel, task } = call;
  const { inode } = file;
  if ((file.flags & O.ACCMODE) === 0) throw new Errno('EBADF');
  switch (inode.kind) {
    case 'stream':
      if (inode.stream === 0) throw new Errno('EBADF');
      kernel.host.write(inode.stream, bytes);
      kernel.emit(task, { kind: 'output', fd: inode.stream, bytes });
      return bytes.length;
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

/** What poll(2) says of a file, and what to wait for. */
export function readiness({ inode }: OpenFile): { events: number; key: string | undefined } {
  const [POLLIN, POLLOUT, POLLERR, POLLHUP] = [1, 4, 8, 16];
  switch (inode.kind) {
    case 'pipe': {
      const { pipe, end } = inode;
      const read = (pipe.size > 0 ? POLLIN : 0) | (pipe.writers === 0 ? POLLHUP : 0);
      const write = (pipe.capacity - pipe.size >= 4096 ? POLLOUT : 0) | (pipe.readers === 0 ? POLLERR : 0);
      return { events: end === 'read' ? read : write, key: pipeKey(pipe) };
    }
    case 'event':
      return { events: (inode.count > 0n ? POLLIN : 0) | POLLOUT, key: eventKey(inode.id) };
    case 'stream':
      return { events: inode.stream === 0 ? POLLIN : POLLOUT, key: undefined };
    default:
      return { events: POLLIN | POLLOUT, key: undefined };
  }
}
