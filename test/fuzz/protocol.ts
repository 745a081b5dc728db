/** What the workers and their watchdog share: an Int32Array of these slots. */
export const NEXT = 0;
export const DONE = 1;
/** Mutants that gave a report; the others were refused as input. */
export const REPORTED = 2;
/** One slot a worker: the seed it is at; -1 when it has none. */
export const CURRENT = 3;

export interface WorkerInput {
  readonly shared: SharedArrayBuffer;
  readonly index: number;
  /** First seed that is not judged any more. */
  readonly end: number;
  /** The folder test/. */
  readonly test: string;
}

export interface Failure {
  readonly seed: number;
  readonly mutant: string;
  readonly reason: string;
}
