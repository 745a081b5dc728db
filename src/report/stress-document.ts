/**
 * What `stress` says, as plain data: `rseqlab stress --format json` is exactly a StressDocument, and every other report is made from one. Addresses are
 * strings, those of the file that holds the code; what does not apply is absent. Names come from the program and may hold anything.
 */

import type { ExploreDocument } from '../explore/timeline.js';

export const STRESS_SCHEMA = 'rseqlab.stress/1';

export type Cause = 'ptrace' | 'signal' | 'migrate' | 'membarrier';

/**
 * - survived: nothing went wrong, and as much was covered as was asked for
 * - failed: the program, or what verifies it, failed; or a section ran unprotected
 * - uncovered: nothing went wrong, but less than --min-coverage was covered
 * - inconclusive: no abort could be forced, or the run was broken off
 */
export type StressVerdict = 'survived' | 'failed' | 'uncovered' | 'inconclusive';

export interface StressDocument {
  readonly schema: typeof STRESS_SCHEMA;
  readonly version: string;
  /** The program and its arguments, or the process. */
  readonly command?: readonly string[];
  readonly pid?: number;
  readonly options: {
    readonly mode: 'sweep' | 'storm';
    readonly double: boolean;
    /** By debug registers alone. */
    readonly hardware: boolean;
    readonly cause: Cause;
    readonly rounds: number;
    readonly seed?: number;
    /** Seconds. */
    readonly time?: number;
  };
  readonly verdict: StressVerdict;
  /** The verdict in one sentence, without a full stop. */
  readonly sentence: string;
  readonly program: ProgramEnd;
  /** Of sections that were entered. */
  readonly coverage: { readonly forced: number; readonly points: number; readonly percent: number };
  /** Those that were entered first. */
  readonly sections: readonly StressSection[];
  readonly failure?: StressFailure;
  /** With --explore: what explore says of the program's scenarios. */
  readonly explored?: ExploreDocument;
  /** What was not done, and why: one line each. */
  readonly limits: readonly string[];
  /** What differs from run to run. */
  readonly effort: StressEffort;
}

/** How it ended; nothing: it runs on, and was left. */
export interface ProgramEnd {
  readonly status?: number;
  /** `"SIGSEGV"`. */
  readonly signal?: string;
  /** Exit status of --verify. */
  readonly verify?: number;
}

export interface StressSection {
  /** The program or library. */
  readonly file: string;
  readonly function?: string;
  readonly startIp: string;
  readonly endIp: string;
  readonly abortIp: string;
  readonly source?: SourceAt;
  /** A thread was met in it. */
  readonly entered: boolean;
  readonly points: readonly StressPoint[];
  /** Instructions between the store to rseq_cs and start_ip, where it has some: `forced` counts the stops there, which disarm it. */
  readonly gap?: readonly StressPoint[];
}

export interface SourceAt {
  readonly file: string;
  readonly line: number;
}

/** One instruction at whose beginning the section can be aborted. */
export interface StressPoint {
  readonly ip: string;
  /** `"push+0x14"`. */
  readonly place: string;
  /** As GNU as writes it. */
  readonly text: string;
  readonly source?: SourceAt;
  /** Aborts forced there. */
  readonly forced: number;
  /** Aborts that came by themselves; absent: they could not be counted. */
  readonly natural?: number;
  /** How often a thread stood there with rseq_cs not naming this section: the kernel would not have aborted it. */
  readonly unprotected: number;
  /** Different threads aborted there. */
  readonly threads: number;
}

export interface StressFailure {
  readonly kind: 'status' | 'signal' | 'verify' | 'unprotected';
  /** The smallest set of abort points found that makes it happen; empty: not searched for (a running process), or none makes it happen again. */
  readonly points: readonly FailurePoint[];
  /** Of `unprotected`: it is so in threads that were not aborted before. */
  readonly alone?: boolean;
  /** How often the program was run to find it. */
  readonly runs: number;
  /** It failed without forced aborts too, in so many of these runs, the last of which went well. */
  readonly plain?: { readonly failed: number; readonly runs: number };
  /** Scenarios in the program's file, for explore. */
  readonly scenarios: readonly string[];
}

export interface FailurePoint {
  readonly file: string;
  readonly ip: string;
  readonly place: string;
  readonly text: string;
  readonly source?: SourceAt;
}

export interface StressEffort {
  readonly seconds: number;
  /** Forced. */
  readonly aborts: number;
  /** Aborts that the kernel told of at the points of these sections, forced or not (tracepoint rseq:rseq_ip_fixup); absent: it could not be asked. */
  readonly told?: number;
  readonly threads: number;
  readonly processes: number;
}
