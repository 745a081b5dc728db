import type { RecordedPoint } from './recorded-point.js';

/** What is explored, and under which rules. */
export interface Settings {
  readonly kernel: string;
  readonly debugRseq: boolean;
  /** Whose entry code the kernel has, that of the program's architecture unless said otherwise. */
  readonly arch?: 'x86-64' | 'aarch64';
  readonly cpus: number;
  readonly scenario: string | undefined;
  /** The scenario's tasks are these calls (kernel/scenario/task-calls.ts), whatever scenarios the file has. */
  readonly calls?: readonly string[];
  /** Memory is x86-TSO: stores that the store buffer of a CPU holds. Undefined: memory is sequentially consistent. */
  readonly storeBuffer?: number;
  /** The tasks are the threads of a recorded run at this point. */
  readonly from?: RecordedPoint;
}
