import type { Cause, ProgramEnd } from '../../report/stress-document.js';
import type { StressResult } from './job.js';

/** What `stress` is asked for. */
export interface StressOptions {
  readonly command?: readonly string[];
  readonly pid?: number;
  readonly mode: 'sweep' | 'storm';
  readonly double: boolean;
  /** By debug registers: nothing is written into code. */
  readonly hardware: boolean;
  readonly cause: Cause;
  readonly signal: number;
  readonly rounds: number;
  readonly seed: number;
  readonly time: number;
  /** Exit status of a program that is well. */
  readonly expectStatus: number;
  readonly verify?: string;
  readonly minCoverage?: number;
  /** Look for the smallest set of points. */
  readonly bisect: boolean;
  /** The program's standard output goes to standard error, since ours holds the report. */
  readonly outputAside: boolean;
  readonly onProgress?: (text: string) => void;
  readonly abort?: AbortSignal;
}

/** One run of the program under a keeper. */
export interface Run {
  readonly end: ProgramEnd;
  readonly result: StressResult;
}
