import type { Store } from './store.js';

export type StoreTo = readonly [cell: number, value: number];
/** Asks for the violation of a memory seen first. */
export type Judge = (memory: number) => number | undefined;

/** A slot of the table of steps, in words: (memory + 1, list of stores) -> (memory, its violation + 1). */
export const STEP = { memory: 0, stores: 1, to: 2, bad: 3, words: 4 } as const;

/** Memories: rows with a value for each cell, interned, and the steps between them that were taken so far. Memory 0 is the first one. */
export class Memories {
  private readonly initial: number[] = [];
  private readonly storeLists = new Map<string, number>();
  private readonly storesById: (readonly StoreTo[])[] = [[]];
  /** How many memories there are. */
  count = 0;
  private hashes = new Int32Array(256);
  /** By memory, -1 where there is none. */
  private violations = new Int32Array(256);
  /** Memories + 1 by hash: open addressing. */
  private index = new Int32Array(1024);
  private rowWords = 16;
  private rowCapacity = 256;
  private rows: number;
  private stepMask = 1023;
  private steps: number;
  private stepCount = 0;

  constructor(private readonly store: Store) {
    this.rows = store.allocate(this.rowCapacity * this.rowWords * 4) / 4;
    this.steps = store.allocate((this.stepMask + 1) * STEP.words * 4) / 4;
    this.add(0);
    this.publish();
  }

  private publish(): void {
    this.store.setHeader('rows', this.rows * 4);
    this.store.setHeader('rowBytes', this.rowWords * 4);
    this.store.setHeader('steps', this.steps * 4);
    this.store.setHeader('stepMask', this.stepMask);
  }

  get cells(): number {
    return this.initial.length;
  }

  /** The id of a list of stores; 0 is the empty one. */
  list(stores: readonly StoreTo[]): number {
    if (stores.length === 0) return 0;
    const key = stores.join(' ');
    let id = this.storeLists.get(key);
    if (id === undefined) {
      id = this.storesById.push(stores) - 1;
      this.storeLists.set(key, id);
    }
    return id;
  }

  /** A new cell; in every memory known so far it has its initial value, so they keep their ids. */
  addCell(value: number): number {
    const cell = this.initial.push(value) - 1;
    if (cell >= this.rowWords) this.widenRows();
    const { i32 } = this.store;
    for (let memory = 0; memory < this.count; memory++)
      i32[this.rows + memory * this.rowWords + cell] = value;
    return cell;
  }
  private widenRows(): void {
    const { i32 } = this.store;
    const bytes = this.rowCapacity * this.rowWords * 4;
    const to = this.store.allocate(bytes * 2) / 4;
    for (let memory = 0; memory < this.count; memory++) {
      const from = this.rows + memory * this.rowWords;
      i32.copyWithin(to + memory * this.rowWords * 2, from, from + this.rowWords);
    }
    this.store.release(this.rows * 4, bytes);
    this.rows = to;
    this.rowWords *= 2;
    this.publish();
  }

  /** A cell's value in a memory. */
  valueOf(memory: number, cell: number): number {
    return this.store.i32[this.rows + memory * this.rowWords + cell]!;
  }
  /** A memory's violation of an invariant. */
  violationOf(memory: number): number | undefined {
    const violation = this.violations[memory]!;
    return violation < 0 ? undefined : violation;
  }

  /** The memory behind a list of stores, -1 where `store` was not asked yet. */
  stepOf(memory: number, stores: number): number {
    const at = this.stepAt(memory, stores);
    return this.store.i32[at] === 0 ? -1 : this.store.i32[at + STEP.to]!;
  }
  private stepAt(memory: number, stores: number): number {
    const { i32 } = this.store;
    for (let slot = stepHash(memory, stores) & this.stepMask; ; slot = (slot + 1) & this.stepMask) {
      const at = this.steps + slot * STEP.words;
      if (i32[at] === 0 || (i32[at] === memory + 1 && i32[at + STEP.stores] === stores)) return at;
    }
  }

  /** Finds or makes the memory behind a list of stores, and remembers the step. `violation` is asked of a new one. */
  takeStep(memory: number, stores: number, violation: Judge): number {
    const to = this.intern(memory, this.storesById[stores]!, violation);
    if ((this.stepCount + 1) * 4 > (this.stepMask + 1) * 3) this.growSteps();
    const { i32 } = this.store;
    const at = this.stepAt(memory, stores);
    if (i32[at] === 0) this.stepCount++;
    i32[at + STEP.memory] = memory + 1;
    i32[at + STEP.stores] = stores;
    i32[at + STEP.to] = to;
    i32[at + STEP.bad] = this.violations[to]! + 1;
    return to;
  }
  private growSteps(): void {
    const { i32 } = this.store;
    const slots = this.stepMask + 1;
    const from = this.steps;
    this.steps = this.store.allocate(slots * 2 * STEP.words * 4) / 4;
    this.stepMask = slots * 2 - 1;
    for (let at = from; at < from + slots * STEP.words; at += STEP.words)
      if (i32[at] !== 0)
        i32.copyWithin(this.stepAt(i32[at]! - 1, i32[at + STEP.stores]!), at, at + STEP.words);
    this.store.release(from * 4, slots * STEP.words * 4);
    this.publish();
  }

  private intern(memory: number, stores: readonly StoreTo[], violation: Judge): number {
    const values = new Map<number, number>(stores);
    let hash = this.hashes[memory]!;
    for (const [cell, value] of values)
      hash = (hash + mix(cell, value) - mix(cell, this.valueOf(memory, cell))) | 0;
    const same = (other: number): boolean => {
      for (let cell = 0; cell < this.cells; cell++)
        if (this.valueOf(other, cell) !== (values.get(cell) ?? this.valueOf(memory, cell))) return false;
      return true;
    };
    for (let slot = hash & this.indexMask; ; slot = (slot + 1) & this.indexMask) {
      const other = this.index[slot]! - 1;
      if (other < 0) break;
      if (this.hashes[other] === hash && same(other)) return other;
    }
    const fresh = this.add(hash);
    const { i32 } = this.store;
    const from = this.rows + memory * this.rowWords;
    const to = this.rows + fresh * this.rowWords;
    i32.copyWithin(to, from, from + this.rowWords);
    for (const [cell, value] of values) i32[to + cell] = value;
    this.judge(fresh, violation);
    return fresh;
  }
  /** Asks for the violation of a memory: of a new one, and of memory 0 when the search begins. */
  judge(memory: number, violation: Judge): void {
    this.violations[memory] = violation(memory) ?? -1;
  }
  private add(hash: number): number {
    const memory = this.count++;
    if (memory >= this.hashes.length) {
      this.hashes = grown(this.hashes);
      this.violations = grown(this.violations);
    }
    this.hashes[memory] = hash;
    this.violations[memory] = -1;
    if (this.count * 2 > this.index.length) {
      this.index = new Int32Array(this.index.length * 2);
      for (let each = 0; each < memory; each++) this.enter(each);
    }
    this.enter(memory);
    if (memory >= this.rowCapacity) {
      const bytes = this.rowCapacity * this.rowWords * 4;
      const to = this.store.allocate(bytes * 2) / 4;
      this.store.i32.copyWithin(to, this.rows, this.rows + bytes / 4);
      this.store.release(this.rows * 4, bytes);
      this.rows = to;
      this.rowCapacity *= 2;
      this.publish();
    }
    return memory;
  }
  private enter(memory: number): void {
    let slot = this.hashes[memory]! & this.indexMask;
    while (this.index[slot] !== 0) slot = (slot + 1) & this.indexMask;
    this.index[slot] = memory + 1;
  }
  private get indexMask(): number {
    return this.index.length - 1;
  }
}

function grown(words: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(words.length * 2);
  larger.set(words);
  return larger;
}

/** A memory's hash is the sum of these over the cells that have not their initial value: a new cell changes nothing. */
function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return h ^ (h >>> 15);
}

/** The first slot of a step; the code in WebAssembly computes the same. */
export const STEP_HASH = { memory: 0x9e3779b1 | 0, stores: 0x85ebca77 | 0, shift: 15 } as const;
function stepHash(memory: number, stores: number): number {
  const h = Math.imul(memory, STEP_HASH.memory) ^ Math.imul(stores, STEP_HASH.stores);
  return h ^ (h >>> STEP_HASH.shift);
}
