/** Freezes a process, has its memory read, and lets it go on. */

import { SIG } from '../../abi/signals.js';
import type { ProcessImage } from '../../checkpoint/image.js';
import { isErrno } from '../../linux/errors.js';
import { findSyscall } from '../../linux/inject.js';
import { tryCall } from '../../linux/libc.js';
import { signalThread } from '../../linux/ptrace.js';
import { waitFor } from '../../linux/wait.js';
import { capture, checkBefore } from './capture.js';
import { prepareMaps } from './contents.js';
import { type Frozen, freeze, type Meeting, thaw } from './freeze.js';
import type { Parent } from './known.js';
import { forgetMaps } from './maps.js';
import { MemoryTaker } from './memory.js';
import { Unsupported } from './refusal.js';
import { type Snapshot, snapshot } from './snapshot.js';
import { ImageWriter } from './writer.js';

export interface TakeOptions {
  readonly pid: number;
  /** It ends when the image is there, and stands still up to then. */
  readonly kill: boolean;
  readonly keepPosition: boolean;
  /** Its memory is copied while it stands still, and no snapshot is made. */
  readonly copy: boolean;
  readonly compress: boolean;
  /** Waits until a thread stands where it is to be frozen. */
  arrive?(): Meeting;
  /** Where the image goes, and its name for messages. */
  readonly out: number;
  readonly file: string;
  /** What has not changed since is left in that image. */
  readonly parent: Parent | undefined;
  /** Gets the bytes of memory that have been read, 0 before it is stopped; throws to end this. */
  progress(taken: number): void;
  /** The image is written: it gets its name. */
  complete(): void;
}

export interface Taken {
  readonly image: ProcessImage;
  /** Of the image. */
  readonly bytes: number;
  /** Of memory. */
  readonly memory: number;
  /** Milliseconds in which the process stood still. */
  readonly frozen: number;
}

/** Throws Unsupported, SystemError, what `progress` and writing throw: the process goes on then, whatever was asked. */
export async function take(options: TakeOptions): Promise<Taken> {
  const { pid, kill } = options;
  const writer = new ImageWriter(options.out, options.file, options.compress);
  const memory = new MemoryTaker(writer, options.parent?.known);
  const outside = checkBefore(pid);
  prepareMaps(pid);
  options.progress(0);
  const met = options.arrive?.();
  if (met !== undefined) forgetMaps();
  const begun = performance.now();
  const relax = hurry();
  const threads = freezeOr(relax, () => freeze(pid, met));
  let image: ProcessImage;
  let bytes = 0;
  let copy: Snapshot | undefined;
  const write = async (from: number): Promise<number> => {
    await memory.take(from, options.progress);
    return writer.finish(image, options.parent?.image);
  };
  try {
    image = capture(pid, threads, memory, outside, options);
    if (kill) {
      relax();
      bytes = await write(pid);
      options.complete();
      end(pid, threads);
    } else copy = keep(threads, memory, options);
  } finally {
    thaw(threads);
    relax();
  }
  const frozen = performance.now() - begun;
  if (!kill) {
    try {
      bytes = await write(copy?.pid ?? pid);
    } catch (error) {
      if (copy === undefined || !isErrno(error, 'ESRCH', 'ENOENT', 'EIO')) throw error;
      throw new Unsupported(
        'the snapshot of its memory was killed, perhaps for want of memory; the process is as it was; try again with --copy',
      );
    } finally {
      copy?.end();
    }
    options.complete();
  }
  return { image, bytes, memory: memory.taken, frozen };
}

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;
const RESET_ON_FORK = 0x4000_0000;

/**
 * While others wait for us we go first, where we may (CAP_SYS_NICE): on a machine with much to do a process would stand still for as often as we wait
 * for our turn. What it returns takes that back.
 */
function hurry(): () => void {
  const priority = (value: number): Uint8Array => Uint8Array.of(value, 0, 0, 0);
  if (tryCall('sched_getscheduler', 0) !== SCHED_OTHER) return () => {};
  tryCall('sched_setscheduler', 0, SCHED_FIFO | RESET_ON_FORK, priority(1));
  return () => {
    tryCall('sched_setscheduler', 0, SCHED_OTHER, priority(0));
  };
}

function freezeOr(failed: () => void, action: () => Frozen[]): Frozen[] {
  try {
    return action();
  } catch (error) {
    failed();
    throw error;
  }
}

/** Its memory as it is now, to be read when it goes on: by a snapshot, or in memory of ours. */
function keep(
  threads: readonly Frozen[],
  memory: MemoryTaker,
  { pid, copy }: TakeOptions,
): Snapshot | undefined {
  const instruction = copy ? undefined : findSyscall(pid);
  const made = instruction === undefined ? undefined : snapshot(pid, threads[0]!.tid, instruction);
  memory.copy(pid, made !== undefined);
  return made;
}

/** Nothing of it runs any more when this returns. */
function end(pid: number, threads: readonly Frozen[]): void {
  signalThread(pid, pid, SIG.SIGKILL);
  // In whatever order they end: the first one is told of last.
  for (const left = new Set(threads.map(({ tid }) => tid)); left.size > 0; ) {
    const change = waitFor(-1);
    if (change === undefined) return;
    if (change.kind === 'exited' || change.kind === 'killed') left.delete(change.tid);
  }
}
