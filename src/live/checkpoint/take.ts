/** Freezes a process, has its memory read, and lets it go on. */

import { SIG } from '../../abi/signals.js';
import type { ProcessImage } from '../../checkpoint/image.js';
import { findSyscall } from '../../linux/inject.js';
import { signalThread } from '../../linux/ptrace.js';
import { waitFor } from '../../linux/wait.js';
import { capture, checkBefore } from './capture.js';
import { prepareMaps } from './contents.js';
import { type Frozen, freeze, type Meeting, thaw } from './freeze.js';
import type { Parent } from './known.js';
import { forgetMaps } from './maps.js';
import { MemoryTaker } from './memory.js';
import { type Snapshot, snapshot } from './snapshot.js';
import { ImageWriter } from './writer.js';

export interface TakeOptions {
  readonly pid: number;
  /** It ends when the image is there, and stands still up to then. */
  readonly kill: boolean;
  readonly keepPosition: boolean;
  /** Its memory is copied while it stands still, and no snapshot is made. */
  readonly copy: boolean;
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
  const writer = new ImageWriter(options.out, options.file);
  const memory = new MemoryTaker(writer, options.parent?.known);
  const outside = checkBefore(pid);
  prepareMaps(pid);
  options.progress(0);
  const met = options.arrive?.();
  if (met !== undefined) forgetMaps();
  const begun = performance.now();
  const threads = freeze(pid, met);
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
      bytes = await write(pid);
      options.complete();
      end(pid, threads);
    } else copy = keep(threads, memory, options);
  } finally {
    thaw(threads);
  }
  const frozen = performance.now() - begun;
  if (!kill) {
    try {
      bytes = await write(copy?.pid ?? pid);
    } finally {
      copy?.end();
    }
    options.complete();
  }
  return { image, bytes, memory: memory.taken, frozen };
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
