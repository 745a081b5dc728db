import { edgesOf } from './part.js';

/** States of several parts of a search, each once, with the lowest cost that it has in any: open addressing. */
export class Union {
  states = 0;
  readonly layers: number[] = [];
  /** Edges of cost 0 and of cost 1. */
  private readonly free: number[] = [];
  private readonly others: number[] = [];
  private mask = 2 ** 16 - 1;
  /** Two words a state; both 0 where there is none. */
  private table = new Uint32Array((this.mask + 1) * 2);
  /** By slot. */
  private costs = new Uint16Array(this.mask + 1);

  add(first: number, b: number, cost: number, edges: number): void {
    const a = first === 0 && b === 0 ? 1 : first;
    const slot = this.find(a, b);
    const [free, others] = edgesOf(edges);
    if (this.table[slot * 2] !== 0 || this.table[slot * 2 + 1] !== 0) {
      const known = this.costs[slot]!;
      if (known <= cost) return;
      this.count(known, -1, -free, -others);
    } else {
      this.table[slot * 2] = a;
      this.table[slot * 2 + 1] = b;
      this.states++;
    }
    this.costs[slot] = cost;
    this.count(cost, 1, free, others);
    if (this.states * 3 > this.mask * 2) this.grow();
  }

  /** The highest cost of a state. */
  get cost(): number {
    return this.layers.findLastIndex((states) => states > 0);
  }

  /** Edges taken: of the last layer, where that is where the search ends, those of cost 0 only. */
  transitions(whole: boolean): number {
    const sum = (counts: readonly number[]): number => counts.reduce((all, each) => all + each, 0);
    return sum(this.free) + sum(whole ? this.others : this.others.slice(0, this.cost));
  }

  private count(cost: number, states: number, free: number, others: number): void {
    this.layers[cost] = (this.layers[cost] ?? 0) + states;
    this.free[cost] = (this.free[cost] ?? 0) + free;
    this.others[cost] = (this.others[cost] ?? 0) + others;
  }
  private find(a: number, b: number): number {
    const { table, mask } = this;
    let slot = b & mask;
    while (
      (table[slot * 2] !== a || table[slot * 2 + 1] !== b) &&
      (table[slot * 2] !== 0 || table[slot * 2 + 1] !== 0)
    )
      slot = (slot + 1) & mask;
    return slot;
  }
  private grow(): void {
    const { table, costs } = this;
    this.mask = this.mask * 2 + 1;
    this.table = new Uint32Array((this.mask + 1) * 2);
    this.costs = new Uint16Array(this.mask + 1);
    for (const [old, cost] of costs.entries()) {
      const [a, b] = [table[old * 2]!, table[old * 2 + 1]!];
      if (a === 0 && b === 0) continue;
      const slot = this.find(a, b);
      this.table[slot * 2] = a;
      this.table[slot * 2 + 1] = b;
      this.costs[slot] = cost;
    }
  }
}
