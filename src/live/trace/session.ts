/** A watch over processes, from its beginning to its end, whatever the events come from. */

import { statSync } from 'node:fs';
import { asAddr } from '../../abi/address.js';
import type { Observed } from '../../event/observed.js';
import { x86_64 } from '../../isa/x86-64/decoder.js';
import { SystemError } from '../../linux/errors.js';
import { KERNEL_THREAD, threadStat } from '../../linux/procfs.js';
import { findProgram, go, startStopped } from '../../linux/spawn.js';
import { waitFor } from '../../linux/wait.js';
import { openElf } from '../elf-file.js';
import { type SessionOptions, TargetError } from './options.js';
import { PerfSource } from './perf-source.js';
import { Translator, type TranslatorOptions } from './translator.js';

/** How a command has ended: as wait4(2) tells it. */
export interface CommandEnd {
  readonly pid: number;
  readonly status: number;
}

export interface Watch {
  /** In words: `perf tracepoints`. */
  readonly source: string;
  /** What cannot be watched here; one line each. */
  readonly notes: readonly string[];
  /** Of a command. */
  readonly pid: number | undefined;
  /** Records that there was no room for, so far. */
  readonly lost: number;
  /** Hands on what has happened. `end`: everything up to now. Says how soon to come again, in milliseconds. */
  poll(end?: boolean): number;
  /** The command has ended, if there is one. */
  readonly ended: CommandEnd | undefined;
  /** Nobody is left to watch. */
  readonly deserted: boolean;
  readonly translator: Translator;
  /** Lets go of everything; whoever was watched goes on. */
  close(): void | Promise<void>;
}

type Told = Pick<TranslatorOptions, 'onRegister'> & { readonly onEvent: (observed: Observed) => void };

/** Throws Unavailable, TargetError. */
export function openPerfWatch(options: SessionOptions, told: Told): Watch {
  const { target } = options;
  const perf = { buffer: options.buffer, updates: options.updates, moves: false };
  if (target.kind !== 'command') {
    const pids = target.kind === 'processes' ? target.pids : undefined;
    const source = new PerfSource(target, perf);
    const translator = new Translator({ before: 'unknown', ...(pids && { pids }), ...told });
    return new PerfWatch(source, translator, undefined);
  }
  const pid = startCommand(target.args);
  practise(target.args[0]!);
  try {
    const source = new PerfSource({ kind: 'command', pid }, perf);
    const translator = new Translator({ before: 'nothing', pids: [pid], ...told });
    go(pid);
    return new PerfWatch(source, translator, pid);
  } catch (error) {
    abandon(pid);
    throw error;
  }
}

/** Bytes of a program that is not read for practice: it may have no sections at all. */
const LARGE = 2 ** 23;

/** What is done for the first time takes longest, and the command would fill the rings meanwhile: its file is read before it begins. */
function practise(name: string): void {
  const file = findProgram(name);
  const image =
    statSync(file).size > LARGE
      ? undefined
      : openElf({ name: file, candidates: () => [file], inode: 0, debugDirectories: [] })?.image;
  image?.prepare();
  x86_64.decode(Uint8Array.of(0x90), asAddr(0n)!);
}

export function startCommand(args: readonly string[]): number {
  try {
    return startStopped(args);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new TargetError(`${args[0]} cannot be started: ${error.message}`);
  }
}

/** A command that has not begun is not to begin. */
export function abandon(pid: number): void {
  process.kill(pid, 'SIGKILL');
  waitFor(pid);
}

/** Throws TargetError for a process that is not there, or has no user space. */
export function checkProcess(pid: number): void {
  const stat = threadStat(pid);
  if (stat === undefined) throw new TargetError(`there is no process ${pid}`);
  if ((stat.flags & KERNEL_THREAD) !== 0)
    throw new TargetError(`${pid} (${stat.name}) is a thread of the kernel: it has no restartable sequences`);
  if (stat.state === 'Z' || stat.state === 'X')
    throw new TargetError(`process ${pid} (${stat.name}) has ended; its parent has not waited for it yet`);
}

/** Milliseconds between two looks at the rings: few when much comes. */
const PACES = [
  [0.2, 0],
  [0.05, 4],
  [0.01, 10],
] as const;
const CALM = 20;
/** Milliseconds between two looks whether anybody is left. */
const ROLL_CALL = 200;

class PerfWatch implements Watch {
  readonly source: string;
  ended: CommandEnd | undefined;
  deserted = false;
  private called = performance.now();
  private pace = 0;

  constructor(
    private readonly perf: PerfSource,
    readonly translator: Translator,
    readonly pid: number | undefined,
  ) {
    this.source = perf.widened
      ? 'perf tracepoints of all CPUs (too many threads to watch each)'
      : 'perf tracepoints';
  }

  get notes(): readonly string[] {
    return this.perf.missing;
  }

  get lost(): number {
    return this.perf.lost;
  }

  poll(end = false): number {
    // First, so that what it did last is in the rings already.
    this.ended ??= this.pid === undefined ? undefined : commandEnd(this.pid);
    const all = end || this.ended !== undefined;
    for (;;) {
      const { facts, fill, more } = this.perf.poll(all);
      const now = Number(process.hrtime.bigint());
      for (const fact of facts) this.translator.add(fact, now);
      if (all && more) continue;
      this.pace = more ? 0 : (PACES.find(([least]) => fill >= least)?.[1] ?? CALM);
      break;
    }
    if (this.pid === undefined && performance.now() - this.called > ROLL_CALL) this.callRoll();
    return this.pace;
  }

  private callRoll(): void {
    this.called = performance.now();
    this.deserted = this.translator.tids.every(({ pid, tid }) => {
      const state = threadStat(pid, tid)?.state;
      return state === undefined || state === 'Z' || state === 'X';
    });
  }

  close(): void {
    this.perf.close();
  }
}

/** The status of a command of ours that has ended. */
export function commandEnd(pid: number): CommandEnd | undefined {
  const change = waitFor(pid, false);
  if (change?.kind === 'exited') return { pid, status: change.status << 8 };
  if (change?.kind === 'killed') return { pid, status: change.signal | (change.core ? 0x80 : 0) };
  return undefined;
}
