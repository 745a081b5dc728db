import type { Store } from './store.js';

/** What one thread has for itself, in words from the address of its context. */
export const CONTEXT = {
  /** Where the next state goes, and the end of its chunk. */
  next: 0,
  end: 1,
  /** First state of the range under way; ranges that are complete stand in a list of pairs (from, to). */
  rangeFrom: 2,
  ranges: 3,
  rangeCount: 4,
  /** What the tables do not say: triples (state, slot, place of the edge in its table), or (state, one of ASK). */
  misses: 5,
  missCount: 6,
  missLimit: 7,
  /** Successors that are to be looked up: the buffer, bytes in it, and how many are enough. */
  buffer: 8,
  filled: 9,
  fillLimit: 10,
  /** What was left of a piece when the thread had to stop. */
  leftFrom: 11,
  leftTo: 12,
  /** Edges taken (i64). */
  transitions: 14,
  violations: 16,
  /** Only written, so that loads that bring slots into the cache are not left out. */
  touched: 17,
  /** Edges that were not followed because they sleep (i64). */
  slept: 18,
  /** Of each slot's edges of cost 0: cells that they read and write, as bits. */
  prints: 32,
  words: 64,
} as const;

/** In the place of a slot: all tasks have finished, or there may be no edge to take. */
export const ASK = { end: -1, deadlock: -2 } as const;
export const MISS_BYTES = 12;

/** Successors that are generated before any is looked up: their slots come into the cache side by side. */
const BATCH = 2048;
const RANGES = 1 << 16;
export const MISSES = 1 << 12;

/** How a state and a successor lie in memory, in bytes. */
export interface Shape {
  readonly tasks: number;
  /** A state: locals, memory, and the address of its parent where these are kept. */
  readonly record: number;
  /** A successor: hash, state. */
  readonly entry: number;
  /** A slot of the visited table. */
  readonly slot: number;
  /** Bits behind a local in a state (asleep-code.ts). */
  readonly shift: number;
}
export const shapeOf = (tasks: number, exact: boolean, parents: boolean, sleep: boolean): Shape => {
  const record = (tasks + (parents ? 2 : 1)) * 4;
  return {
    tasks,
    shift: sleep ? 2 : 0,
    record,
    entry: (8 + record + 7) & ~7,
    slot: exact ? (tasks + 1) * 4 : 8,
  };
};

export class Context {
  readonly address: number;
  private bufferBytes = 0;
  private missBytes = 0;

  constructor(
    private readonly store: Store,
    private readonly shape: Shape,
  ) {
    this.address = store.allocate(CONTEXT.words * 4);
    this.set('ranges', store.allocate(RANGES * 8));
  }

  get(name: keyof typeof CONTEXT): number {
    return this.store.i32[this.address / 4 + CONTEXT[name]]! >>> 0;
  }
  set(name: keyof typeof CONTEXT, value: number): void {
    this.store.i32[this.address / 4 + CONTEXT[name]] = value | 0;
  }

  /** Most successors that can come between two looks at the limits. */
  static batch(tasks: number, widest: number): number {
    return BATCH + tasks * widest;
  }

  /** Buffers large enough for the edges that locals have by now. Not while there is something in them. */
  prepare(widest: number): void {
    const { entry, tasks } = this.shape;
    const bytes = Context.batch(tasks, widest) * entry;
    if (bytes > this.bufferBytes) {
      if (this.bufferBytes > 0) this.store.release(this.get('buffer'), this.bufferBytes);
      this.set('buffer', this.store.allocate(bytes));
      this.bufferBytes = bytes;
    }
    this.set('fillLimit', this.bufferBytes - tasks * widest * entry);
    const misses = (MISSES + tasks * widest + 2) * MISS_BYTES;
    if (misses > this.missBytes) {
      if (this.missBytes > 0) this.store.release(this.get('misses'), this.missBytes);
      this.set('misses', this.store.allocate(misses));
      this.missBytes = misses;
    }
    this.set('missLimit', MISSES);
  }

  /** The ranges of states that came since the last call, in order. */
  takeRanges(into: Range[]): void {
    const { i32 } = this.store;
    const list = this.get('ranges') / 4;
    for (let each = 0; each < this.get('rangeCount'); each++)
      into.push({ from: i32[list + each * 2]! >>> 0, to: i32[list + each * 2 + 1]! >>> 0 });
    this.set('rangeCount', 0);
    if (this.get('next') > this.get('rangeFrom'))
      into.push({ from: this.get('rangeFrom'), to: this.get('next') });
    this.set('rangeFrom', this.get('next'));
  }

  /** What comes next begins a new chunk. */
  leaveChunk(): void {
    for (const name of ['next', 'end', 'rangeFrom'] as const) this.set(name, 0);
  }

  get slept(): number {
    return this.get('slept') + this.store.i32[this.address / 4 + CONTEXT.slept + 1]! * 2 ** 32;
  }
  set transitions(count: number) {
    this.set('transitions', count % 2 ** 32);
    this.store.i32[this.address / 4 + CONTEXT.transitions + 1] = Math.floor(count / 2 ** 32);
  }
  get transitions(): number {
    return this.get('transitions') + this.store.i32[this.address / 4 + CONTEXT.transitions + 1]! * 2 ** 32;
  }
}

/** States side by side in a chunk, by address. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Ranges end in good time before their list does. */
export const RANGE_LIMIT = RANGES - 256;
