/**
 * What `explore` says, as plain data: `rseqlab explore --format json` is exactly an ExploreDocument, and every other report is made from one.
 *
 * - What may have 64 bits (addresses, values of memory and registers) is a string `"0x1f"`: JSON's numbers hold 53 bits.
 * - What does not apply is absent, never null.
 * - Indices count from 0: tasks in Verdict.tasks, CPUs, rows.
 * - Names and source lines come from the file explored and may hold anything: who prints them uses printableData, who writes HTML escapes them.
 * - But for `effort`, a document is the same for any number of workers, on any machine, every time.
 */

/** Value of ExploreDocument.schema. */
export const EXPLORE_SCHEMA = 'rseqlab.explore/1';

/** Unsigned, up to 64 bits, as `hex` writes it: `"0x4011c4"`. */
export type Hex = `0x${string}`;

/** One run of the command: what was found out about each scenario of the file. */
export interface ExploreDocument {
  readonly schema: typeof EXPLORE_SCHEMA;
  /** Of rseqlab. */
  readonly version: string;
  /** The ELF file, as it was named on the command line. */
  readonly file: string;
  /** One a scenario, in the file's order. */
  readonly results: readonly Verdict[];
}

/**
 * - verified: no violation in any reachable state; under `assumptions`.
 * - counterexample: `counterexample` leads to a violation.
 * - bounded: no violation so far; `bound` ended the search before every state was seen.
 */
export type VerdictKind = 'verified' | 'counterexample' | 'bounded';

/** What is known about one scenario. */
export interface Verdict {
  readonly verdict: VerdictKind;
  /** Of the scenario, as RSEQLAB_SCENARIO names it; of the tasks, where they came from --task. */
  readonly scenario: string;
  /** What the scenario claims, in its author's words: "no increment is lost". Empty where nothing is claimed. */
  readonly claim: string;
  /** The verdict as one sentence for a person, without the scenario's name and without a full stop. */
  readonly sentence: string;
  readonly tasks: readonly TaskInfo[];
  readonly options: ExploreOptions;
  readonly counts: Counts;
  /** Each section whose instructions a task has executed, with the points at which it can be aborted. */
  readonly sections: readonly SectionCoverage[];
  /** All that the engine knows, in force or not. */
  readonly reductions: readonly Reduction[];
  readonly store: Store;
  /** Sentences. The verdict holds under these and no others. */
  readonly assumptions: readonly string[];
  /** Of `bounded`: why the search ended. */
  readonly bound?: Bound;
  /** Of `counterexample`. */
  readonly counterexample?: Counterexample;
  /** What differs from run to run: leave it out to compare two documents. */
  readonly effort?: Effort;
}

/** One task of a scenario. */
export interface TaskInfo {
  /** As RSEQLAB_TASK names it, or `push(&list)` from --task. */
  readonly name: string;
  /** Signals that may arrive while it runs: `"SIGUSR1"`. */
  readonly signals: readonly string[];
}

/** What the search was asked for: all of it can change the verdict. */
export interface ExploreOptions {
  readonly cpus: number;
  /** The column of the kernel's rules: `"6.18"`. */
  readonly kernel: string;
  readonly debugRseq: boolean;
  /** Whose entry code the kernel has, where that is not x86-64's: `"aarch64"`. */
  readonly arch?: 'aarch64';
  readonly memory: 'sc' | 'tso';
  /** Stores that a CPU's store buffer holds, with tso. */
  readonly storeBuffer?: number;
  /** The bounds, where one was given. */
  readonly maxStates?: number;
  readonly maxAborts?: number;
  /** In seconds. */
  readonly time?: number;
}

/** How much there was. `bounded`: so far. `counterexample`: up to and with the layer of the violation. */
export interface Counts {
  /** Distinct global states. */
  readonly states: number;
  readonly transitions: number;
  /** Layer k is what k context switches and interrupts lead to, and no fewer. */
  readonly layers: number;
  /** Distinct states of a task by itself. */
  readonly locals: number;
  /** Distinct contents of the shared memory. */
  readonly memories: number;
  /** Points at which a section can be aborted, of all sections, and how many of them the search has aborted at. */
  readonly abortPoints: { readonly covered: number; readonly all: number };
}

/** The abort coverage of one section. Its points are the instructions at whose beginning a task can be inside. */
export interface SectionCoverage {
  /** A short name that is unique in the verdict, such as the place of start_ip: `"increment+0x28"`. Row.section and Abort.section refer to it. */
  readonly name: string;
  readonly startIp: Hex;
  /** start_ip + post_commit_offset: the first address behind the section. */
  readonly endIp: Hex;
  readonly abortIp: Hex;
  /** The place of abort_ip: `"increment.cold+0x7"`. */
  readonly abortPlace: string;
  /** Of start_ip. */
  readonly source?: SourceText;
  /** In the order of addresses. */
  readonly points: readonly AbortPoint[];
}

/** One instruction of a section. */
export interface AbortPoint {
  readonly ip: Hex;
  readonly place: string;
  /** The instruction as GNU as writes it. */
  readonly text: string;
  readonly source?: SourceText;
  /** Some task was aborted with its instruction pointer here. */
  readonly covered: boolean;
}

/** A line of the program's source. */
export interface SourceText {
  readonly file: string;
  readonly line: number;
  /** The line itself, without indentation, where the file could be read. */
  readonly text?: string;
}

/** A way to visit fewer states; docs/explore.md argues why each is sound. */
export interface Reduction {
  /** `"task symmetry"`. */
  readonly name: string;
  readonly on: boolean;
  /** The option that turns it off: `"--no-task-symmetry"`. */
  readonly option: string;
}

/** How visited states are known again. */
export interface Store {
  /** Whole states are compared. */
  readonly exact: boolean;
  /** Size of the fingerprint, in bits; 0 where exact. */
  readonly fingerprintBits: number;
  /** Upper bound for the probability that two states were taken for one; 0 where exact. */
  readonly collisionBound: number;
}

/** What ended a search early. */
export interface Bound {
  readonly kind: 'states' | 'aborts' | 'time' | 'memory' | 'interrupted';
  /** `"--max-states 1000000 was reached"`. */
  readonly text: string;
  /** Layers of which every state was seen: with that many switches and interrupts, or fewer, nothing goes wrong. Absent: not even layer 0. */
  readonly completeLayers?: number;
}

/** What the search took here. */
export interface Effort {
  readonly seconds: number;
  readonly jobs: number;
  readonly bytesPerState?: number;
  /** Transitions that were not followed because they sleep (docs/explore.md, sleep sets). */
  readonly asleep?: number;
}

/** A shortest way to a violation: fewest context switches and interrupts, then the first in the canonical order. */
export interface Counterexample {
  /** Context switches and interrupts: rows of cost 1. */
  readonly cost: number;
  readonly violation: ViolationAt;
  /** What went wrong, in one sentence that names tasks, data and places. */
  readonly explanation: string;
  /** The memory to watch: whatever tasks share and one of them wrote. */
  readonly watched: readonly Watched[];
  /** In the order in which things happen. */
  readonly rows: readonly Row[];
  /** Where the trace for `rseqlab replay` was written. */
  readonly traceFile?: string;
}

/** What was violated, and where that was seen. */
export interface ViolationAt {
  /**
   * - assert, invariant, final: a claim of the scenario
   * - serial: the end is one that no order of undisturbed operations ends in
   * - exit: the program ends with a status that is not 0 (--start-from)
   * - crash: a task was killed by a fault; rseq: the kernel killed it for breaking a rule of rseq
   * - deadlock: nothing can go on; livelock: a loop without further interruptions
   */
  readonly kind:
    | 'assert'
    | 'invariant'
    | 'final'
    | 'serial'
    | 'crash'
    | 'rseq'
    | 'exit'
    | 'deadlock'
    | 'livelock';
  /** `"sum() == 2 does not hold: counter.c:83"`. */
  readonly text: string;
  /** The row after which it is seen. */
  readonly row: number;
  /** Of a livelock: rows from here to the end repeat for ever. */
  readonly loop?: number;
}

/** A piece of shared memory. */
export interface Watched {
  /** `"counters[0]+8"`, or the address where nothing is named. Unique; changes and reads refer to it. */
  readonly name: string;
  readonly address: Hex;
  /** In bytes. */
  readonly size: number;
  /** In front of row 0. */
  readonly initial: Hex;
}

/**
 * - execute: one instruction
 * - preempt: the task loses its CPU
 * - resume: the task comes onto a CPU (with `migrate` when its last one was another)
 * - signal: a signal is delivered to the task
 * - flush: the oldest store of its store buffer reaches memory (--memory tso)
 * - fence: another task's membarrier(2) goes through this one
 * - end: the task has finished, or was killed
 */
export type RowKind = 'execute' | 'preempt' | 'resume' | 'signal' | 'flush' | 'fence' | 'end';

/** One instruction executed by a task on a CPU, or one thing that the kernel does to a task. */
export interface Row {
  readonly kind: RowKind;
  /** Index of the task. */
  readonly task: number;
  /** The CPU it is on; of `preempt`, the one that it leaves. Absent where it has none. */
  readonly cpu?: number;
  /** Of `execute`: the instruction; of `flush`: the one whose store it is. Else where the task stands before what the kernel does. */
  readonly ip: Hex;
  /** The ip as function and offset: `"push+0x12"`; the address where nothing is named. */
  readonly place: string;
  readonly source?: SourceText;
  /** Of `execute`: the instruction as GNU as writes it. */
  readonly text?: string;
  /** Shared memory that it read, in order. */
  readonly reads?: readonly Read[];
  readonly changes: readonly Change[];
  /** What the kernel did, in words: `"preempt"`, `"resume on cpu 1 (migrate 0 to 1)"`, `"SIGUSR1: handler"`, `"abort at push+0x1f -> push.cold"`. */
  readonly kernel?: string;
  /** A part of what the kernel did. */
  readonly migrate?: { readonly from: number; readonly to: number };
  /** A part of what the kernel did: the task was inside a section and goes on at its abort handler. */
  readonly abort?: Abort;
  /** `"SIGUSR1"`, where one is delivered (kind `signal`) or kills (any other kind). */
  readonly signal?: string;
  /** The section that the ip is in, by SectionCoverage.name. */
  readonly section?: string;
}

/** The kernel moved a task from inside a section to its abort handler. */
export interface Abort {
  readonly section: string;
  /** The place at which it was inside, and that of abort_ip. */
  readonly from: string;
  readonly to: string;
}

/** A value that an instruction read from shared memory. */
export interface Read {
  /** By Watched.name. */
  readonly name: string;
  readonly value: Hex;
}

/** Something has another value than before. */
export interface Change {
  /**
   * - register: `"rax"`, `"flags"`
   * - memory: shared, by Watched.name; the values are those of the whole piece, and equal where a store wrote what was there. Every store is listed, also one of the value that was there
   * - private: memory that is the task's own, by name (`"rseq_cs"`, `"cpu_id"`) or address
   * - buffer: a store that waits in the task's store buffer; the name is that of what it will change
   */
  readonly kind: 'register' | 'memory' | 'private' | 'buffer';
  readonly name: string;
  readonly before: Hex;
  readonly after: Hex;
}
