/** What `step` says, as plain data: `rseqlab step --format json` is exactly a StepDocument. Addresses of code are those of the file, values 64 bits as strings. */
import type { SourceAt } from './stress-document.js';

export const STEP_SCHEMA = 'rseqlab.step/1';

export interface StepDocument {
  readonly schema: typeof STEP_SCHEMA;
  readonly version: string;
  /** Sections that were waited for: those that are mapped, and meant. */
  readonly sections: number;
  readonly walks: readonly Walk[];
}

/** One thread's way through a section. */
export interface Walk {
  readonly tid: number;
  readonly file: string;
  readonly function?: string;
  readonly startIp: string;
  readonly endIp: string;
  /** Of the descriptor that was in rseq_cs, at run time. */
  readonly rseqCs: string;
  readonly steps: readonly Step[];
  /** Where it came out; absent: it ended, or was left inside. */
  readonly left?: { readonly ip: string; readonly place: string; readonly how: 'commit' | 'exit' };
  /** Signals that came meanwhile: they were held back until it was out. */
  readonly signals: readonly string[];
}

export interface Step {
  readonly ip: string;
  readonly place: string;
  readonly text: string;
  readonly source?: SourceAt;
  /** Registers that are others afterwards; not the instruction pointer. */
  readonly changes: readonly { readonly register: string; readonly before: string; readonly after: string }[];
}
