import { SI, SIG } from '../../abi/signals.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { makeSignal, sendSignal } from '../signal/send.js';
import type { Task } from '../state.js';
import { wake } from '../wait.js';
import type { OpenFile, Pipe } from './file.js';

/** 16 pages (fs/pipe.c PIPE_DEF_BUFFERS); writes up to a page are never torn. */
const CAPACITY = 65_536;
const ATOMIC = 4096;

export const newPipe = (kernel: Kernel): Pipe => ({
  id: kernel.state.nextId++,
  chunks: [],
  size: 0,
  capacity: CAPACITY,
  readers: 1,
  writers: 1,
});

export const pipeKey = ({ id }: Pipe): string => `pipe:${id}`;

/** Bytes; none at the end; undefined where the reader must wait. */
export function readPipe(kernel: Kernel, pipe: Pipe, size: number): Uint8Array | undefined {
  if (pipe.size === 0) return pipe.writers === 0 || size === 0 ? new Uint8Array(0) : undefined;
  const out = new Uint8Array(Math.min(size, pipe.size));
  let done = 0;
  while (done < out.length) {
    const chunk = pipe.chunks[0]!;
    const part = chunk.subarray(0, out.length - done);
    out.set(part, done);
    done += part.length;
    if (part.length === chunk.length) pipe.chunks.shift();
    else pipe.chunks[0] = chunk.subarray(part.length);
  }
  pipe.size -= done;
  wake(kernel, pipeKey(pipe));
  return out;
}

/** What was read but could not be handed over is in the pipe again (pipe_read() takes nothing it could not copy). */
export function unreadPipe(pipe: Pipe, bytes: Uint8Array): void {
  pipe.chunks.unshift(bytes);
  pipe.size += bytes.length;
}

/** How many bytes were taken; undefined where the writer must wait. EPIPE and SIGPIPE where nobody can read. */
export function writePipe(kernel: Kernel, task: Task, pipe: Pipe, bytes: Uint8Array): number | undefined {
  if (pipe.readers === 0) {
    sendSignal(kernel, task, makeSignal(SIG.SIGPIPE, { code: SI.USER, pid: task.process.pid }));
    throw new Errno('EPIPE');
  }
  const room = pipe.capacity - pipe.size;
  if (bytes.length === 0) return 0;
  if (room === 0 || (bytes.length <= ATOMIC && room < bytes.length)) return undefined;
  const taken = bytes.slice(0, room);
  pipe.chunks.push(taken);
  pipe.size += taken.length;
  wake(kernel, pipeKey(pipe));
  return taken.length;
}

/** The last descriptor of a file is closed. */
export function released(kernel: Kernel, { inode }: OpenFile): void {
  if (inode.kind !== 'pipe') return;
  if (inode.end === 'read') inode.pipe.readers--;
  else inode.pipe.writers--;
  wake(kernel, pipeKey(inode.pipe));
}
