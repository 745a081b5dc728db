/** What a keeper does for `rseqlab stress --counterexample`: lets one thread run at a time, each on its CPU and up to where the counterexample stops it. */
import { type Addr, asAddr } from '../../abi/address.js';
import { scenariosOf } from '../../kernel/scenario/parts.js';
import { Unavailable } from '../../linux/errors.js';

import type { Channel } from '../keeper/channel.js';
import { Keeper } from '../keeper/keeper.js';
import { startOrRefuse } from '../keeper/refusal.js';
import type { TracedProcess, TracedThread } from '../keeper/traced.js';
import { type Module, Modules } from '../modules.js';
import { Cpus } from './cpus.js';
import type { Plan, PlannedTurn } from './plan.js';
import { Spins } from './spins.js';

export interface ForceConfig extends Plan {
  readonly command: readonly string[];
}

export interface ForceResult {
  readonly kind: 'result';
  /** Turns that were made. */
  readonly done: number;
  readonly diverged?: string;
}

const TICK = 100;
/** Ticks without a turn after which threads are taken to have gone another way. */
const PATIENCE = 100;
const SAME = 'build it from the same source, with -DRSEQLAB_NATIVE, and otherwise the same flags';

export function forceJob(channel: Channel, given: unknown): void {
  new ForceJob(channel, given as ForceConfig).run();
}

class ForceJob {
  private readonly keeper: Keeper;
  private readonly threads: (TracedThread | undefined)[];
  /** Run-time addresses of the tasks' functions. */
  private starts: readonly number[] = [];
  private stops: readonly (number | undefined)[] = [];
  private setup: number | undefined;
  private readonly cpus = new Cpus();
  private readonly spins = new Spins(this.cpus);
  private readonly gone = new Set<TracedThread>();
  private turn = -1;
  private quiet = 0;
  private refused: string | undefined;
  private diverged: string | undefined;

  constructor(
    channel: Channel,
    private readonly config: ForceConfig,
  ) {
    this.keeper = new Keeper(channel, this, TICK);
    this.threads = config.tasks.map(() => undefined);
  }

  run(): void {
    startOrRefuse(this.keeper, this.config.command);
    this.keeper.run();
    if (this.refused !== undefined) throw new Unavailable(this.refused);
    if (this.turn < 0) throw new Unavailable(`${this.config.command[0]} never began the tasks of scenario ${this.config.scenario}; ${SAME}`); // biome-ignore format: one line
    this.keeper.send({
      kind: 'result',
      done: this.turn,
      ...(this.diverged !== undefined && { diverged: this.diverged }),
    } satisfies ForceResult);
  }

  onProcess(process: TracedProcess, _: TracedThread, how: string): void {
    if (how !== 'exec' || this.starts.length > 0) return;
    const modules = Modules.ofProcess(process.pid).modules;
    for (const module of modules) {
      const { image } = module.file;
      if (image?.section('__rseqlab_scenario') === undefined) continue;
      const scenario = scenariosOf(image).find(({ name }) => name === this.config.scenario);
      if (scenario === undefined) continue;
      const bias = Number(module.bias);
      try {
        // Whoever waits inside a section wants its CPU for itself, and we want one too.
        const needed = Math.max(this.config.cpus, this.config.waiting + 1);
        if (this.cpus.count < needed)
          throw new Unavailable(`this counterexample needs ${needed} CPUs, and the program may use ${this.cpus.count}`); // biome-ignore format: one line
        this.setup = scenario.setup === undefined ? undefined : scenario.setup + bias;
        this.starts = this.config.tasks.map((task) => {
          const found = scenario.tasks.find(({ name }) => name === task);
          if (found === undefined) throw new Unavailable(`${module.name} has no task ${task}; ${SAME}`);
          return found.start + bias;
        });
        this.stops = this.config.turns.map((turn) => addressOf(module, turn));
      } catch (error) {
        this.refused = (error as Error).message;
        this.starts = [];
        this.keeper.stop();
        return;
      }
      for (const at of new Set([...this.starts, ...(this.setup === undefined ? [] : [this.setup])]))
        process.space.plant(at);
      return;
    }
  }

  onBreakpoint(thread: TracedThread, { at }: { at: number }): void {
    this.quiet = 0;
    if (this.turn < 0 && at === this.setup) {
      // What it sets by the number of its CPU is of the CPU that tasks count as the first.
      thread.process.space.remove(at, true);
      this.cpus.put(thread.tid, 0);
      return;
    }
    if (this.turn < 0) {
      const task = this.starts.findIndex((start, index) => start === at && this.threads[index] === undefined);
      if (task < 0) return;
      this.threads[task] = thread;
      thread.held = true;
      if (this.threads.every((each) => each !== undefined)) this.begin();
      return;
    }
    const turn = this.config.turns[this.turn];
    if (turn === undefined || this.stops[this.turn] !== at || this.threads[turn.task] !== thread) return;
    thread.process.space.remove(at, true);
    thread.held = true;
    this.next();
  }

  /** Signals of the scenario come where the counterexample has them, and nowhere else. */
  onSignal(_: TracedThread, signal: number): number {
    return this.config.signals.includes(signal) ? 0 : signal;
  }

  onStop(): void {
    this.spins.end();
  }

  onThreadExit(thread: TracedThread): void {
    this.gone.add(thread);
    const turn = this.config.turns[this.turn];
    if (turn === undefined || this.threads[turn.task] !== thread) return;
    if (turn.place === undefined) this.next();
    else this.leave(`task ${this.config.tasks[turn.task]} ended before it came to ${turn.place}`);
  }

  onTick(): void {
    if (++this.quiet < PATIENCE || this.turn < 0 || this.turn >= this.config.turns.length) return;
    const turn = this.config.turns[this.turn]!;
    this.leave(`task ${this.config.tasks[turn.task]} does not come to ${turn.place ?? 'its end'}`);
  }

  /** All tasks stand at their beginning. */
  private begin(): void {
    const [first] = this.threads as TracedThread[];
    for (const at of new Set(this.starts)) first!.process.space.remove(at, true);
    for (const [task, thread] of this.threads.entries())
      this.cpus.put(thread!.tid, this.config.turns.find((turn) => turn.task === task)?.cpu ?? 0);
    this.next();
  }

  private next(): void {
    this.turn++;
    const turn = this.config.turns[this.turn];
    if (turn === undefined) return this.leave();
    const thread = this.threads[turn.task]!;
    // It has gone on together with another one.
    if (turn.place === undefined && this.gone.has(thread)) return this.next();
    const at = this.stops[this.turn];
    if (at !== undefined && turn.spins) return this.spin(thread, turn, at);
    if (at !== undefined) thread.process.space.plant(at);
    this.goOn(thread, turn);
  }

  private goOn(thread: TracedThread, { cpu, signal = 0 }: PlannedTurn): void {
    if (this.spins.release(thread)) return;
    this.cpus.put(thread.tid, cpu);
    this.keeper.tracer.resume(thread, signal);
  }

  /** It goes on to where it waits without being stopped, and then it is somebody else's turn. */
  private spin(thread: TracedThread, turn: PlannedTurn, at: number): void {
    this.spins.prepare(thread, at);
    this.goOn(thread, turn);
    if (this.spins.arrives(thread, at)) this.next();
    else this.leave(`task ${this.config.tasks[turn.task]} does not come to ${turn.place}`);
  }

  /** Everybody goes on. */
  private leave(diverged?: string): void {
    this.diverged = diverged;
    this.keeper.stop();
  }
}

/** Where a turn ends at run time. Throws Unavailable where the program is another one. */
function addressOf({ file, bias, name }: Module, { place, text }: PlannedTurn): number | undefined {
  if (place === undefined) return undefined;
  const [, symbol, offset = '0'] = /^(.*?)(?:\+(0x[0-9a-f]+))?$/.exec(place)!;
  const start = file.image?.symbols.find((each) => each.name === symbol && each.kind === 'function')?.address;
  const at = start === undefined ? undefined : asAddr(BigInt(start + Number(offset)));
  const found = at === undefined ? undefined : file.findings?.code?.at(at)?.text;
  const word = (line: string | undefined): string | undefined => line?.split(' ')[0];
  if (at === undefined || found === undefined || (text !== undefined && word(found) !== word(text)))
    throw new Unavailable(`${name} does not have ${text ?? 'an instruction'} at ${place}; ${SAME}`);
  return (at as Addr) + Number(bias);
}
