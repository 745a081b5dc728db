import type { Graph } from './graph.js';
import { EDGE, KIND, KIND_BITS, LOCAL, NODE } from './graph.js';
import type { ReadCell } from './semantics.js';
import { Action, type Turns } from './turns.js';

type Pair = readonly [cell: number, value: number];

/** A way through an edge's tree. */
interface Way {
  readonly kind: number;
  readonly next: number;
  readonly reads: readonly Pair[];
  readonly stores: readonly Pair[];
  readonly fence: number;
}

/** What is asked of the semantics, as in Semantics. */
export interface Asked {
  resolve(local: number, edge: number, value: ReadCell): void;
  fence(local: number): void;
}

/**
 * Makes sure that it means nothing which of the resources that are alike is which. Whatever is found out of a local is found out of everything
 * that the local becomes when resources are exchanged, and compared; what cells, values and locals become shows there: what one reads first is what the
 * other reads first, and so on. Nothing is taken for granted of what they are. Throws Unlike where two do not correspond.
 */
export class Symmetry {
  private readonly locals: Action;
  /** By local and turn: the edges of the local that it becomes, in the order of its own. */
  private readonly edges = new Map<number, readonly number[]>();

  constructor(
    private readonly graph: Graph,
    readonly turns: Turns,
    private readonly ask: Asked,
  ) {
    this.locals = new Action(turns, (local, row) => graph.setImages(local, row));
  }

  image(local: number, turn: number): number {
    return this.locals.image(local, turn);
  }

  /** The locals at the start are what they are, whichever resource is which. */
  begin(locals: readonly number[]): void {
    for (const local of locals) this.unite(this.each(() => local));
  }

  private each<T>(of: (turn: number) => T): T[] {
    return Array.from({ length: this.turns.count }, (_, turn) => of(turn));
  }

  /** The way of an edge in a memory, and what it becomes. */
  resolve(local: number, edge: number, read: ReadCell): void {
    const { graph, turns } = this;
    const turned = graph.memory.turned!;
    let cells: number;
    let ways: Way[];
    do {
      cells = graph.cells;
      ways = this.each((turn) => {
        const image = this.image(local, turn);
        return this.way(image, this.edge(local, edge, turn), (cell) =>
          turn === 0 ? read(cell) : turned.valueIn(read, turn, cell),
        );
      });
      // With a new cell what was found out before may be forgotten.
    } while (graph.cells !== cells);
    turns.compare(
      ways.map(
        ({ kind, reads, stores, fence }, turn) =>
          `${kind} ${reads.length} ${stores.length} ${turns.bits(turns.inverse(turn), fence)}`,
      ),
    );
    for (const what of ['reads', 'stores'] as const)
      for (const index of ways[0]![what].keys())
        turned.unite(
          ways.map((way) => way[what][index]![0]),
          ways.map((way) => way[what][index]![1]),
        );
    if (ways[0]!.kind === KIND.leaf) this.unite(ways.map(({ next }) => next));
  }

  /** Where a fence takes a local, and what that becomes. */
  fence(local: number): void {
    const { i32 } = this.graph.store;
    this.unite(
      this.each((turn) => {
        const image = this.image(local, turn);
        const at = (): number => i32[this.graph.localAt(image) + LOCAL.fence]!;
        if (at() === 0) this.ask.fence(image);
        return at() - 1;
      }),
    );
  }

  private way(local: number, edge: number, read: ReadCell): Way {
    const { graph } = this;
    const { i32 } = graph.store;
    for (let asked = 0; ; asked++) {
      const reads: Pair[] = [];
      let node = graph.rootOf(local, edge);
      while (node >= 0 && (i32[graph.nodeAt(node)]! & 7) === KIND.read) {
        const cell = i32[graph.nodeAt(node)]! >>> KIND_BITS;
        const value = read(cell);
        reads.push([cell, value]);
        node = graph.childOf(node, value);
      }
      if (node >= 0 && !graph.isUnknown(node)) {
        const at = graph.nodeAt(node);
        const kind = i32[at]! & 7;
        const leaf = kind === KIND.leaf;
        const stores = leaf ? [...new Map(graph.memory.storesOf(i32[at + NODE.b]!))] : [];
        return { kind, next: i32[at + NODE.a]!, reads, stores, fence: leaf ? i32[at + NODE.c]! : 0 };
      }
      if (asked > 1000) throw new Error(`edge of local ${local} stays unknown`);
      this.ask.resolve(local, edge, read);
    }
  }

  private unite(images: readonly number[]): void {
    if (!this.locals.knows(images[0]!)) this.compareShapes(images);
    this.locals.unite(images);
  }

  private compareShapes(images: readonly number[]): void {
    const { graph, turns } = this;
    turns.compare(
      images.map((local, turn) => {
        const back = turns.inverse(turn);
        const edges = this.kinds(local, back).map(({ kind }) => kind);
        return `${turns.bits(back, graph.holds(local))} ${graph.finished(local)} ${edges.sort()}`;
      }),
    );
  }

  /** Edges of a local, in the order of the table: cost, and what they want when it is turned. */
  private kinds(local: number, turn: number): { readonly edge: number; readonly kind: string }[] {
    const { graph, turns } = this;
    const { i32 } = graph.store;
    const at = graph.localAt(local);
    const first = i32[at + LOCAL.edges]!;
    const free = i32[at + LOCAL.count0]!;
    return Array.from({ length: free + i32[at + LOCAL.count1]! }, (_, n) => {
      const record = graph.edgeAt(first + n);
      const wants = turns.bits(turn, i32[record + EDGE.wants]!);
      return { edge: i32[record + EDGE.index]!, kind: `${n < free ? 0 : 1}:${wants}` };
    });
  }

  /** The edge that an edge becomes: with the same cost, of those that want what it wants the one in the same place. */
  edge(local: number, edge: number, turn: number): number {
    if (turn === 0) return edge;
    const key = local * this.turns.count + turn;
    let edges = this.edges.get(key);
    if (edges === undefined) {
      const theirs = this.kinds(this.image(local, turn), 0);
      const found: number[] = [];
      for (const { edge: own, kind } of this.kinds(local, turn)) {
        const at = theirs.findIndex((each) => each.kind === kind);
        found[own] = theirs[at]!.edge;
        theirs.splice(at, 1);
      }
      edges = found;
      this.edges.set(key, edges);
    }
    return edges[edge]!;
  }
}
