import type { Graph } from './graph.js';
import type { Resource } from './turns.js';

/** Reads a cell of one memory: the id of its value. */
export type ReadCell = (cell: number) => number;

/**
 * What the engine asks of those who know what the tasks do. All answers go into the graph, where they are remembered: a question is asked
 * once for each local, edge and way through its decision tree. Answers must depend on nothing but the arguments and on what was asked
 * before; then ids are the same in every run with the same questions, which is how a saved search is taken up again.
 */
export interface Semantics {
  readonly tasks: number;
  /**
   * Sets of resources that may be exchanged for each other, as far as is known: it is made sure of (symmetry.ts), and Unlike thrown where it is not so.
   */
  readonly exchangeable?: readonly (readonly Resource[])[];
  /** Locals of the tasks at the start, by task. Called once, on an empty graph. */
  start(graph: Graph): readonly number[];
  /**
   * Completes the way through an edge's decision tree for this memory: READ nodes down to a LEAF, BAD or DISABLED. May add locals and
   * cells, and forget trees that took a cell for a constant.
   */
  resolve(graph: Graph, local: number, edge: number, value: ReadCell): void;
  /** Says by `graph.setFence` where a membarrier of another task takes a local that holds a CPU. */
  fence(graph: Graph, local: number): void;
  /** Of a memory seen first: the violation of an invariant, or undefined. */
  memory(value: ReadCell): number | undefined;
  /** All tasks have finished: the violation, or undefined. With task symmetry the locals come in any order. */
  end(locals: readonly number[], value: ReadCell): number | undefined;
}
