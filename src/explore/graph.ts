import { type Judge, Memories, type MemoryStep, type StoreTo } from './memories.js';
import { HEADER, Store } from './store.js';
import type { Turns } from './turns.js';

export interface Edge {
  readonly label: number;
  /** 1: a context switch or an interrupt. */
  readonly cost: 0 | 1;
  /** Resources that no other task may hold: bit c = CPU c, bit 16+d = mm_cid d. */
  readonly wants: number;
}

/** What stands at a node of a decision tree, in the low bits of its first word. */
export const KIND = { unknown: 0, read: 1, leaf: 2, bad: 3, disabled: 4 } as const;
export const KIND_BITS = 3;

/** Records of the tables, in words. */
export const LOCAL = {
  holds: 0,
  flags: 1,
  edges: 2,
  count0: 3,
  count1: 4,
  fence: 5,
  order: 6,
  words: 8,
} as const;
export const EDGE = { wants: 0, root: 1, index: 2, label: 3, words: 4 } as const;
export const NODE = { kind: 0, a: 1, b: 2, c: 3, words: 4 } as const;
/** `asks`: some edge of cost 1 wants something. */
export const FLAG = { finished: 1, asks: 2 } as const;

/** A table that grows by moving to a larger block; its address stands in the header. */
class Table {
  count = 0;
  base = 0;
  private capacity: number;
  constructor(
    private readonly store: Store,
    private readonly name: 'locals' | 'edges' | 'nodes' | 'images',
    private readonly words: number,
  ) {
    this.capacity = 256;
    this.place(this.store.allocate(this.capacity * words * 4));
  }
  private place(address: number): void {
    this.base = address / 4;
    this.store.setHeader(this.name, address);
  }
  /** Index of the first of `count` new records, all zero. */
  add(count = 1): number {
    while (this.count + count > this.capacity) {
      const bytes = this.capacity * this.words * 4;
      const from = this.base;
      const to = this.store.allocate(bytes * 2);
      this.store.i32.copyWithin(to / 4, from, from + bytes / 4);
      this.place(to);
      this.store.release(from * 4, bytes);
      this.capacity *= 2;
    }
    const index = this.count;
    this.count += count;
    return index;
  }
  /** Where a record stands, in words. */
  at(index: number): number {
    return this.base + index * this.words;
  }
}

/**
 * What is known of the tasks: locals, their edges with decision trees, and memories, as tables in shared memory. Only the main thread
 * writes, while the workers are parked. All ids are dense and begin at 0.
 */
export class Graph {
  private readonly localTable: Table;
  private readonly edgeTable: Table;
  private readonly nodeTable: Table;
  readonly memory: Memories;
  /** With turns: what each local becomes. */
  private readonly imageTable: Table | undefined;
  /** Of each node the local whose edge of cost 0 it belongs to, -1 for edges of cost 1. */
  private readonly owners: number[] = [];
  /** Where edges of cost 0 and fences have led from each local, trees that were forgotten included. */
  readonly links: number[][] = [];
  /** Locals of tasks that have ended the whole process: nothing can happen any more. */
  readonly over = new Set<number>();
  /** Some edge of cost 0 wants what its task does not hold. */
  contended = false;
  /** Grows whenever something becomes known: what was found out about cycles is to be found again. */
  version = 0;
  /** Of all that became known, in order: graphs with one digest are the same. */
  digest = 0;

  constructor(
    readonly store: Store = new Store(),
    /** Ways to exchange resources that are alike; undefined: none are. */
    readonly turns?: Turns,
  ) {
    this.localTable = new Table(store, 'locals', LOCAL.words);
    this.edgeTable = new Table(store, 'edges', EDGE.words);
    this.nodeTable = new Table(store, 'nodes', NODE.words);
    if (turns !== undefined) this.imageTable = new Table(store, 'images', turns.count);
    this.memory = new Memories(store, turns);
  }

  get locals(): number {
    return this.localTable.count;
  }
  get cells(): number {
    return this.memory.cells;
  }
  get memories(): number {
    return this.memory.count;
  }
  get nodes(): number {
    return this.nodeTable.count;
  }

  private note(...words: readonly number[]): void {
    // FNV-1a, a word at a time.
    for (const word of words) this.digest = Math.imul(this.digest ^ word ^ (word >>> 15), 0x0100_0193);
  }

  /** `holds` as in `Edge.wants`. Edges keep their index; their trees are unknown at first. */
  addLocal(holds: number, finished: boolean, edges: readonly Edge[]): number {
    this.version++;
    this.note(holds, finished ? 1 : 0, ...edges.flatMap(({ label, cost, wants }) => [label, cost, wants]));
    const { i32 } = this.store;
    const local = this.localTable.add();
    this.imageTable?.add();
    const first = this.edgeTable.add(edges.length);
    const roots = this.nodeTable.add(edges.length);
    for (const { cost } of edges) this.owners.push(cost === 0 ? local : -1);
    this.links.push([]);
    let position = first;
    for (const cost of [0, 1] as const) {
      for (const [index, edge] of edges.entries()) {
        if (edge.cost !== cost) continue;
        const at = this.edgeTable.at(position);
        i32[at + EDGE.wants] = edge.wants;
        i32[at + EDGE.root] = roots + index;
        i32[at + EDGE.index] = index;
        i32[at + EDGE.label] = edge.label;
        position++;
      }
    }
    const free = edges.filter(({ cost }) => cost === 0).length;
    const at = this.localTable.at(local);
    i32[at + LOCAL.holds] = holds;
    const asks = edges.some(({ cost, wants }) => cost === 1 && wants !== 0);
    i32[at + LOCAL.flags] = (finished ? FLAG.finished : 0) | (asks ? FLAG.asks : 0);
    i32[at + LOCAL.order] = local;
    i32[at + LOCAL.edges] = first;
    i32[at + LOCAL.count0] = free;
    i32[at + LOCAL.count1] = edges.length - free;
    if (edges.some(({ cost, wants }) => cost === 0 && (wants & ~holds) !== 0)) this.contended = true;
    i32[HEADER.widest] = Math.max(i32[HEADER.widest]!, free, edges.length - free);
    return local;
  }

  /** What a local becomes, by turn. */
  setImages(local: number, images: Int32Array): void {
    this.store.i32.set(images, this.imageTable!.at(local));
    // The same for all that it becomes.
    this.store.i32[this.localAt(local) + LOCAL.order] = Math.min(...images);
  }

  /** Where a local's record stands in the store, in words. Moves when locals are added. */
  localAt(local: number): number {
    return this.localTable.at(local);
  }
  /** The same of an edge, by its place in the table. */
  edgeAt(position: number): number {
    return this.edgeTable.at(position);
  }
  /** Of the edge at a place in the table: its index among those of its local, and its label. */
  edgeOf(position: number): { readonly edge: number; readonly label: number } {
    const { i32 } = this.store;
    const at = this.edgeAt(position);
    return { edge: i32[at + EDGE.index]!, label: i32[at + EDGE.label]! };
  }
  nodeAt(node: number): number {
    return this.nodeTable.at(node);
  }
  holds(local: number): number {
    return this.store.i32[this.localAt(local) + LOCAL.holds]!;
  }
  finished(local: number): boolean {
    return (this.store.i32[this.localAt(local) + LOCAL.flags]! & FLAG.finished) !== 0;
  }

  /** The place in the table of a local's edge. */
  position(local: number, edge: number): number {
    const { i32 } = this.store;
    const at = this.localAt(local);
    const first = i32[at + LOCAL.edges]!;
    const last = first + i32[at + LOCAL.count0]! + i32[at + LOCAL.count1]!;
    for (let position = first; position < last; position++)
      if (i32[this.edgeAt(position) + EDGE.index] === edge) return position;
    throw new RangeError(`local ${local} has no edge ${edge}`);
  }

  /** The root of an edge's decision tree. */
  rootOf(local: number, edge: number): number {
    return this.store.i32[this.edgeAt(this.position(local, edge)) + EDGE.root]!;
  }
  wants(position: number): number {
    return this.store.i32[this.edgeAt(position) + EDGE.wants]!;
  }
  /** The root of a tree, by the edge's place in the table. */
  rootAt(position: number): number {
    return this.store.i32[this.edgeAt(position) + EDGE.root]!;
  }
  /** Some tree has an edge that some memories disable. */
  get disables(): boolean {
    return this.store.header('disables') !== 0;
  }
  /** Nothing has a say in where the edge leads, and it is never disabled. */
  isPlain(position: number): boolean {
    return this.store.i32[this.nodeAt(this.rootAt(position))] === KIND.leaf;
  }
  isUnknown(node: number): boolean {
    return this.store.i32[this.nodeAt(node)] === KIND.unknown;
  }

  private setNode(node: number, kind: number, a = 0, b = 0, c = 0): void {
    this.version++;
    // Where the children of a READ stand is no knowledge.
    this.note(node, kind, ...((kind & 7) === KIND.read ? [] : [a, b, c]));
    const { i32 } = this.store;
    const at = this.nodeAt(node);
    if (i32[at]! !== KIND.unknown) throw new Error(`node ${node} is known already`);
    i32[at + NODE.kind] = kind;
    i32[at + NODE.a] = a;
    i32[at + NODE.b] = b;
    i32[at + NODE.c] = c;
  }

  /** What happens depends on a cell. */
  setRead(node: number, cell: number): void {
    const { i32 } = this.store;
    const at = this.nodeAt(node);
    if (cell >= this.cells) throw new RangeError(`there is no cell ${cell}`);
    if (i32[at] === (KIND.read | (cell << KIND_BITS))) return;
    const slots = 4;
    this.setNode(node, KIND.read | (cell << KIND_BITS), this.store.allocate(slots * 8), slots - 1);
  }

  /** Where a READ node goes on for a value; made when new. */
  child(node: number, value: number): number {
    const known = this.childOf(node, value);
    if (known >= 0) return known;
    const fresh = this.nodeTable.add();
    this.owners.push(this.owners[node]!);
    const { i32 } = this.store;
    const at = this.nodeAt(node);
    const slots = i32[at + NODE.b]! + 1;
    const base = (i32[at + NODE.a]! >>> 0) / 4;
    let used = 0;
    for (let slot = 0; slot < slots; slot++) if (i32[base + slot * 2] !== 0) used++;
    if ((used + 1) * 4 > slots * 3) {
      const larger = this.store.allocate(slots * 16);
      for (let slot = 0; slot < slots; slot++) {
        const key = i32[base + slot * 2]!;
        if (key !== 0) putChild(i32, larger / 4, slots * 2 - 1, key, i32[base + slot * 2 + 1]!);
      }
      i32[at + NODE.a] = larger;
      i32[at + NODE.b] = slots * 2 - 1;
      this.store.release(base * 4, slots * 8);
    }
    putChild(i32, (i32[at + NODE.a]! >>> 0) / 4, i32[at + NODE.b]!, value + 1, fresh);
    return fresh;
  }

  /** The same, -1 where there is none. */
  childOf(node: number, value: number): number {
    const { i32 } = this.store;
    const at = this.nodeAt(node);
    if ((i32[at]! & 7) !== KIND.read) throw new Error(`node ${node} reads nothing`);
    const base = (i32[at + NODE.a]! >>> 0) / 4;
    const mask = i32[at + NODE.b]!;
    for (let slot = value & mask; ; slot = (slot + 1) & mask) {
      const key = i32[base + slot * 2]!;
      if (key === value + 1) return i32[base + slot * 2 + 1]!;
      if (key === 0) return -1;
    }
  }

  /** The edge leads to a local, stores, and (where `fence` is not 0) sends all others on these CPUs through their fence. */
  setLeaf(node: number, next: number, stores: readonly StoreTo[] = [], fence = 0): void {
    if (next >= this.locals) throw new RangeError(`there is no local ${next}`);
    for (const [cell] of stores) if (cell >= this.cells) throw new RangeError(`there is no cell ${cell}`);
    this.setNode(node, KIND.leaf, next, this.memory.list(stores), fence);
    this.link(this.owners[node]!, next);
  }

  private link(local: number, next: number): void {
    if (local < 0 || this.links[local]!.includes(next)) return;
    this.links[local]!.push(next);
  }

  /** The edge is a violation. */
  setBad(node: number, violation: number): void {
    this.setNode(node, KIND.bad, violation);
  }
  /** The edge cannot be taken in this memory: its task waits for the memory to change. */
  setDisabled(node: number): void {
    this.setNode(node, KIND.disabled);
    this.store.setHeader('disables', 1);
  }

  /** Back to unknown: what was taken for constant has become a cell. Nodes below a READ are lost. */
  forget(node: number): void {
    this.note(node);
    const { i32 } = this.store;
    const at = this.nodeAt(node);
    if ((i32[at]! & 7) === KIND.read)
      this.store.release(i32[at + NODE.a]! >>> 0, (i32[at + NODE.b]! + 1) * 8);
    i32.fill(0, at, at + NODE.words);
  }

  /** Where a fence takes a local. */
  setFence(local: number, next: number): void {
    this.version++;
    this.note(local, next);
    this.store.i32[this.localAt(local) + LOCAL.fence] = next + 1;
    this.link(local, next);
  }

  /** A new cell; in every memory known so far it has its initial value, so they keep their ids. */
  addCell(value: number): number {
    this.note(value);
    return this.memory.addCell(value);
  }
  /** Where stores lead from a memory, which has not been asked before. */
  takeStep(memory: number, stores: number, judge: Judge): MemoryStep {
    const step = this.memory.takeStep(memory, stores, judge);
    this.note(memory, stores, step.memory, step.turn);
    return step;
  }
  /** Reads one memory. */
  reader(memory: number): (cell: number) => number {
    return (cell) => {
      if (cell >= this.cells) throw new RangeError(`there is no cell ${cell}`);
      return this.memory.valueOf(memory, cell);
    };
  }
}

function putChild(i32: Int32Array, base: number, mask: number, entry: number, child: number): void {
  let slot = (entry - 1) & mask;
  while (i32[base + slot * 2] !== 0) slot = (slot + 1) & mask;
  i32[base + slot * 2] = entry;
  i32[base + slot * 2 + 1] = child;
}
