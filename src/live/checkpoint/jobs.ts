/** What keepers do for `rseqlab checkpoint` and `rseqlab restore`: a tracer that dies in the middle of a step would take the process with it. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { SIG } from '../../abi/signals.js';
import { decodeImage, ImageData, ImageError } from '../../checkpoint/codec.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { signalThread } from '../../linux/ptrace.js';
import { waitFor } from '../../linux/wait.js';
import { reason } from '../../node/reason.js';
import type { Channel } from '../keeper/channel.js';
import { whyNot } from '../keeper/refusal.js';
import { capture, checkBefore } from './capture.js';
import { type Frozen, freeze, thaw } from './freeze.js';
import { Unsupported } from './refusal.js';
import { restore } from './restore.js';

export interface CheckpointConfig {
  readonly pid: number;
  readonly file: string;
  readonly kill: boolean;
  readonly keepPosition: boolean;
}

/** `frozen`: microseconds in which the process stood still. */
export interface CheckpointMessage {
  readonly kind: 'done';
  readonly frozen: number;
  readonly bytes: number;
  readonly threads: number;
  readonly sections: number;
}

export function checkpointJob(channel: Channel, given: unknown): void {
  const { pid, file, kill, keepPosition } = given as CheckpointConfig;
  refusing(channel, `cannot checkpoint process ${pid}`, () => {
    const temporary = `${file}.${process.pid}.tmp`;
    const out = openFile(temporary);
    try {
      const begun = performance.now();
      const threads = freezeOrRefuse(pid);
      let taken: { parts: Uint8Array[]; sections: number } | undefined;
      try {
        const data = new ImageData();
        const image = capture(pid, threads, data, { keepPosition });
        taken = {
          parts: data.encode(image),
          sections: image.threads.filter(({ section }) => section).length,
        };
        for (const part of taken.parts) write(out, part, file);
        fsyncSync(out);
        renameSync(temporary, file);
        if (kill) end(pid, threads);
      } finally {
        thaw(threads);
      }
      const frozen = (performance.now() - begun) * 1000;
      const bytes = taken.parts.reduce((sum, { length }) => sum + length, 0);
      channel.send({ kind: 'done', frozen, bytes, threads: threads.length, sections: taken.sections });
    } finally {
      closeSync(out);
      rmSync(temporary, { force: true });
    }
  });
}

function freezeOrRefuse(pid: number): Frozen[] {
  try {
    checkBefore(pid);
    return freeze(pid);
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EACCES', 'ESRCH', 'ENOENT')) throw error;
    throw new Unsupported(whyNot(pid));
  }
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

function openFile(name: string): number {
  try {
    return openSync(name, 'wx', 0o600);
  } catch (error) {
    throw new Unsupported(`${name} cannot be written: ${reason(error)}; choose another place with -o`);
  }
}

function write(fd: number, bytes: Uint8Array, name: string): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  } catch (error) {
    throw new Unsupported(`${name} cannot be written: ${reason(error)}; choose another place with -o`);
  }
}

export interface RestoreConfig {
  readonly file: string;
  readonly detach: boolean;
}

/** What it says, beside KeeperMessage. */
export interface RestoreMessage {
  readonly kind: 'running';
  readonly pid: number;
  readonly threads: number;
}

export function restoreJob(channel: Channel, given: unknown): void {
  const { file, detach } = given as RestoreConfig;
  refusing(channel, `cannot bring ${file} back`, () => {
    const opened = decodeImage(readFileSync(file), file);
    const { pid, run } = restore(opened);
    run();
    channel.send({ kind: 'running', pid, threads: opened.image.threads.length });
    if (detach) return;
    let change = waitFor(pid);
    // It may be stopped, and go on.
    while (change?.kind === 'signal') change = waitFor(pid);
    if (change?.kind === 'exited') channel.send({ kind: 'ended', status: change.status });
    if (change?.kind === 'killed') channel.send({ kind: 'ended', signal: change.signal });
  });
}

/** What stands against it is told to the user. */
function refusing(channel: Channel, what: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    const known = error instanceof Unsupported || error instanceof ImageError || error instanceof SystemError;
    if (!known && !isErrno(error, 'ENOENT', 'EACCES', 'EISDIR')) throw error;
    const why = known ? (error as Error).message : reason(error);
    channel.send({ kind: 'refused', message: error instanceof ImageError ? why : `${what}: ${why}` });
  }
}
