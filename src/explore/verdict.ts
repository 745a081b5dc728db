import type { SearchPart } from './part.js';
import type { Sharing } from './sharing.js';
import type { State, Violation } from './stepper.js';
import type { WorkerHost } from './workers.js';

export interface Options {
  /** Sorts the locals of a state, so that states that differ only in which task does what are one; on unless false. */
  readonly symmetry?: boolean;
  /** Does not follow edges that lead where others lead; on unless false. */
  readonly sleep?: boolean;
  /** Stores whole states instead of 64-bit fingerprints. */
  readonly exact?: boolean;
  /** Threads, 1 unless said otherwise; more need `host`. */
  readonly jobs?: number;
  /** Looked at, like all bounds, between rounds: where a bound ends the search, the counts may differ from run to run; nothing else does. */
  readonly maxStates?: number;
  /** Bytes of the tables, frontiers and the visited table. */
  readonly maxMemory?: number;
  /** Seconds. */
  readonly time?: number;
  /** Context switches and interrupts. */
  readonly maxCost?: number;
  /** Looked at between batches; where it is set, the search ends with what is known so far. */
  readonly signal?: { readonly aborted: boolean };
  readonly host?: ExploreHost;
  /** States that each thread expands between two looks at the bounds; 262,144 unless said otherwise. */
  readonly roundStates?: number;
  /** Rounds with fewer states are done by the main thread alone. */
  readonly shareFrom?: number;
  /** With fewer states the second pass exchanges no resources, so that its counterexample is the one that there is without; 2^20 unless said otherwise. */
  readonly plainStates?: number;
  /** A search that was saved, to be taken up: same semantics, symmetry and exactness; bounds and jobs may differ. */
  readonly resume?: Uint8Array;
  readonly checkpoint?: {
    /** Seconds between two; without it one is written only when a bound ends the search (but not when memory does). */
    readonly every?: number;
    write(bytes: Uint8Array): void | Promise<void>;
  };
  readonly onProgress?: (progress: Progress) => void;
  /** Only a part of the search is done: what is found is right, what is not found may be in another part. Throws PartViolation where there is a violation. */
  readonly part?: SearchPart;
  /** Others expand states too. */
  readonly sharing?: Sharing;
}

/** What the search uses of the world, where there is more than the language. */
export interface ExploreHost extends WorkerHost {
  /** Lets other things happen for a moment: signals, output. */
  rest?(): Promise<void>;
}

export interface Progress {
  readonly states: number;
  /** States of the frontier that are still to be expanded. */
  readonly frontier: number;
  /** Context switches and interrupts so far. */
  readonly layer: number;
  readonly bytes: number;
  readonly seconds: number;
  /** States found in a second since the last report. */
  readonly rate: number;
  /** Others who expand states too; undefined where there can be none. */
  readonly workers?: number;
}

/** One step of a counterexample: a task takes an edge. */
export interface PathStep {
  readonly task: number;
  /** The task's local before, and the index of its edge there. */
  readonly local: number;
  readonly edge: number;
  readonly label: number;
  readonly cost: 0 | 1;
  readonly reads: readonly (readonly [cell: number, value: number])[];
  /** Behind the step, locals by task; the state before where the step is the violation. */
  readonly state: State;
}

export interface Counterexample {
  readonly violation: Violation;
  readonly cost: number;
  /** The state at the start, locals by task. */
  readonly start: State;
  /** Fewest costs, then the first in breadth-first order within its layer. The last step is the violation, or leads to its state. */
  readonly path: readonly PathStep[];
}

export type Bound = 'states' | 'memory' | 'time' | 'cost' | 'interrupt';

export interface Counts {
  readonly states: number;
  /** Edges, those that sleep included. */
  readonly transitions: number;
  /** Edges that were not followed; with several threads it depends on luck how many. */
  readonly slept: number;
  /** The highest cost of a state. */
  readonly cost: number;
  readonly locals: number;
  readonly memories: number;
  readonly cells: number;
  /** Most states of one cost. */
  readonly maxFrontier: number;
  /** Most memory that tables, frontiers and the visited table took. */
  readonly bytes: number;
  readonly seconds: number;
  /** Whole states were compared; otherwise how probable it is at most that two states were taken for one. */
  readonly exact: boolean;
  readonly collision: number;
}

export type Verdict = Counts &
  (
    | { readonly kind: 'verified' }
    | { readonly kind: 'violation'; readonly counterexample: Counterexample }
    | { readonly kind: 'bounded'; readonly bound: Bound }
  );
