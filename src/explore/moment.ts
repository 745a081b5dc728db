import type { Hex, SourceText } from './timeline.js';

/** Everything between two rows of a counterexample, as plain data. */
export interface Moment {
  /** The row that it is behind; -1: the beginning. */
  readonly row: number;
  readonly tasks: readonly TaskMoment[];
  /** Shared memory that is watched, in the document's order. */
  readonly memory: readonly { readonly name: string; readonly value: Hex }[];
}

export interface TaskMoment {
  readonly name: string;
  /** `off` a CPU, it may have been on one; `asleep` in a system call. */
  readonly state: 'running' | 'off' | 'asleep' | 'finished';
  /** Where it is, or was last. */
  readonly cpu?: number;
  /** The rest is absent where it has finished. */
  readonly at?: {
    readonly ip: Hex;
    readonly place: string;
    readonly source?: SourceText;
    /** The instruction that comes next. */
    readonly text: string;
  };
  readonly registers: readonly (readonly [name: string, value: Hex])[];
  /** The section whose code comes next, armed or not. */
  readonly section?: string;
  /** The descriptor in rseq_cs, and whether the task is inside of its section; absent where rseq_cs is 0. */
  readonly armed?: { readonly descriptor: Hex; readonly section?: string; readonly inside: boolean };
  /** Its own memory as far as it is another than at the beginning. */
  readonly own: readonly { readonly name: string; readonly before: Hex; readonly now: Hex }[];
  /** Stores that wait in its store buffer, the oldest first: what of shared memory it sees otherwise than others, before and behind each. */
  readonly waits?: readonly { readonly name: string; readonly before: Hex; readonly now: Hex }[];
  /** That may still arrive. */
  readonly signals: readonly string[];
  readonly results: readonly Hex[];
}
