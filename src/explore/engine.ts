import { ASK, Context, MISS_BYTES, MISSES, type Range, type Shape, shapeOf } from './context.js';
import { searchModule } from './expand-code.js';
import { Graph } from './graph.js';
import type { Semantics } from './semantics.js';
import { type State, Stepper } from './stepper.js';
import { CHUNK, HEADER, OutOfMemory, Store } from './store.js';
import { Turns } from './turns.js';
import { STOP, type Variant } from './visited-code.js';
import { host, type WasmModule } from './wasm/host.js';
import type { Workers } from './workers.js';

export interface EngineSettings {
  readonly symmetry: boolean;
  /** Edges that lead where others lead are not followed (asleep-code.ts). */
  readonly sleep: boolean;
  readonly exact: boolean;
  /** States know the address of the one that they were found from, and frontiers are kept. */
  readonly parents: boolean;
  readonly maxMemory: number;
  /** States that are expanded between two returns to the search. */
  readonly roundStates: number;
  /** A round with fewer states is done by the main thread alone. */
  readonly shareFrom: number;
}
type Exports = Record<'again' | 'puts' | 'flush' | 'grow' | 'work', (...parameters: number[]) => number>;

/** States that a thread takes at a time. */
const PIECE = 512;
/** Waking the others takes as long as expanding some hundred states. */
export const WORTH_SHARING = 8192;
/** States that are put into the table at a time. */
const PUT_BYTES = 1 << 20;
const FIRST_SLOTS = 2 ** 16;

/** By what they are made for: a search that begins anew needs the same code. */
const modules = new Map<string, WasmModule>();

function moduleFor(variant: Variant, pages: number): WasmModule {
  const { symmetry, exact, parents, shape, shared, turns, sleep } = variant;
  const key = JSON.stringify([symmetry, exact, parents, shape, shared, turns, sleep, pages]);
  let module = modules.get(key);
  if (module === undefined) {
    module = new host.Module(searchModule(variant, pages));
    modules.set(key, module);
  }
  return module;
}

/** What the semantics is to be asked: triples (address of a state, slot or one of ASK, place of the edge in its table). */
export type Misses = number[];

/** States that are deadlocked, or whose end is a violation, were among those expanded. */
export interface Settled {
  readonly deadlock: boolean;
  readonly badEnd: boolean;
}
/** What the search sees of a round. */
export interface RoundEnd extends Settled {
  /** What is still to be expanded. */
  readonly rest: Range[];
}

/** One search's tables and threads: expands ranges of states, round by round. */
export class Engine {
  readonly store = new Store();
  readonly graph: Graph;
  readonly stepper: Stepper;
  readonly shape: Shape;
  readonly module: WasmModule;
  readonly contexts: Context[] = [];
  private readonly code: Exports;
  private slots = FIRST_SLOTS;
  private pieces = 0;
  private pieceBytes = 0;
  private workers: Workers | undefined;

  constructor(
    semantics: Semantics,
    readonly settings: EngineSettings,
    readonly jobs: number,
  ) {
    const { store } = this;
    const { exchangeable = [] } = semantics;
    const turns = exchangeable.some(({ length }) => length > 1) ? new Turns(exchangeable) : undefined;
    this.graph = new Graph(store, turns);
    this.stepper = new Stepper(this.graph, semantics);
    this.shape = shapeOf(semantics.tasks, settings.exact, settings.parents, settings.sleep);
    const variant = { ...settings, shape: this.shape, shared: jobs > 1, turns: turns?.count ?? 1 };
    this.module = moduleFor(variant, store.size / 2 ** 16);
    const instance = new host.Instance(this.module, { env: { memory: store.memory } });
    this.code = instance.exports as Exports;
    for (let each = 0; each < jobs; each++) this.contexts.push(new Context(store, this.shape));
    store.setHeader('visitedMask', this.slots - 1);
  }

  /** Other threads, started on `module` and the contexts behind the first. */
  employ(workers: Workers): void {
    this.workers = workers;
  }

  get states(): number {
    return this.store.header('states');
  }
  get bytes(): number {
    return this.store.tableBytes + this.store.chunkBytes + this.slots * this.shape.slot;
  }
  get transitions(): number {
    return this.contexts.reduce((sum, context) => sum + context.transitions, 0);
  }
  /** Edges that were not followed. */
  get slept(): number {
    return this.contexts.reduce((sum, context) => sum + context.slept, 0);
  }
  get violations(): number {
    return this.contexts.reduce((sum, context) => sum + context.get('violations'), 0);
  }

  /** Puts states into the table and the frontier. */
  add(states: readonly State[]): void {
    this.addWords(Int32Array.from(states.flatMap(({ locals, memory }) => [...locals, memory])));
  }
  /** The same, states side by side as words. */
  addWords(words: Int32Array): void {
    const [context] = this.contexts as [Context];
    const width = this.shape.tasks + 1;
    const most = Math.max(1, Math.floor(PUT_BYTES / (width * 4))) * width;
    const bytes = Math.min(words.length, most) * 4;
    const block = this.store.allocate(bytes);
    for (let from = 0; from < words.length; from += most) {
      const part = words.subarray(from, from + most);
      this.store.i32.set(part, block / 4);
      for (let at = block; at < block + part.length * 4; ) {
        this.ready(0);
        at = this.code.puts(context.address, at, block + part.length * 4) >>> 0;
        this.flush(context);
      }
    }
    this.store.release(block, bytes);
  }
  /** States as words, without their parents, and without what sleeps. */
  words(ranges: readonly Range[]): Int32Array {
    const { tasks, shift } = this.shape;
    const width = tasks + 1;
    const words = new Int32Array(this.count(ranges) * width);
    const { i32 } = this.store;
    let to = 0;
    if (this.settings.parents)
      for (const address of this.addresses(ranges)) {
        words.set(i32.subarray(address / 4, address / 4 + width), to);
        to += width;
      }
    else
      for (const range of ranges) {
        words.set(i32.subarray(range.from / 4, range.to / 4), to);
        to += (range.to - range.from) / 4;
      }
    if (shift > 0)
      for (let at = 0; at < words.length; at += width)
        for (let slot = 0; slot < tasks; slot++) words[at + slot]! >>>= shift;
    return words;
  }

  private block = 0;
  private blockBytes = 0;
  /** The reverse of `words`: states in a place where they can be walked from, in neither the table nor the frontier; the next ones come in their place. */
  place(words: Int32Array): Range {
    const { store } = this;
    if (words.byteLength > this.blockBytes) {
      if (this.blockBytes > 0) store.release(this.block, this.blockBytes);
      this.block = store.allocate(words.byteLength);
      this.blockBytes = words.byteLength;
    }
    store.i32.set(words, this.block / 4);
    const { tasks, shift } = this.shape;
    const block = store.i32.subarray(this.block / 4, this.block / 4 + words.length);
    if (shift > 0)
      for (let at = 0; at < block.length; at += tasks + 1)
        for (let slot = 0; slot < tasks; slot++) block[at + slot]! <<= shift;
    return { from: this.block, to: this.block + words.byteLength };
  }

  /** The visited table's words. */
  get table(): Int32Array {
    const from = this.store.header('visited') / 4;
    return this.store.i32.subarray(from, from + (this.slots * this.shape.slot) / 4);
  }
  /** Another table in its place, empty, for a saved search. */
  replaceTable(slots: number, states: number): Int32Array {
    if (slots * this.shape.slot > this.store.size - this.store.middle) throw new OutOfMemory();
    this.table.fill(0);
    this.slots = slots;
    this.store.setHeader('visitedMask', slots - 1);
    this.store.setHeader('states', states);
    return this.table;
  }
  /** No state has been found. */
  forget(): void {
    const ranges = this.fresh();
    this.leaveChunks();
    this.free(ranges);
    for (const context of this.contexts)
      for (const name of ['filled', 'missCount'] as const) context.set(name, 0);
    this.replaceTable(FIRST_SLOTS, 0);
  }
  setCounts(transitions: number, violations: number): void {
    this.contexts[0]!.transitions = transitions;
    this.contexts[0]!.set('violations', violations);
  }

  /** What was counted elsewhere. */
  alsoCount(transitions: number, violations: number): void {
    this.setCounts(
      this.contexts[0]!.transitions + transitions,
      this.contexts[0]!.get('violations') + violations,
    );
  }

  stateAt(address: number): State {
    const at = address / 4;
    const { i32 } = this.store;
    const { tasks, shift } = this.shape;
    return {
      locals: Array.from(i32.subarray(at, at + tasks), (word) => word >>> shift),
      memory: i32[at + tasks]!,
    };
  }
  parentOf(address: number): number {
    return this.store.i32[address / 4 + this.shape.tasks + 1]! >>> 0;
  }
  /** Addresses of the states of ranges, in order. */
  *addresses(ranges: readonly Range[]): Generator<number> {
    for (const { from, to } of ranges)
      for (let address = from; address < to; address += this.shape.record) yield address;
  }
  count(ranges: readonly Range[]): number {
    return ranges.reduce((sum, { from, to }) => sum + (to - from), 0) / this.shape.record;
  }

  /** The states that came into the frontier since the last call. */
  fresh(): Range[] {
    const ranges: Range[] = [];
    for (const context of this.contexts) context.takeRanges(ranges);
    return ranges;
  }
  /** The frontier goes on in chunks of its own. */
  leaveChunks(): void {
    for (const context of this.contexts) context.leaveChunk();
  }
  /** Gives the chunks of these ranges back; nothing else may stand in them. */
  free(ranges: readonly Range[]): void {
    if (this.settings.parents) return;
    for (const chunk of new Set(ranges.map(({ from }) => Math.floor(from / CHUNK) * CHUNK))) {
      this.store.i32[chunk / 4] = this.store.header('freeChunk') | 0;
      this.store.setHeader('freeChunk', chunk);
    }
  }

  /** Expands the edges of one cost of some of these states. */
  round(ranges: readonly Range[], cost: 0 | 1): RoundEnd {
    const { rest, misses } = this.walk(ranges, cost);
    return { rest, ...this.settle(misses) };
  }

  /** The same as far as the tables know: what they do not say is still to be settled. */
  walk(ranges: readonly Range[], cost: 0 | 1): { readonly rest: Range[]; readonly misses: Misses } {
    const { store } = this;
    this.ready(cost);
    const { pieces, rest } = this.cut(ranges);
    if (pieces.length * 8 > this.pieceBytes) {
      if (this.pieceBytes > 0) store.release(this.pieces, this.pieceBytes);
      this.pieceBytes = Math.max(4096, pieces.length * 16);
      this.pieces = store.allocate(this.pieceBytes);
    }
    for (const [index, { from, to }] of pieces.entries()) {
      store.i32[this.pieces / 4 + index * 2] = from | 0;
      store.i32[this.pieces / 4 + index * 2 + 1] = to | 0;
    }
    store.setHeader('pieces', this.pieces);
    store.setHeader('pieceCount', pieces.length);
    store.setHeader('nextPiece', 0);
    const shared = this.workers !== undefined && this.count(pieces) >= this.settings.shareFrom;
    if (shared) this.beginRound();
    this.code.work(this.contexts[0]!.address);
    if (shared) this.awaitRound();
    const left = this.contexts
      .slice(0, shared ? undefined : 1)
      .map((context) => ({ from: context.get('leftFrom'), to: context.get('leftTo') }))
      .filter(({ from, to }) => to > from);
    return {
      rest: [...left, ...pieces.slice(store.header('nextPiece')), ...rest],
      misses: this.contexts.flatMap((context) => this.takeMisses(context)),
    };
  }

  /** The first states of the ranges as pieces, and the rest. */
  private cut(ranges: readonly Range[]): { pieces: Range[]; rest: Range[] } {
    const step = PIECE * this.shape.record;
    const most = Math.ceil((this.settings.roundStates * this.jobs) / PIECE);
    const pieces: Range[] = [];
    for (const [index, { from, to }] of ranges.entries()) {
      for (let at = from; at < to; at += step) {
        if (pieces.length >= most) return { pieces, rest: [{ from: at, to }, ...ranges.slice(index + 1)] };
        pieces.push({ from: at, to: Math.min(to, at + step) });
      }
    }
    return { pieces, rest: [] };
  }

  private beginRound(): void {
    const { i32 } = this.store;
    i32[HEADER.running] = this.jobs - 1;
    Atomics.add(i32, HEADER.round, 1);
    Atomics.notify(i32, HEADER.round);
  }
  private awaitRound(): void {
    const { i32 } = this.store;
    for (;;) {
      const running = Atomics.load(i32, HEADER.running);
      if (running === 0) return;
      Atomics.wait(i32, HEADER.running, running, 1000);
    }
  }

  /** Buffers and table have room for what can come before the next look at the limits. */
  private ready(cost: 0 | 1): void {
    const { store } = this;
    const widest = store.header('widest');
    for (const context of this.contexts) context.prepare(widest);
    if (this.bytes > this.settings.maxMemory) throw new OutOfMemory();
    const reserve = this.jobs * (Context.batch(this.shape.tasks, widest) + MISSES) * 2;
    const limit = (): number => Math.min(Math.floor(this.slots * 0.75), this.slots - reserve);
    while (this.states > limit()) {
      const bytes = this.slots * this.shape.slot;
      if (bytes * 2 > store.size - store.middle || this.bytes + bytes > this.settings.maxMemory)
        throw new OutOfMemory();
      this.code.grow();
      this.slots *= 2;
    }
    store.setHeader('statesLimit', limit());
    const others = this.slots * this.shape.slot + store.tableBytes;
    const floor = Math.max(store.tableBytes, store.middle - Math.max(0, this.settings.maxMemory - others));
    store.setHeader('chunkLimit', Math.ceil(floor / CHUNK) * CHUNK);
    store.setHeader('phase', cost);
    store.setHeader('stop', 0);
  }

  private flush({ address }: Context): void {
    this.code.flush(address);
    this.checkRoom();
  }
  /** Throws OutOfMemory where there was no room for all that was found. */
  checkRoom(): void {
    if (this.store.header('stop') === STOP.memory) throw new OutOfMemory();
  }

  /** Asks the semantics for what the tables did not say, and takes those edges. There is room for what one walk misses. */
  settle(missed: Misses): Settled {
    const { stepper } = this;
    const [main] = this.contexts as [Context];
    let deadlock = false;
    let badEnd = false;
    for (let misses = missed; misses.length > 0; misses = this.takeMisses(main)) {
      for (let at = 0; at < misses.length; at += 3) {
        const [address, slot, position] = [misses[at]! >>> 0, misses[at + 1]!, misses[at + 2]!];
        if (slot === ASK.end) badEnd ||= stepper.atEnd(this.stateAt(address)) !== undefined;
        else if (slot === ASK.deadlock) {
          const state = this.stateAt(address);
          deadlock ||= !stepper.canGo(state, 0) && !stepper.canGo(state, 1);
        } else {
          // Most of them miss the same: all but the first find an answer.
          this.code.again(main.address, address, slot, position);
          if (main.get('missCount') > 0) {
            main.set('missCount', 0);
            stepper.take(this.stateAt(address), slot, position);
            this.code.again(main.address, address, slot, position);
          }
          if (main.get('filled') > main.get('fillLimit')) this.code.flush(main.address);
        }
      }
      this.code.flush(main.address);
    }
    this.checkRoom();
    return { deadlock, badEnd };
  }
  /** The same for what was missed elsewhere, however much it is. */
  settleAll(misses: Misses, cost: 0 | 1): Settled {
    const all = { deadlock: false, badEnd: false };
    for (let at = 0; at < misses.length; at += MISSES * 3) {
      this.ready(cost);
      const { deadlock, badEnd } = this.settle(misses.slice(at, at + MISSES * 3));
      all.deadlock ||= deadlock;
      all.badEnd ||= badEnd;
    }
    return all;
  }
  private takeMisses(context: Context): number[] {
    const from = context.get('misses') / 4;
    const misses = this.store.i32.subarray(from, from + (context.get('missCount') * MISS_BYTES) / 4);
    context.set('missCount', 0);
    return Array.from(misses);
  }

  /** Threads end, memory may go. */
  close(): void {
    this.store.setHeader('quit', 1);
    if (this.workers !== undefined) this.beginRound();
    this.workers?.end();
  }
}
