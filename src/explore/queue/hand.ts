import type { Range } from '../context.js';
import { Engine, type EngineSettings, WORTH_SHARING } from '../engine.js';
import type { Semantics } from '../semantics.js';
import { ASKED_WORDS } from '../stepper.js';
import { OutOfMemory } from '../store.js';
import type { ExploreHost } from '../verdict.js';
import type { Workers } from '../workers.js';
import type { Answer, Piece } from './wire.js';

/** This process comes to other results than the one whose search it is. */
export class Disagreement extends Error {}

export interface HandOptions {
  readonly jobs: number;
  /** Bytes. */
  readonly maxMemory: number;
  readonly host: ExploreHost;
}

/** Questions that are asked again before others may do something. */
const AT_ONCE = 1024;

/** One who expands pieces of a search that is somewhere else. */
export class Hand {
  private readonly engine: Engine;
  private threads: Workers | undefined;
  private asked = 0;
  private sequence = 0;

  /** `semantics` stands at its start. */
  constructor(
    semantics: Semantics,
    settings: EngineSettings,
    private readonly worker: number,
    private readonly options: HandOptions,
  ) {
    this.engine = new Engine(
      semantics,
      {
        ...settings,
        parents: false,
        maxMemory: options.maxMemory,
        roundStates: Infinity,
        shareFrom: WORTH_SHARING,
      },
      options.jobs,
    );
    this.engine.stepper.begin();
  }

  /** Starts the threads. */
  async employ(): Promise<void> {
    const { engine, options } = this;
    if (engine.jobs === 1) return;
    const contexts = engine.contexts.slice(1).map(({ address }) => address);
    this.threads = await options.host.start({
      module: engine.module,
      memory: engine.store.memory,
      contexts,
    });
    engine.employ(this.threads);
  }
  close(): void {
    this.engine.close();
  }

  /** Words of a state. */
  get width(): number {
    return this.engine.shape.tasks + 1;
  }
  /** What was sent before is known here only so that it need not be sent again. */
  forget(): void {
    this.engine.forget();
  }

  /** How much of what was asked of the semantics is known here, in words. */
  get known(): number {
    return this.asked;
  }

  /** Asks again what was asked there next. Throws Disagreement. */
  async follow(log: Int32Array, digest: number): Promise<void> {
    const { stepper, graph } = this.engine;
    try {
      for (let from = 0; from < log.length; ) {
        let to = from;
        for (let count = 0; count < AT_ONCE && to < log.length; count++) to += ASKED_WORDS[log[to]!]!;
        stepper.replay(log.subarray(from, to));
        from = to;
        await this.options.host.rest?.();
      }
    } catch (cause) {
      throw new Disagreement((cause as Error).message, { cause });
    }
    this.asked += log.length;
    if (graph.digest !== digest) throw new Disagreement('what the program does is something else here');
  }

  /** Expands a piece, whose questions have been asked. */
  expand({ generation, id, cost, states }: Piece): Answer {
    const { engine } = this;
    const before = { transitions: engine.transitions, violations: engine.violations };
    const count = (): Pick<Answer, 'transitions' | 'violations'> => ({
      transitions: engine.transitions - before.transitions,
      violations: engine.violations - before.violations,
    });
    let found: Pick<Answer, 'misses' | 'states'>;
    try {
      found = this.walk(states, cost);
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      this.forget();
      Object.assign(before, { transitions: engine.transitions, violations: engine.violations });
      found = this.walk(states, cost);
    }
    return { generation, id, worker: this.worker, sequence: this.sequence++, ...count(), ...found };
  }

  private walk(states: Int32Array, cost: 0 | 1): Pick<Answer, 'misses' | 'states'> {
    const { engine } = this;
    const { record } = engine.shape;
    const placed = engine.place(states);
    const misses: number[] = [];
    const ranges: Range[] = [];
    let rest: Range[] = [placed];
    while (rest.length > 0) {
      const end = engine.walk(rest, cost);
      engine.checkRoom();
      rest = end.rest;
      for (const [at, word] of end.misses.entries())
        misses.push(at % 3 === 0 ? ((word >>> 0) - placed.from) / record : word);
      ranges.push(...engine.fresh());
    }
    const found = engine.words(ranges);
    engine.leaveChunks();
    engine.free(ranges);
    return { misses, states: found };
  }
}
