/**
 * One view of a process, whichever world it is in: the simulated one, a live one, a checkpoint. What it says holds for the moment in which it
 * is asked: threads of a process that runs move on.
 */

export interface ProcessView {
  readonly pid: number;
  /** Path of the program, as it was started. */
  readonly executable: string;
  readonly architecture: 'x86-64' | 'aarch64';
  readonly threads: readonly ThreadView[];
  /** Ascending by start. */
  readonly maps: readonly MapView[];
  /** Memory, or undefined where not all of it can be read. */
  read(address: bigint, size: number): Uint8Array | undefined;
}

export interface ThreadView {
  readonly tid: number;
  /** comm, at most 15 characters. */
  readonly name: string;
  /** Where it runs, or ran last. */
  readonly cpu: number;
  readonly state: 'running' | 'ready' | 'waiting' | 'stopped';
  readonly registers: Registers;
  /** What it has registered with rseq(2). */
  readonly rseq: RseqConfiguration | undefined;
  /** The system call that it is in. */
  readonly call: CallView | undefined;
}

/** 64-bit values by the architecture's names, in the order in which they are printed. */
export interface Registers {
  readonly ip: bigint;
  readonly sp: bigint;
  readonly values: readonly (readonly [name: string, value: bigint])[];
}

/** As PTRACE_GET_RSEQ_CONFIGURATION tells it. */
export interface RseqConfiguration {
  readonly address: bigint;
  readonly length: number;
  readonly signature: number;
  readonly flags: number;
}

export interface CallView {
  readonly number: number;
  readonly name: string;
  readonly arguments: readonly bigint[];
  /** Nanoseconds of the process's clock at which it comes back by itself; undefined: never. */
  readonly deadline: number | undefined;
}

/** A line of /proc/PID/maps. */
export interface MapView {
  readonly start: bigint;
  readonly end: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  readonly shared: boolean;
  /** Byte offset in the file. */
  readonly offset: number;
  /** A path, `[heap]`, `[stack]`, or ''. */
  readonly name: string;
}
