import type { Graph } from '../../../src/explore/graph.js';
import type { Semantics } from '../../../src/explore/semantics.js';
import type { Resource } from '../../../src/explore/turns.js';

/** What an edge does, given the values that it read. */
export type Effect =
  | {
      readonly to: number;
      readonly stores: readonly (readonly [cell: number, value: number])[];
      readonly fence: number;
    }
  | 'disabled'
  | { readonly bad: number };
export interface ModelEdge {
  readonly cost: 0 | 1;
  readonly wants: number;
  readonly reads: readonly number[];
  /** By the values that were read, joined by commas. */
  readonly effects: ReadonlyMap<string, Effect>;
}
export interface ModelLocal {
  readonly holds: number;
  readonly finished: boolean;
  readonly edges: readonly ModelEdge[];
  readonly fence: number;
}
/** A made-up program: locals and what leads from one to another. Values of cells are below `values`. */
export interface Model {
  readonly start: readonly number[];
  readonly locals: readonly ModelLocal[];
  readonly cells: number;
  readonly values: number;
  /** Memories that violate the invariant, ends that are violations: by values and by locals. */
  readonly badMemory: (values: readonly number[]) => boolean;
  readonly badEnd: (locals: readonly number[], values: readonly number[]) => boolean;
}

/** Numbers that look random, the same for the same seed (mulberry32). */
export function numbers(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let h = Math.imul(state ^ (state >>> 15), 1 | state);
    h = (h + Math.imul(h ^ (h >>> 7), 61 | h)) ^ h;
    return ((h ^ (h >>> 14)) >>> 0) % below;
  };
}

/** A model with few locals and cells; how often things go wrong depends on the seed too. */
export function randomModel(seed: number): Model {
  const pick = numbers(seed);
  const tasks = 1 + pick(4);
  const cpus = 1 + pick(3);
  const count = 4 + pick(12);
  const cells = 1 + pick(3);
  const values = 2 + pick(2);
  const [badIn, disabledIn, fenceIn, endIn] = [pick(2) * 150, pick(2) * 6, pick(2) * 5, pick(3) * 4];
  const rarely = (one: number): boolean => one > 0 && pick(one) === 0;
  // Some locals are off the CPUs, some hold one: edges go where what they want allows.
  const holds = Array.from({ length: count }, (_, local) =>
    local === 0 || pick(3) === 0 ? 0 : 1 << pick(cpus),
  );
  const finished = holds.map(
    (held, local) => local === count - 1 || (held === 0 && local > 0 && pick(4) === 0),
  );
  const locals = holds.map((held, local): ModelLocal => {
    const edge = (): ModelEdge => {
      const to = pick(count);
      const reads = Array.from({ length: cells }, (_, cell) => cell).filter(() => pick(3) === 0);
      const effects = new Map<string, Effect>();
      const fill = (way: readonly number[]): void => {
        if (way.length < reads.length) {
          for (let value = 0; value < values; value++) fill([...way, value]);
          return;
        }
        const stores = rarely(2)
          ? [[pick(cells), pick(values)] as const, [pick(cells), pick(values)] as const]
          : [];
        // The local that it leads to must hold no more than what was wanted.
        const same = holds.flatMap((other, id) => (other === holds[to] ? [id] : []));
        const next = same[pick(same.length)]!;
        if (rarely(badIn)) effects.set(way.join(), { bad: pick(3) });
        else if (rarely(disabledIn)) effects.set(way.join(), 'disabled');
        else effects.set(way.join(), { to: next, stores, fence: rarely(fenceIn) ? pick(8) : 0 });
      };
      fill([]);
      return { cost: pick(3) === 0 ? 0 : 1, wants: holds[to]! & ~held, reads, effects };
    };
    const alike = holds.flatMap((other, id) => (other === held && !finished[id] ? [id] : []));
    return {
      holds: held,
      finished: finished[local]!,
      edges: finished[local] ? [] : Array.from({ length: (held === 0 ? 2 : 1) + pick(3) }, edge),
      fence: alike.length === 0 ? local : alike[pick(alike.length)]!,
    };
  });
  const badSum = pick(3) === 0 ? cells * (values - 1) : -1;
  return {
    start: Array.from({ length: tasks }, () => 0),
    locals,
    cells,
    values,
    badMemory: (all) => all.reduce((sum, value) => sum + value, 0) === badSum,
    badEnd: (_, all) => endIn > 0 && all[0] === 1,
  };
}

/** The model for the engine. A cell that nobody stored to so far is a constant for the trees: they are forgotten when somebody does. */
export function semanticsOf(model: Model, resources: readonly (readonly Resource[])[] = []): Semantics {
  const ids = new Map<number, number>();
  const locals: number[] = [];
  const cellIds = new Map<number, number>();
  const constant = new Map<number, Set<number>>();
  const intern = (graph: Graph, local: number): number => {
    let id = ids.get(local);
    if (id === undefined) {
      const { holds, finished, edges } = model.locals[local]!;
      id = graph.addLocal(
        holds,
        finished,
        edges.map(({ cost, wants }, label) => ({ label, cost, wants })),
      );
      ids.set(local, id);
      locals[id] = local;
    }
    return id;
  };
  const cellOf = (graph: Graph, cell: number): number => {
    let id = cellIds.get(cell);
    if (id === undefined) {
      id = graph.addCell(0);
      cellIds.set(cell, id);
      for (const root of constant.get(cell) ?? []) graph.forget(root);
      for (const roots of constant.values()) for (const root of constant.get(cell) ?? []) roots.delete(root);
    }
    return id;
  };
  const valuesOf = (value: (cell: number) => number): number[] =>
    Array.from({ length: model.cells }, (_, cell) => {
      const id = cellIds.get(cell);
      return id === undefined ? 0 : value(id);
    });
  return {
    tasks: model.start.length,
    exchangeable: resources,
    start: (graph) => {
      // What is exchanged must be known: cells that become others.
      if (resources.length > 0) for (let cell = 0; cell < model.cells; cell++) cellOf(graph, cell);
      return model.start.map((local) => intern(graph, local));
    },
    resolve(graph, local, index, value) {
      const edge = model.locals[locals[local]!]!.edges[index]!;
      const all = valuesOf(value);
      const effect = edge.effects.get(edge.reads.map((cell) => all[cell]!).join())!;
      const stores = typeof effect === 'object' && 'to' in effect ? effect.stores : [];
      const to = stores.map(([cell, stored]) => [cellOf(graph, cell), stored] as const);
      const root = graph.rootOf(local, index);
      let node = root;
      for (const cell of edge.reads) {
        const id = cellIds.get(cell);
        if (id === undefined) {
          const users = constant.get(cell) ?? new Set();
          constant.set(cell, users.add(root));
          continue;
        }
        graph.setRead(node, id);
        node = graph.child(node, all[cell]!);
      }
      if (effect === 'disabled') graph.setDisabled(node);
      else if ('bad' in effect) graph.setBad(node, effect.bad);
      else graph.setLeaf(node, intern(graph, effect.to), to, effect.fence);
    },
    fence(graph, local) {
      graph.setFence(local, intern(graph, model.locals[locals[local]!]!.fence));
    },
    memory: (value) => (model.badMemory(valuesOf(value)) ? 7 : undefined),
    end: (all, value) =>
      model.badEnd(
        all.map((local) => locals[local]!),
        valuesOf(value),
      )
        ? 9
        : undefined,
  };
}
