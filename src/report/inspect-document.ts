/** What `rseqlab inspect --format json` prints: the format is these types. Addresses and signatures are `0x...`; sizes are bytes. */

export interface InspectDocument {
  readonly schema: 'rseqlab.inspect/1';
  readonly version: string;
  /** Whose rules the verdicts are by. */
  readonly kernel: {
    readonly release: string;
    /** null: it could not be told; the verdicts take it to be off. */
    readonly debugRseq: boolean | null;
  };
  readonly processes: readonly InspectedProcess[];
  /** With --all: those that could not be looked at, and why. */
  readonly refused: readonly { readonly pid: number; readonly reason: string }[];
}

export interface InspectedProcess {
  /** A process that runs, a core, an image of `rseqlab checkpoint`, a process in a directory of CRIU's images. */
  readonly kind: 'live' | 'core' | 'image' | 'criu';
  readonly pid: number;
  readonly name: string;
  readonly executable: string;
  readonly architecture: 'x86-64' | 'i386';
  readonly tracer: { readonly pid: number; readonly name: string } | null;
  /** What the kernel announced to the program; null: nothing, as before 6.3. */
  readonly auxv: { readonly AT_RSEQ_FEATURE_SIZE: number | null; readonly AT_RSEQ_ALIGN: number | null };
  /** null: no glibc with rseq (2.35 and newer) in it. */
  readonly glibc: {
    readonly file: string;
    readonly __rseq_offset: number;
    readonly __rseq_size: number;
    readonly __rseq_flags: number;
  } | null;
  /** Of images only. */
  readonly image: InspectedImage | null;
  readonly threads: readonly InspectedThread[];
  readonly notes: readonly string[];
}

/** What an image says of itself, and holds. */
export interface InspectedImage {
  /** `rseqlab.image/1`, `CRIU 1.1`. */
  readonly form: string;
  /** uname -r of the kernel that it was taken on; null: it does not say. */
  readonly kernel: string | null;
  /** ISO 8601, UTC. */
  readonly taken: string | null;
  /** Bytes on disk. */
  readonly size: number;
  readonly memory: readonly InspectedMemory[];
  /** Files that the process had mapped, and those of them that are gone or not the same any more. */
  readonly files: { readonly mapped: readonly string[]; readonly missing: readonly string[] };
  readonly descriptors:
    | readonly { readonly fd: number; readonly kind: string; readonly path: string }[]
    | null;
  readonly signals: { readonly handled: readonly string[]; readonly pending: number } | null;
  /** Why `rseqlab restore` would refuse it on this machine now; null: nothing is known that stands against it, or it was not asked. */
  readonly refused: string | null;
}

export interface InspectedMemory {
  /** `code and data of files`, `stack`, `heap`, `without a file`, `shared`, `of the kernel`. */
  readonly kind: string;
  readonly maps: number;
  /** Bytes of address space, and of contents that are in the image. */
  readonly mapped: number;
  readonly held: number;
}

/** Where an address is. */
export interface InspectedPlace {
  readonly address: string;
  /** The file that is mapped there, or `[heap]`, `[stack]`, '' for memory without a file; null: nothing is mapped. */
  readonly file: string | null;
  readonly function: string | null;
  readonly offset: number | null;
  /** `counter.s:17`. */
  readonly line: string | null;
}

/**
 * How it is known what is registered.
 *   kernel    the kernel said so (PTRACE_GET_RSEQ_CONFIGURATION), while the thread was stopped
 *   image     the kernel said so when the image was made
 *   derived   its struct rseq was found in memory: length and signature are those of the library that it belongs to
 *   unknown   it could not be found without a stop
 */
export type Knowledge = 'kernel' | 'image' | 'derived' | 'unknown';

export interface InspectedThread {
  readonly tid: number;
  readonly name: string;
  /** `running`, `waiting`, `waiting for a disk`, `stopped`, `traced`, `dead` in a core, or `frozen` in an image and a core made of one. */
  readonly state: string;
  readonly cpu: number | null;
  /** The system call that it waits in. */
  readonly call: string | null;
  /** null where the thread runs and was not stopped. */
  readonly ip: InspectedPlace | null;
  readonly known: Knowledge;
  /** Why it was not stopped, or what the stop did; null: it was, and nothing happened. */
  readonly note: string | null;
  /** How long it stood still for us, in microseconds, from when we heard that it does; null: it was not stopped. */
  readonly stopped: number | null;
  /** The same from the request to stop on: what it takes longer is the time until the thread, and then we, had a CPU. */
  readonly asked: number | null;
  /** null: nothing is registered, or it is not known. */
  readonly registration: InspectedRegistration | null;
  /** Fields of struct rseq; null where it cannot be read. */
  readonly area: Readonly<Record<string, number | string>> | null;
  readonly section: InspectedSection | null;
  /** Of images only: where it goes on. */
  readonly resumes: InspectedResumption | null;
  /** Of images only: what rseq(2) will say to its registration when it is brought back; null: it has none. */
  readonly restore: InspectedRestore | null;
  /** What is wrong; `rule` is an id of docs/abi.md's table of violations where the kernel kills for it. */
  readonly problems: readonly InspectedProblem[];
  /** What rseq(2) would refuse, and why. */
  readonly refuses: readonly { readonly call: string; readonly answer: string; readonly why: string }[];
}

export interface InspectedResumption {
  readonly place: InspectedPlace;
  /**
   *   there    where it stood
   *   abort    at the abort handler of the section that it was in
   *   inside   in its section, as if nothing had happened
   *   again    in front of the system call that it was in
   *   EINTR    behind that call
   */
  readonly how: 'there' | 'abort' | 'inside' | 'again' | 'EINTR';
}

export interface InspectedRestore {
  /** `ok`, or the error; `ok` with a consequence where the kernel takes it and kills for it later. */
  readonly answer: string;
  readonly accepted: boolean;
  readonly why: string | null;
  readonly mend: string | null;
}

export interface InspectedRegistration {
  readonly address: string;
  readonly length: number;
  /** Bytes of it that this kernel uses. */
  readonly featureSize: number;
  /** Up to 6.18; 6.19 and 7.0; since 7.1 by length. */
  readonly mode: 'classic' | 'rewritten' | 'legacy' | 'v2';
  readonly modeText: string;
  readonly signature: string;
  readonly flags: number;
  /** Who registered it. */
  readonly owner: { readonly kind: 'glibc' | 'thread-local' | 'static' | 'memory'; readonly text: string };
}

/** Where rseq_cs points; `none` where it is NULL. */
export interface InspectedSection {
  /**
   *   unknown   it stands in a file that is not here
   *   valid     a descriptor that keeps the rules
   *   broken    a descriptor that breaks one
   *   dangling  no descriptor: nothing is mapped there
   */
  readonly state: 'valid' | 'broken' | 'dangling' | 'unknown';
  readonly rseq_cs: string;
  readonly descriptor: Readonly<Record<string, number | string>> | null;
  readonly start: InspectedPlace | null;
  readonly end: string | null;
  readonly abort: InspectedPlace | null;
  /** `aborted`: it was inside, and stands at the abort handler; where it was inside is not known. */
  readonly position: 'inside' | 'before' | 'behind' | 'aborted' | 'unknown';
}

export interface InspectedProblem {
  readonly rule: string | null;
  readonly text: string;
  readonly mend: string | null;
}
