/** What `stress --counterexample` says, as plain data: `--format json` is exactly a ForceDocument. */
import type { ProgramEnd } from './stress-document.js';

export const FORCE_SCHEMA = 'rseqlab.stress-counterexample/1';

export interface ForceDocument {
  readonly schema: typeof FORCE_SCHEMA;
  readonly version: string;
  readonly command: readonly string[];
  readonly scenario: string;
  /** What explore found: "sum() == 2 does not hold: counter.c:83". */
  readonly violation: string;
  /** happened: the program failed, as explore says; right: it came through; diverged: the real threads did not go the way of the counterexample. */
  readonly verdict: 'happened' | 'right' | 'diverged';
  readonly sentence: string;
  readonly program: ProgramEnd;
  readonly turns: readonly Turn[];
}

/** A task runs up to an instruction, and is stopped in front of it; or to its end. */
export interface Turn {
  readonly task: string;
  readonly place?: string;
  readonly text?: string;
  /** Which of the CPUs, where the counterexample has several. */
  readonly cpu?: number;
  /** A signal that it begins with: `"SIGUSR1"`. */
  readonly signal?: string;
  /** It waits there without being stopped, which would abort its section. */
  readonly spins?: true;
  /** It was stopped there, or ended. */
  readonly done: boolean;
}
