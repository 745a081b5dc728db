import { joined } from '../abi/bytes.js';
import type { Range } from './context.js';
import type { Engine } from './engine.js';
import type { Contents, Hash } from './semantics/content.js';
import type { State, Stepper } from './stepper.js';

/** Which of the parts of a search: from 0. */
export interface PartOf {
  readonly index: number;
  readonly count: number;
  /** All parts explore the first layers, up to one with so many states; that one's states are divided, and each part goes on from its own. */
  readonly frontier: number;
}

/** What a search does that is a part of one (search.ts). */
export interface SearchPart extends PartOf {
  /** A state goes on in this part. */
  mine(state: State, stepper: Stepper): boolean;
  /** A layer is complete. */
  layer(engine: Engine, ranges: readonly Range[]): void;
}

/** There is a violation in a part of a search. */
export class PartViolation extends Error {}

/** Edges of a state of the two costs, in 16 bits. */
const FREE_BITS = 6;
export const edgesOf = (packed: number): readonly [free: number, others: number] => [
  packed & ((1 << FREE_BITS) - 1),
  packed >>> FREE_BITS,
];

/** Writes down what a part of a search has seen, by content: numbers of locals and memories are each part's own. */
export class PartRecord implements SearchPart {
  readonly index: number;
  readonly count: number;
  readonly frontier: number;
  /** Of each state two words. */
  hashes = new Uint32Array(1 << 12);
  /** Of each state its edges. */
  edges = new Uint16Array(1 << 11);
  /** How many states each layer has. */
  readonly layers: number[] = [];
  private states = 0;
  /** Edges by local and what others hold. */
  private readonly counted: Map<number, number>[] = [];

  constructor(
    { index, count, frontier }: PartOf,
    private readonly symmetry: boolean,
    private readonly contents: Contents,
  ) {
    this.index = index;
    this.count = count;
    this.frontier = frontier;
  }

  mine(state: State, stepper: Stepper): boolean {
    return this.hash(state, stepper)[1] % this.count === this.index;
  }

  layer(engine: Engine, ranges: readonly Range[]): void {
    const { stepper } = engine;
    const before = this.states;
    for (const address of engine.addresses(ranges)) {
      const state = engine.stateAt(address);
      if (this.states === this.edges.length) this.grow();
      const [a, b] = this.hash(state, stepper);
      this.hashes[this.states * 2] = a;
      this.hashes[this.states * 2 + 1] = b;
      let edges = 0;
      for (const [slot, local] of state.locals.entries()) {
        const others = state.locals.reduce(
          (held, each, other) => (other === slot ? held : held | engine.graph.holds(each)),
          0,
        );
        if (engine.graph.disables) {
          edges += this.countEdges(local, others, engine, (position) => {
            return stepper.take(state, slot, position).kind !== 'disabled';
          });
          continue;
        }
        this.counted[local] ??= new Map();
        const counts = this.counted[local];
        const known = counts.get(others) ?? this.countEdges(local, others, engine);
        counts.set(others, known);
        edges += known;
      }
      if (edges >= 2 ** 16) throw new Error('a state has too many edges');
      this.edges[this.states++] = edges;
    }
    this.layers.push(this.states - before);
  }

  private countEdges(
    local: number,
    others: number,
    { stepper, graph }: Engine,
    enabled: (position: number) => boolean = () => true,
  ): number {
    const count = (cost: 0 | 1): number => {
      const { from, to } = stepper.edges(local, cost);
      let edges = 0;
      for (let position = from; position < to; position++)
        if ((graph.wants(position) & others) === 0 && enabled(position)) edges++;
      return edges;
    };
    return count(0) | (count(1) << FREE_BITS);
  }

  private grow(): void {
    const [hashes, edges] = [this.hashes, this.edges];
    this.hashes = new Uint32Array(hashes.length * 2);
    this.hashes.set(hashes);
    this.edges = new Uint16Array(edges.length * 2);
    this.edges.set(edges);
  }

  /** 64 bits of what the state is; with symmetries whoever is in which local, and whichever CPU is which. */
  private hash({ locals, memory }: State, stepper: Stepper): readonly [number, number] {
    const hashes = this.contents
      .memory(memory)
      .map((content, turn) => this.hashOf(stepper.turned(locals, turn), content));
    return hashes.reduce(smaller);
  }
  private hashOf(locals: readonly number[], [c, d]: Hash): readonly [number, number] {
    let a = 0;
    let b = 0;
    for (const [slot, local] of locals.entries()) {
      const hash = this.contents.local(local);
      const odd = this.symmetry ? 1 : 2 * slot + 3;
      a = (a + Math.imul(hash[0], odd)) | 0;
      b = (b + Math.imul(hash[1], odd)) | 0;
    }
    a = mixed(a ^ c);
    b = mixed((b + d + Math.imul(a, 0x9e37_79b1)) | 0);
    return [a, b];
  }

  /** All there is to know of the states. */
  bytes(locals: number, memories: number): Uint8Array {
    const { states, contents } = this;
    const lists = [
      new Uint8Array(this.hashes.buffer, 0, states * 8),
      listOf(locals, (local) => contents.local(local)),
      listOf(memories, (memory) => contents.memory(memory).reduce(smaller)),
      new Uint8Array(this.edges.buffer, 0, states * 2),
    ];
    return joined(lists);
  }
}

const smaller = <H extends readonly number[]>(one: H, other: H): H =>
  other[0]! < one[0]! || (other[0] === one[0] && other[1]! < one[1]!) ? other : one;

function listOf(count: number, hash: (id: number) => Hash): Uint8Array {
  const words = new Uint32Array(count * 2);
  for (let id = 0; id < count; id++) words.set(hash(id).slice(0, 2), id * 2);
  return new Uint8Array(words.buffer);
}

/** fmix32 of MurmurHash3. */
function mixed(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
