import { CellTurns } from './cell-turns.js';
import type { Store } from './store.js';
import type { Turns } from './turns.js';

export type StoreTo = readonly [cell: number, value: number];
/** Asks for the violation of a memory seen first. */
export type Judge = (memory: number) => number | undefined;

/** A slot of the table of steps, in words: (memory + 1, list of stores) -> (memory, how it was turned, or BAD_STEP). */
export const STEP = { memory: 0, stores: 1, to: 2, turn: 3, words: 4 } as const;
/** The memory is a violation. */
export const BAD_STEP = -1;

/** Where a step leads: to a memory that stands for all that it can be turned to, by this turn. */
export interface MemoryStep {
  readonly memory: number;
  readonly turn: number;
}

/**
 * Memories: rows with a value for each cell, interned, and the steps between them that were taken so far. Memory 0 is the first one. With `turns`
 * a memory stands for all that it becomes when resources are exchanged.
 */
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
  /** Of lists of stores the cells, as bits: of several cells one bit. */
  private maskCapacity = 256;
  private masks: number;
  readonly turned: CellTurns | undefined;
  /** With turns: of each memory where the list of turns that leave it as it is begins, in bytes. Of lists that are in use, by what they hold. */
  private stays = 0;
  private readonly stayLists = new Map<
    string,
    { readonly address: number; readonly turns: readonly number[] }
  >();
  private readonly staysOf: (readonly number[])[] = [];

  constructor(
    private readonly store: Store,
    turns?: Turns,
  ) {
    this.turned = turns && new CellTurns(turns, (cell) => this.initial[cell]!);
    if (turns !== undefined) this.stays = store.allocate(this.rowCapacity * 4) / 4;
    this.rows = store.allocate(this.rowCapacity * this.rowWords * 4) / 4;
    this.steps = store.allocate((this.stepMask + 1) * STEP.words * 4) / 4;
    this.masks = store.allocate(this.maskCapacity * 4) / 4;
    this.add(0);
    if (turns !== undefined)
      this.setStays(
        0,
        Array.from({ length: turns.count - 1 }, (_, n) => n + 1),
      );
    this.publish();
  }

  private publish(): void {
    this.store.setHeader('rows', this.rows * 4);
    this.store.setHeader('rowBytes', this.rowWords * 4);
    this.store.setHeader('steps', this.steps * 4);
    this.store.setHeader('stepMask', this.stepMask);
    this.store.setHeader('stays', this.stays * 4);
    this.store.setHeader('masks', this.masks * 4);
  }

  /** Lists of turns end with 0. */
  private setStays(memory: number, turns: readonly number[]): void {
    this.staysOf[memory] = turns;
    const key = turns.join();
    let list = this.stayLists.get(key);
    if (list === undefined) {
      list = { address: this.store.allocate((turns.length + 1) * 4), turns };
      this.store.i32.set([...turns.map((turn) => turn * 4), 0], list.address / 4);
      this.stayLists.set(key, list);
    }
    this.store.i32[this.stays + memory] = list.address | 0;
  }
  /** Turns that leave a memory as it is, without 0. */
  turnsThatLeave(memory: number): readonly number[] {
    return this.staysOf[memory] ?? [];
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
      if (id >= this.maskCapacity) this.growMasks();
      this.store.i32[this.masks + id] = stores.reduce((mask, [cell]) => mask | (1 << (cell & 31)), 0);
    }
    return id;
  }

  private growMasks(): void {
    const to = this.store.allocate(this.maskCapacity * 8) / 4;
    this.store.i32.copyWithin(to, this.masks, this.masks + this.maskCapacity);
    this.store.release(this.masks * 4, this.maskCapacity * 4);
    this.masks = to;
    this.maskCapacity *= 2;
    this.publish();
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

  /** What a list of stores puts where. */
  storesOf(list: number): readonly StoreTo[] {
    return this.storesById[list]!;
  }

  /** The memory behind a list of stores; undefined where `takeStep` was not asked yet. */
  stepOf(memory: number, stores: number): MemoryStep | undefined {
    const { i32 } = this.store;
    const at = this.stepAt(memory, stores);
    return i32[at] === 0
      ? undefined
      : { memory: i32[at + STEP.to]!, turn: Math.max(0, i32[at + STEP.turn]!) };
  }
  private stepAt(memory: number, stores: number): number {
    const { i32 } = this.store;
    for (let slot = stepHash(memory, stores) & this.stepMask; ; slot = (slot + 1) & this.stepMask) {
      const at = this.steps + slot * STEP.words;
      if (i32[at] === 0 || (i32[at] === memory + 1 && i32[at + STEP.stores] === stores)) return at;
    }
  }

  /** Finds or makes the memory behind a list of stores, and remembers the step. `violation` is asked of a new one. */
  takeStep(memory: number, stores: number, violation: Judge): MemoryStep {
    const step = this.standing(this.behind(memory, stores), violation);
    if ((this.stepCount + 1) * 4 > (this.stepMask + 1) * 3) this.growSteps();
    const { i32 } = this.store;
    const at = this.stepAt(memory, stores);
    if (i32[at] === 0) this.stepCount++;
    i32[at + STEP.memory] = memory + 1;
    i32[at + STEP.stores] = stores;
    i32[at + STEP.to] = step.memory;
    i32[at + STEP.turn] = this.violations[step.memory]! < 0 ? step.turn : BAD_STEP;
    return step;
  }
  /** The same without turning it, nor remembering the step. */
  reallyStep(memory: number, stores: number, violation: Judge): number {
    return this.intern(this.behind(memory, stores), violation);
  }
  /** The memory that stands for one. */
  standingFor(memory: number, violation: Judge): MemoryStep {
    return this.standing(this.row(memory), violation);
  }

  private row(memory: number): Int32Array {
    const from = this.rows + memory * this.rowWords;
    return this.store.i32.slice(from, from + this.cells);
  }
  private behind(memory: number, stores: number): Int32Array {
    const row = this.row(memory);
    for (const [cell, value] of this.storesById[stores]!) row[cell] = value;
    return row;
  }
  private standing(row: Int32Array, violation: Judge): MemoryStep {
    if (this.turned === undefined) return { memory: this.intern(row, violation), turn: 0 };
    const { row: first, turn, stays } = this.turned.standing(row);
    const before = this.count;
    const memory = this.intern(first, violation);
    if (memory === before || this.staysOf[memory] === undefined) this.setStays(memory, stays);
    return { memory, turn };
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

  private intern(row: Int32Array, violation: Judge): number {
    let hash = 0;
    for (let cell = 0; cell < row.length; cell++)
      if (row[cell] !== this.initial[cell])
        hash = (hash + mix(cell, row[cell]!) - mix(cell, this.initial[cell]!)) | 0;
    const same = (other: number): boolean => {
      for (let cell = 0; cell < row.length; cell++) if (this.valueOf(other, cell) !== row[cell]) return false;
      return true;
    };
    for (let slot = hash & this.indexMask; ; slot = (slot + 1) & this.indexMask) {
      const other = this.index[slot]! - 1;
      if (other < 0) break;
      if (this.hashes[other] === hash && same(other)) return other;
    }
    const fresh = this.add(hash);
    this.store.i32.set(row, this.rows + fresh * this.rowWords);
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
      if (this.turned !== undefined) {
        const longer = this.store.allocate(this.rowCapacity * 8) / 4;
        this.store.i32.copyWithin(longer, this.stays, this.stays + this.rowCapacity);
        this.store.release(this.stays * 4, this.rowCapacity * 4);
        this.stays = longer;
      }
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
