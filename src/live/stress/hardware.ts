/**
 * Aborts by debug registers: nothing is written into the program's code. There are four, and each thread has its own: so every thread goes through the
 * points of one section after the other by itself, a few at a time, and what a running thread stops at can be changed only when it stops. Slower than
 * int3, and for those only who cannot have these: code that cannot be written to, programs that look at their own code.
 */

import { COUNT, DebugRegisters } from '../../linux/debug-registers.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { threadStat } from '../../linux/procfs.js';
import type { Space } from '../keeper/space.js';
import type { TracedThread } from '../keeper/traced.js';
import type { Instance } from './instance.js';
import type { Point } from './sections.js';

/** What it has in common with the breakpoints in code. */
export interface Tally {
  /** A thread stands at a point. True where that aborts it. */
  count(thread: TracedThread, instance: Instance, point: Point): boolean;
  /** The points of a round of so many. */
  pointsOf(instance: Instance, round: number): readonly Point[];
  roundsOf(instance: Instance): number;
  /** One point after the other in the order of the round, each only when the one before was hit. */
  readonly ordered: boolean;
}

/** Exits that are waited for: the others leave too little room. */
const MOST_EXITS = 2;
/** Times that a thread may leave a section in which it has come to nothing of what was planted. */
const MOST_VAIN = 64;

/** How far a thread is with a section. */
interface Progress {
  rounds: number;
  vain: number;
}

interface Worker {
  readonly thread: TracedThread;
  readonly registers: DebugRegisters;
  readonly progress: Map<Instance, Progress>;
  /** Where it was last met. */
  instance: Instance | undefined;
  /** Before that: sections at whose first points it is waited for. */
  scouts: readonly Instance[];
  /** Points of this round that it has not come to yet. */
  queue: Point[];
  /** It was at a point: exits are waited for. */
  leaving: boolean;
  /** It has come to something since the last tick. */
  busy: boolean;
  /** It is to stop, for something else to be planted. */
  called: boolean;
  /** It is done with all sections that there are. */
  idle: boolean;
}

export class Hardware {
  private readonly instances = new Map<Space, Instance[]>();
  private readonly workers = new Map<number, Worker>();
  private ended = false;
  /** Why it cannot be done. */
  trouble: string | undefined;

  constructor(
    private readonly tally: Tally,
    private readonly interrupt: (thread: TracedThread) => void,
  ) {}

  add(instance: Instance): void {
    const list = this.instances.get(instance.space) ?? [];
    list.push(instance);
    this.instances.set(instance.space, list);
    for (const worker of this.workers.values())
      if (worker.thread.process.space === instance.space) worker.idle = false;
  }

  /** Sections that are gone. */
  drop(space: Space, stays: (instance: Instance) => boolean): void {
    const list = this.instances.get(space);
    if (list === undefined) return;
    this.instances.set(space, list.filter(stays));
    for (const worker of this.workers.values())
      if (worker.instance?.space === space && !stays(worker.instance)) {
        worker.instance = undefined;
        worker.queue = [];
      }
    for (const worker of this.workers.values()) worker.scouts = worker.scouts.filter(stays);
  }

  /** No more aborts. */
  end(): void {
    this.ended = true;
    for (const worker of this.workers.values()) this.callUp(worker);
  }

  /** Every thread that there is has been everywhere where it has been at all. */
  get isDone(): boolean {
    if ([...this.instances.values()].every((list) => list.length === 0)) return true;
    return this.workers.size > 0 && [...this.workers.values()].every(({ idle }) => idle);
  }

  /** It stands still, and not at a point: its first stop, or one that was asked for. */
  onStopped(thread: TracedThread): void {
    const worker = this.workers.get(thread.tid);
    if (worker === undefined) {
      if ((this.instances.get(thread.process.space)?.length ?? 0) > 0) this.begin(thread);
      return;
    }
    worker.called = false;
    this.turn(worker);
  }

  /** A thread stands in front of an instruction. True where it is aborted there. */
  hit(thread: TracedThread, at: number): boolean {
    const worker = this.workers.get(thread.tid);
    if (worker === undefined || !worker.registers.has(at)) return false;
    worker.busy = true;
    const met = worker.scouts.find((each) => firstOf(each) === at);
    if (met !== undefined) this.enter(worker, met);
    const { instance } = worker;
    const aborted = instance !== undefined && this.hitIn(worker, instance, at);
    this.plant(worker);
    return aborted;
  }

  private hitIn(worker: Worker, instance: Instance, at: number): boolean {
    const { thread, queue } = worker;
    const found = queue.findIndex((each) => each.at + instance.bias === at);
    if (found < 0) {
      if (exitsOf(instance).includes(at)) this.left(worker, instance);
      return false;
    }
    const [point] = queue.splice(found, 1);
    worker.leaving = true;
    this.progressOf(worker, instance).vain = 0;
    if (queue.length === 0 && exitsOf(instance).length === 0) {
      // It is let through, and comes again after the next tick.
      this.progressOf(worker, instance).rounds++;
      worker.instance = undefined;
    }
    return this.tally.count(thread, instance, point!);
  }

  /** Threads that run, and come to nothing of what is planted, get something else; new ones begin. */
  onTick(threads: Iterable<TracedThread>): void {
    if (this.ended || this.trouble !== undefined) return;
    for (const thread of threads) {
      const worker = this.workers.get(thread.tid);
      const sections = this.instances.get(thread.process.space)?.length ?? 0;
      if (sections === 0 || worker?.busy || worker?.called || worker?.idle) {
        if (worker !== undefined) worker.busy = false;
        continue;
      }
      const waits = worker?.instance !== undefined && sections === 1;
      // A system call that somebody sleeps in is better left alone.
      if (waits || threadStat(thread.process.pid, thread.tid)?.state !== 'R') continue;
      if (worker === undefined) this.interrupt(thread);
      else this.callUp(worker);
    }
  }

  /** Before it is given up: a register that is left on kills it later. */
  clear(thread: TracedThread): void {
    const worker = this.workers.get(thread.tid);
    this.workers.delete(thread.tid);
    try {
      worker?.registers.set([]);
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  }

  /** It is gone, or another program, which begins with clean registers. */
  forget(thread: TracedThread): void {
    this.workers.delete(thread.tid);
  }

  private callUp(worker: Worker): void {
    worker.called = true;
    this.interrupt(worker.thread);
  }

  private begin(thread: TracedThread): void {
    const worker: Worker = {
      ...{
        thread,
        registers: new DebugRegisters(thread.tid),
        progress: new Map(),
        instance: undefined,
        scouts: [],
      },
      ...{ queue: [], leaving: false, busy: false, called: false, idle: false },
    };
    this.workers.set(thread.tid, worker);
    this.turn(worker);
  }

  /** The next sections that it is not done with. */
  private turn(worker: Worker): void {
    const all = this.instances.get(worker.thread.process.space) ?? [];
    const last = worker.instance ?? worker.scouts.at(-1);
    const now = last === undefined ? -1 : all.indexOf(last);
    worker.scouts = [...all.slice(now + 1), ...all.slice(0, now + 1)]
      .filter((each) => this.progressOf(worker, each).rounds < this.tally.roundsOf(each))
      .slice(0, COUNT);
    worker.idle = worker.scouts.length === 0;
    worker.instance = undefined;
    worker.queue = [];
    if (worker.scouts.length === 1) this.enter(worker, worker.scouts[0]!);
    this.plant(worker);
  }

  private enter(worker: Worker, instance: Instance): void {
    worker.instance = instance;
    worker.scouts = [];
    worker.leaving = false;
    worker.queue = [...this.tally.pointsOf(instance, this.progressOf(worker, instance).rounds)];
  }

  /** It has left the section unaborted. */
  private left(worker: Worker, instance: Instance): void {
    const progress = this.progressOf(worker, instance);
    const rounds = this.tally.roundsOf(instance);
    worker.leaving = false;
    progress.vain++;
    // What it did not come to was perhaps on another way.
    if (!this.tally.ordered) worker.queue.push(...worker.queue.splice(0, COUNT));
    if (worker.queue.length > 0 && progress.vain < MOST_VAIN) return;
    progress.rounds++;
    if (progress.vain >= MOST_VAIN) progress.rounds = rounds;
    if (progress.rounds >= rounds) this.turn(worker);
    else worker.queue = [...this.tally.pointsOf(instance, progress.rounds)];
  }

  private plant(worker: Worker): void {
    const { instance, scouts, queue, leaving, registers } = worker;
    const exits = leaving && instance !== undefined ? exitsOf(instance) : [];
    const room = this.tally.ordered ? 1 : COUNT - MOST_EXITS;
    const points =
      instance === undefined
        ? scouts.flatMap((each) => firstOf(each) ?? [])
        : queue.slice(0, room).map(({ at }) => at + instance.bias);
    try {
      registers.set(this.ended || this.trouble !== undefined ? [] : [...exits, ...points]);
    } catch (error) {
      if (isErrno(error, 'ESRCH')) return;
      if (!(error instanceof SystemError)) throw error;
      this.trouble = error.message;
    }
  }

  private progressOf({ progress }: Worker, instance: Instance): Progress {
    let found = progress.get(instance);
    if (found === undefined) {
      found = { rounds: 0, vain: 0 };
      progress.set(instance, found);
    }
    return found;
  }
}

/** Where it goes on; none where there are so many that they cannot all be waited for. */
const exitsOf = ({ target, bias }: Instance): number[] =>
  target.exits.length > MOST_EXITS ? [] : target.exits.map((at) => at + bias);

/** Address of its first point. */
function firstOf({ allowed: [point], bias }: Instance): number | undefined {
  return point && point.at + bias;
}
