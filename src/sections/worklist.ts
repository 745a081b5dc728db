import type { Addr } from '../abi/address.js';

/**
 * Places to look at again, each once, lowest address first: compilers lay code out in the order it runs, so what comes before a
 * place is settled before the place is.
 */
export class Worklist {
  private readonly heap: Addr[] = [];
  private readonly waiting = new Set<Addr>();

  add(at: Addr): void {
    if (this.waiting.has(at)) return;
    this.waiting.add(at);
    const { heap } = this;
    let hole = heap.length;
    heap.push(at);
    for (let parent = (hole - 1) >> 1; hole > 0 && heap[parent]! > at; parent = (hole - 1) >> 1) {
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = at;
  }

  take(): Addr | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    this.waiting.delete(first);
    if (heap.length === 0) return first;
    let hole = 0;
    for (let child = 1; child < heap.length; child = 2 * hole + 1) {
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[hole] = heap[child]!;
      hole = child;
    }
    heap[hole] = last;
    return first;
  }
}
