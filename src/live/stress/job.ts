/** What a keeper does for `rseqlab stress`. */

import type { ProgramImage } from '../../binary/image.js';
import { scenariosOf } from '../../kernel/scenario/parts.js';
import { Unavailable } from '../../linux/errors.js';
import { plural } from '../../report/document.js';
import type { StressSection } from '../../report/stress-document.js';
import type { Channel } from '../keeper/channel.js';
import { Keeper } from '../keeper/keeper.js';
import { ModulesWatch } from '../keeper/modules-watch.js';
import { attachOrRefuse, startOrRefuse } from '../keeper/refusal.js';
import type { Space } from '../keeper/space.js';
import type { TracedProcess, TracedThread } from '../keeper/traced.js';
import { ipOf } from '../keeper/tracer.js';
import { Campaign } from './campaign.js';
import { Causes } from './causes.js';
import { Fixups } from './fixups.js';
import { Hardware, type Tally } from './hardware.js';
import type { CampaignOptions } from './instance.js';
import { Rush } from './rush.js';
import { reportOf, Targets } from './sections.js';
import { Together } from './together.js';

export interface StressConfig extends CampaignOptions {
  readonly command?: readonly string[];
  readonly pid?: number;
  /** Seconds in which aborts are forced; 0: as long as the program runs. */
  readonly time: number;
  /** Of --cause signal. */
  readonly signal: number;
}

/** What it says, beside KeeperMessage. */
export type StressMessage =
  | { readonly kind: 'progress'; readonly aborts: number; readonly forced: number; readonly points: number }
  | StressResult;

export interface StressResult {
  readonly kind: 'result';
  readonly sections: readonly StressSection[];
  readonly aborts: number;
  /** Aborts that the kernel has told of at these points, forced or not. */
  readonly told?: number;
  readonly seconds: number;
  readonly threads: number;
  readonly processes: number;
  /** The point of the last forced abort. */
  readonly last?: string;
  /** Ids of the points behind which a thread was unprotected, the most frequent first; '': it was not stopped before. */
  readonly unprotectedAfter: readonly string[];
  readonly limits: readonly string[];
  /** Of the files with sections. */
  readonly scenarios: readonly string[];
  /** --time was over before the program was. */
  readonly timeOver: boolean;
}

/** Milliseconds between two looks at what happened. */
const TICK = 20;
/** Looks at the maps of each process, for what was mapped without a dynamic linker where the kernel does not tell of it, every so many ticks. */
const LOOK = 10;

export function stressJob(channel: Channel, given: unknown): void {
  new StressJob(channel, given as StressConfig).run();
}

class StressJob {
  private readonly keeper: Keeper;
  private readonly targets = new Targets();
  private readonly campaign: Campaign;
  private readonly watch: ModulesWatch;
  private begun = performance.now();
  private readonly threads = new Set<number>();
  private readonly processes = new Set<number>();
  private ticks = 0;
  private timeOver = false;
  private fixups: Fixups | undefined;
  private noFixups = '';
  private readonly causes: Causes;
  private readonly spaces = new Map<number, Space>();
  private readonly together = new Together();
  private readonly rush: Rush;
  private readonly hardware: Hardware;

  constructor(
    channel: Channel,
    private readonly config: StressConfig,
  ) {
    this.keeper = new Keeper(channel, this, TICK);
    this.causes = new Causes(this.keeper.tracer, config.cause, config.signal);
    this.campaign = new Campaign(config, (space) => this.threadsWith(space));
    this.watch = new ModulesWatch((space, modules) => {
      const { sections } = modules;
      this.readAborts();
      if (this.campaign.knows(space)) this.campaign.drop(space, (live) => sections.includes(live));
      this.hardware.drop(space, ({ live }) => sections.includes(live));
      for (const live of sections) {
        const target = this.targets.of(live);
        if (target !== undefined) this.campaign.add(space, live, target);
      }
      this.campaign.renew(space);
    });
    this.rush = new Rush(this.campaign, this.together, this.watch, () => this.readAborts());
    this.keeper.tracer.wait = () => this.rush.wait();
    this.hardware = new Hardware(tallyOf(this.campaign), (thread) => this.keeper.tracer.interrupt(thread));
    this.campaign.hardware = this.hardware;
  }

  run(): void {
    const { command, pid } = this.config;
    this.countAborts();
    if (command !== undefined) startOrRefuse(this.keeper, command);
    else {
      const process = attachOrRefuse(this.keeper, pid!);
      for (const tid of process.threads.keys()) this.threads.add(tid);
      this.onProcess(process);
    }
    this.begun = performance.now();
    this.keeper.run();
    this.keeper.send(this.result());
  }

  /** Where the kernel tells of aborts, those that came by themselves are known. */
  private countAborts(): void {
    try {
      this.fixups = new Fixups();
      this.rush.lookAfter(this.fixups.room);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      this.noFixups = error.message;
    }
  }

  private readAborts(): void {
    this.fixups?.read((pid, ip, times) => {
      const space = this.spaces.get(pid);
      if (space === undefined) return;
      let points = this.campaign.pointsAt(space, ip);
      // Machine code leaves the thread behind the int3, in the midst of the instruction.
      if (points.length === 0) points = this.campaign.pointsAt(space, ip - 1);
      for (const point of points) point.natural = (point.natural ?? 0) + times;
    });
  }

  onProcess(process: TracedProcess, thread?: TracedThread, how?: string): void {
    const first = this.processes.size === 0;
    this.processes.add(process.pid);
    this.readAborts();
    this.spaces.set(process.pid, process.space);
    if (thread !== undefined) this.threads.add(thread.tid);
    if (how === 'exec') {
      this.watch.execed(process);
      this.rush.execed(process);
      if (thread !== undefined) this.hardware.forget(thread);
    }
    const { space } = process;
    // A copy has its maker's breakpoints, which nobody would take away.
    if (how === 'fork' && !this.watch.knows(space)) space.removeAll();
    for (const each of thread === undefined ? process.threads.values() : [thread]) this.watch.addThread(each);
    this.watch.add(process);
    // Reading its files does not count.
    if (first) this.begun = performance.now();
    // In front of its first instruction.
    if (how === 'exec' && thread !== undefined) this.hardware.onStopped(thread);
  }

  onThread(thread: TracedThread): void {
    this.watch.addThread(thread);
    this.threads.add(thread.tid);
    this.campaign.newThread(thread.process.space);
    this.rush.threadsChange(thread);
  }

  onInterrupted(thread: TracedThread): void {
    this.hardware.onStopped(thread);
  }

  onSignal(thread: TracedThread, signal: number): number {
    const told = this.watch.signalled(thread, signal);
    if (told === undefined) return signal;
    // In front of the code that it has mapped.
    if (told.file) this.hardware.onStopped(thread);
    return 0;
  }

  onStep(thread: TracedThread): void {
    if (this.hardware.hit(thread, ipOf(thread))) this.causes.add(thread);
  }

  onGiveUp(thread: TracedThread): void {
    this.hardware.clear(thread);
    this.watch.endThread(thread);
  }

  onTask(tid: number): void {
    this.together.welcome(tid);
  }

  onStop(): void {
    this.together.apart();
  }

  onThreadExit(thread: TracedThread): void {
    this.watch.endThread(thread);
    this.rush.forget(thread);
    this.hardware.forget(thread);
  }

  onBreakpoint(thread: TracedThread, { at }: { at: number }): void {
    if (this.watch.hit(thread, at)) {
      // The thread that loads a library runs its constructors.
      this.hardware.onStopped(thread);
      return;
    }
    if (this.campaign.hit(thread, at)) this.causes.add(thread);
  }

  onMemoryGone(space: Space): void {
    this.readAborts();
    this.campaign.drop(space);
    this.hardware.drop(space, () => false);
    this.watch.forget(space);
  }

  onTick(): void {
    this.ticks++;
    this.rush.onTick();
    this.together.onTick();
    this.readAborts();
    this.campaign.tick();
    this.hardware.onTick(this.keeper.tracer.threads.values());
    if (this.ticks % LOOK === 0) {
      for (const { space } of this.keeper.tracer.processes.values()) this.watch.look(space);
      const { aborts } = this.campaign;
      const points = this.targets.all.flatMap((target) => target.points);
      const forced = points.filter((point) => point.forced > 0).length;
      this.keeper.send({ kind: 'progress', aborts, forced, points: points.length } satisfies StressMessage);
    }
    const { time, pid } = this.config;
    const over = time > 0 && performance.now() - this.begun >= time * 1000;
    if (over && !this.timeOver) {
      this.timeOver = true;
      this.campaign.end();
      this.hardware.end();
    }
    if (pid !== undefined && (over || (this.campaign.isDone && this.hardware.isDone))) this.keeper.stop();
  }

  private *threadsWith(space: Space): Generator<number> {
    for (const process of this.keeper.tracer.processes.values())
      if (process.space === space) yield* process.threads.keys();
  }

  private result(): StressResult {
    const limits: string[] = [];
    this.readAborts();
    const { size } = this.campaign.unregistered;
    if (size > 0)
      limits.push(
        `${plural(size, 'thread')} that had no struct rseq registered came to a section: nothing aborts there, and only stores count as unprotected`,
      );
    limits.push(...this.causes.limits);
    if (this.fixups === undefined)
      limits.push(`aborts that come by themselves were not counted: ${this.noFixups}`);
    else if (this.fixups.lost)
      limits.push('aborts that come by themselves were not counted: the kernel had no room for some records');
    const told = this.targets.all
      .flatMap(({ points }) => points)
      .reduce((sum, { natural = 0 }) => sum + natural, 0);
    // The kernel tells of all of them.
    for (const point of this.targets.all.flatMap(({ points }) => points))
      point.natural =
        this.fixups === undefined || this.fixups.lost
          ? undefined
          : Math.max(0, (point.natural ?? 0) - point.forced);
    this.fixups?.close();
    const { trouble } = this.hardware;
    if (trouble !== undefined)
      limits.push(
        `debug registers could not be used (${trouble}): sections that were left to them were left alone`,
      );
    return {
      kind: 'result',
      sections: this.targets.all.map(reportOf),
      aborts: this.campaign.aborts,
      ...(this.fixups !== undefined && !this.fixups.lost && { told }),
      seconds: (performance.now() - this.begun) / 1000,
      threads: this.threads.size,
      processes: this.processes.size,
      ...(this.campaign.last !== undefined && { last: this.campaign.last }),
      unprotectedAfter: [...this.campaign.unprotectedAfter].sort((a, b) => b[1] - a[1]).map(([id]) => id),
      limits,
      scenarios: [...new Set(this.targets.all.flatMap(({ image }) => scenarioNames(image)))],
      timeOver: this.timeOver,
    };
  }
}

/** What debug registers are to do, and whom they tell. */
function tallyOf(campaign: Campaign): Tally {
  const { mode, double, rounds } = campaign.options;
  return {
    count: (thread, instance, point) => campaign.count(thread, instance, point),
    pointsOf: (instance, round) => campaign.plan.pointsOf(instance, round),
    roundsOf: ({ allowed }) =>
      mode === 'storm' ? Number.POSITIVE_INFINITY : double ? allowed.length ** 2 * rounds : rounds,
    ordered: double,
  };
}

function scenarioNames(image: ProgramImage): string[] {
  try {
    return scenariosOf(image).map(({ name }) => name);
  } catch {
    return [];
  }
}
