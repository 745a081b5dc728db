/** What keepers do for `rseqlab checkpoint` and `rseqlab restore`: a tracer that dies in the middle of a step would take the process with it. */
import { closeSync, openSync } from 'node:fs';
import { ImageError } from '../../checkpoint/codec.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { NewFile } from '../../linux/new-file.js';
import { waitFor } from '../../linux/wait.js';
import { reason } from '../../node/reason.js';
import type { Channel } from '../keeper/channel.js';
import { whyNot } from '../keeper/refusal.js';
import { arrive, instructionOf } from './at.js';
import { parentOf } from './known.js';
import { openImageFile } from './open.js';
import { Unsupported } from './refusal.js';
import { restore } from './restore.js';
import { take } from './take.js';
import { writing } from './writer.js';

export interface CheckpointConfig {
  readonly pid: number;
  /** Where the image is to be. */
  readonly file: string;
  /** Instead, a file that is open elsewhere, by its place below /proc: it gets no name. */
  readonly into?: string;
  readonly kill: boolean;
  readonly keepPosition: boolean;
  /** Its memory is copied while it stands still: no snapshot. */
  readonly copy: boolean;
  readonly compress: boolean;
  /** An image from before: only what has changed since is written. */
  readonly parent: string | undefined;
  /** An instruction at which a thread is to be: `0x4011c4`, `push+0x14`. */
  readonly at?: string;
}

/** What it says, beside KeeperMessage. */
export type CheckpointMessage =
  /** Bytes of its memory that have been read. */
  { readonly kind: 'progress'; readonly taken: number } | CheckpointDone;

/** `frozen`: microseconds in which the process stood still. */
export interface CheckpointDone {
  readonly kind: 'done';
  readonly frozen: number;
  /** Of the image, and of the memory that was read. */
  readonly bytes: number;
  readonly memory: number;
  readonly threads: number;
  readonly sections: number;
}

/** Bytes of memory between two messages of progress. */
const STRIDE = 32 << 20;
/** The tool has ended: nobody wants the image any more. */
class Abandoned extends Error {}

export async function checkpointJob(channel: Channel, given: unknown): Promise<void> {
  const config = given as CheckpointConfig;
  const { pid, file, parent: before } = config;
  await refusing(channel, `cannot checkpoint process ${pid}`, async () => {
    const parent = before === undefined ? undefined : parentOf(before, file);
    const out = config.into === undefined ? writing(file, () => NewFile.create(file)) : undefined;
    const fd = out?.fd ?? openSync(config.into!, 'r+');
    let told = 0;
    try {
      const arriving = config.at === undefined ? undefined : instructionOf(pid, config.at);
      const { image, bytes, memory, frozen } = await take({
        ...config,
        out: fd,
        parent,
        ...(arriving !== undefined && {
          arrive: () => {
            const met = arrive(channel, pid, arriving);
            if (met === undefined) throw new Abandoned();
            return met;
          },
        }),
        progress: (taken) => {
          channel.receive(false);
          if (channel.gone) throw new Abandoned();
          if (taken < told + STRIDE) return;
          told = taken;
          channel.send({ kind: 'progress', taken });
        },
        complete: () => writing(file, () => out?.publish()),
      });
      channel.send({
        kind: 'done',
        frozen: frozen * 1000,
        bytes,
        memory,
        threads: image.threads.length,
        sections: image.threads.filter(({ section }) => section).length,
      });
    } catch (error) {
      if (error instanceof Abandoned) return;
      if (isErrno(error, 'EPERM', 'EACCES', 'ESRCH', 'ENOENT')) throw new Unsupported(whyNot(pid));
      throw error;
    } finally {
      if (out === undefined) closeSync(fd);
      else out.close();
    }
  });
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

export async function restoreJob(channel: Channel, given: unknown): Promise<void> {
  const { file, detach } = given as RestoreConfig;
  await refusing(channel, `cannot bring ${file} back`, async () => {
    const opened = openImageFile(file);
    const { pid, run } = await restore(opened);
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
async function refusing(channel: Channel, what: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const known = error instanceof Unsupported || error instanceof ImageError || error instanceof SystemError;
    if (!known && !isErrno(error, 'ENOENT', 'EACCES', 'EISDIR')) throw error;
    const why = known ? (error as Error).message : reason(error);
    channel.send({ kind: 'refused', message: error instanceof ImageError ? why : `${what}: ${why}` });
  }
}
