import { load, type Position, save, type Tally } from './checkpoint.js';
import type { Range } from './context.js';
import { Engine, WORTH_SHARING } from './engine.js';
import { Cycles, livelocked } from './livelock.js';
import { PartViolation, type SearchPart } from './part.js';
import { type Met, pathTo, violationIn } from './path.js';
import type { Semantics } from './semantics.js';
import type { State } from './stepper.js';
import { OutOfMemory } from './store.js';
import { Unlike } from './turns.js';
import type { Bound, Counterexample, Counts, Options, Verdict } from './verdict.js';

const ROUND_STATES = 1 << 18;
/** In the second pass, whose rounds are searched for the first violation. */
const ROUND_STATES_AGAIN = 1 << 12;

/** As in Options. */
const PLAIN_STATES = 1 << 20;

/** Where a search ended: a bound, a violation (what kind, and the cost), or nowhere. */
type End =
  | { readonly kind: 'bounded'; readonly bound: Bound }
  | { readonly kind: 'violation'; readonly what: 'step' | 'deadlock' | 'livelock'; readonly cost: number }
  | { readonly kind: 'verified' };

/**
 * Explores all states by cost: layer k holds the states whose cheapest way costs k. A layer is closed under the edges of cost 0, breadth
 * first; then the edges of cost 1 of all its states lead into the next one. A violation ends the search behind the level in which it was
 * found, so that counts do not depend on the number of threads; a second pass with one thread and fresh tables finds its path. `semantics` is
 * called once for each pass; `exchange`: resources may be exchanged in it.
 */
export async function explore(
  semantics: (exchange: boolean) => Semantics,
  options: Options = {},
): Promise<Verdict> {
  const search = new Search(semantics(true), options, false);
  try {
    await search.employ();
    const end = await search.run();
    const counts = search.counts();
    search.close();
    if (end.kind === 'verified') return { ...counts, kind: 'verified' };
    if (end.kind === 'bounded') return { ...counts, kind: 'bounded', bound: end.bound };
    // Whether there is a better one in another part is not known here.
    if (options.part !== undefined) throw new PartViolation();
    const { onProgress: _, sharing: __, ...quiet } = options;
    const again = new Search(
      semantics(counts.states * search.turns > (options.plainStates ?? PLAIN_STATES)),
      quiet,
      true,
    );
    return { ...counts, kind: 'violation', counterexample: await again.explain(end) };
  } finally {
    search.close();
  }
}

class Search {
  private readonly engine: Engine;
  private readonly began = Date.now();
  private tally: Tally = { maxFrontier: 0, maxBytes: 0, seconds: 0, deadlock: false, badEnd: false };
  private at: Position = { phase: 0, cost: 0, layer: [], pending: [], found: [] };
  private readonly cycles: Cycles;
  private start: State | undefined;
  private root = 0;

  constructor(
    semantics: Semantics,
    private readonly options: Options,
    private readonly again: boolean,
  ) {
    const {
      symmetry = true,
      sleep = true,
      exact = false,
      maxMemory = Infinity,
      jobs = 1,
      shareFrom = WORTH_SHARING,
      roundStates = ROUND_STATES,
    } = options;
    this.engine = new Engine(
      semantics,
      {
        symmetry,
        // The way to a violation is the same with and without.
        sleep: sleep && !again,
        exact,
        parents: again,
        shareFrom,
        maxMemory: again ? Infinity : maxMemory,
        roundStates: again ? ROUND_STATES_AGAIN : roundStates,
      },
      again || options.host === undefined ? 1 : jobs,
    );
    this.cycles = new Cycles(this.engine.stepper);
  }

  get turns(): number {
    return this.engine.graph.turns?.count ?? 1;
  }
  async employ(): Promise<void> {
    const { engine, options } = this;
    options.sharing?.begin(engine);
    if (engine.jobs === 1 || options.host === undefined) return;
    const contexts = engine.contexts.slice(1).map(({ address }) => address);
    engine.employ(await options.host.start({ module: engine.module, memory: engine.store.memory, contexts }));
  }
  private closed = false;
  close(): void {
    if (!this.closed) this.engine.close();
    this.closed = true;
  }

  async run(): Promise<End> {
    try {
      const { state, violation } = this.engine.stepper.begin();
      this.start = state;
      if (violation !== undefined) {
        if (this.goal) throw new Found({ violation, cost: 0, start: state, path: [] });
        return { kind: 'violation', what: 'step', cost: 0 };
      }
      const { resume } = this.options;
      if (resume !== undefined && !this.again) {
        ({ at: this.at, tally: this.tally } = load(this.engine, resume));
      } else {
        this.engine.add([state]);
        this.at.layer = this.engine.fresh();
        this.at.pending = [...this.at.layer];
        this.root = this.at.layer[0]!.from;
      }
      const end = await this.goOn();
      if (end.kind === 'bounded') await this.options.checkpoint?.write(this.save());
      return end;
    } catch (error) {
      if (error instanceof Unlike) error.cost = this.at.cost;
      if (error instanceof OutOfMemory) return this.known() ?? { kind: 'bounded', bound: 'memory' };
      throw error;
    }
  }

  /** The violation that is known by now. */
  private known(): (End & { kind: 'violation' }) | undefined {
    const { at, engine, tally } = this;
    if (tally.deadlock) return { kind: 'violation', what: 'deadlock', cost: at.cost };
    if (engine.violations === 0 && !tally.badEnd) return undefined;
    return { kind: 'violation', what: 'step', cost: at.cost + at.phase };
  }

  private get seconds(): number {
    return this.tally.seconds + (Date.now() - this.began) / 1000;
  }
  private save(): Uint8Array {
    return save(this.engine, this.at, { ...this.tally, seconds: this.seconds });
  }

  private async goOn(): Promise<End> {
    const { at, engine, options } = this;
    for (;;) {
      while (at.phase === 0 && at.pending.length > 0) {
        const end = await this.expand();
        if (end !== undefined) return end;
        at.layer.push(...at.found);
        at.pending = at.found;
        at.found = [];
      }
      if (at.phase === 0) {
        this.tally.maxFrontier = Math.max(this.tally.maxFrontier, engine.count(at.layer));
        engine.leaveChunks();
        const [locked] = livelocked(engine, this.cycles, at.layer);
        if (locked !== undefined) {
          if (this.goal?.what === 'livelock')
            this.tell(locked, { violation: { kind: 'livelock' }, edge: undefined });
          return { kind: 'violation', what: 'livelock', cost: at.cost };
        }
        const part = this.again ? undefined : options.part;
        part?.layer(engine, at.layer);
        if (at.cost >= (options.maxCost ?? Infinity)) return { kind: 'bounded', bound: 'cost' };
        at.phase = 1;
        at.pending = part === undefined ? [...at.layer] : this.divided(part);
      }
      const end = await this.expand();
      if (end !== undefined) return end;
      engine.free(at.layer);
      if (at.found.length === 0) return { kind: 'verified' };
      at.phase = 0;
      at.cost++;
      at.layer = at.found;
      at.pending = [...at.found];
      at.found = [];
    }
  }

  private alone = false;
  /** Of a complete layer what this part goes on from. */
  private divided(part: SearchPart): Range[] {
    const { at, engine } = this;
    if (this.alone || engine.count(at.layer) < part.frontier) return [...at.layer];
    this.alone = true;
    const ranges: Range[] = [];
    for (const address of engine.addresses(at.layer)) {
      if (!part.mine(engine.stateAt(address), engine.stepper)) continue;
      const to = address + engine.shape.record;
      const last = ranges.at(-1);
      if (last?.to === address) ranges[ranges.length - 1] = { from: last.from, to };
      else ranges.push({ from: address, to });
    }
    return ranges;
  }

  /** Expands all that is pending; the end where a violation was found, or a bound was reached before. */
  private async expand(): Promise<End | undefined> {
    const { at, engine } = this;
    while (at.pending.length > 0) {
      const bound = await this.bound();
      if (bound !== undefined) return this.known() ?? { kind: 'bounded', bound };
      const { pending } = at;
      const end = (await this.options.sharing?.round(pending, at.phase)) ?? engine.round(pending, at.phase);
      at.pending = end.rest;
      at.found.push(...engine.fresh());
      this.tally.deadlock ||= end.deadlock;
      this.tally.badEnd ||= end.badEnd;
      this.tally.maxBytes = Math.max(this.tally.maxBytes, engine.bytes);
      if (this.again) this.look(pending);
    }
    return this.known();
  }

  private async bound(): Promise<Bound | undefined> {
    const { options, engine } = this;
    // The second pass ends only with the counterexample: who interrupts it must do so for good.
    await this.report();
    if (this.again) return undefined;
    if (Date.now() - this.saved >= (options.checkpoint?.every ?? Infinity) * 1000) {
      await options.checkpoint!.write(this.save());
      this.saved = Date.now();
    }
    if (options.signal?.aborted) return 'interrupt';
    if (engine.states >= (options.maxStates ?? Infinity)) return 'states';
    if (Date.now() - this.began >= (options.time ?? Infinity) * 1000) return 'time';
    return undefined;
  }

  private saved = Date.now();
  private reported = { at: Date.now(), states: 0 };
  /** From time to time: says how far it is, and lets others run. */
  private async report(): Promise<void> {
    const { options, engine, at } = this;
    const now = Date.now();
    if (now - this.reported.at < 100) return;
    const { states, bytes } = engine;
    options.onProgress?.({
      states,
      frontier: engine.count(at.pending) + engine.count(at.found),
      layer: at.cost,
      bytes,
      seconds: this.seconds,
      rate: ((states - this.reported.states) * 1000) / (now - this.reported.at),
      ...(options.sharing && { workers: options.sharing.workers }),
    });
    this.reported = { at: now, states };
    await options.host?.rest?.();
  }

  counts(): Counts {
    const { engine } = this;
    const { states, graph } = engine;
    return {
      states,
      transitions: engine.transitions,
      slept: engine.slept,
      cost: this.at.cost,
      locals: graph.locals,
      memories: graph.memories,
      cells: graph.cells,
      maxFrontier: this.tally.maxFrontier,
      bytes: this.tally.maxBytes,
      seconds: this.seconds,
      exact: engine.settings.exact,
      collision: engine.settings.exact ? 0 : states ** 2 / 2 ** 65,
    };
  }

  /** Second pass: the path to a violation of which the first pass has told the kind and the cost. */
  private goal: (End & { kind: 'violation' }) | undefined;
  async explain(goal: End & { kind: 'violation' }): Promise<Counterexample> {
    this.goal = goal;
    try {
      const end = await this.run();
      throw new Error(`the second pass ends otherwise: ${JSON.stringify(end)}`);
    } catch (error) {
      if (error instanceof Found) return error.counterexample;
      throw error;
    } finally {
      this.close();
    }
  }

  /** Second pass: the first violation among the states of a round. */
  private look(ranges: readonly Range[]): void {
    const { engine, at, goal } = this;
    const { stepper } = engine;
    if (goal?.what === 'deadlock' ? !this.tally.deadlock : engine.violations === 0 && !this.tally.badEnd)
      return;
    for (const address of engine.addresses(ranges)) {
      const state = engine.stateAt(address);
      if (goal?.what === 'step') {
        const met = violationIn(stepper, state, at.phase);
        if (met !== undefined) this.tell(address, met);
      } else if (!stepper.isOver(state) && !stepper.canGo(state, 0) && !stepper.canGo(state, 1))
        this.tell(address, { violation: { kind: 'deadlock' }, edge: undefined });
    }
  }

  private tell(address: number, met: Met): never {
    const { path, violation } = pathTo(this.engine, this.start!, this.root, address, met);
    throw new Found({
      violation,
      cost: this.at.cost + (met.edge ?? 0),
      start: this.start!,
      path,
    });
  }
}

class Found extends Error {
  constructor(readonly counterexample: Counterexample) {
    super();
  }
}
