/**
 * A process, frozen: the file format is this type, as JSON, with the contents of memory behind it (codec.ts). 64-bit values are bigint here and
 * `"0x4011c4"` in the file. Everything that the program can see of itself is here, or the process is refused before it is touched.
 */
import type { RseqConfiguration } from '../process/process.js';

export const IMAGE_SCHEMA = 'rseqlab.image/1';

export interface ProcessImage {
  readonly schema: typeof IMAGE_SCHEMA;
  /** Of rseqlab. */
  readonly version: string;
  readonly architecture: 'x86-64';
  /** uname -r of the kernel that it was taken on. */
  readonly kernel: string;
  /** Seconds since 1970. */
  readonly taken: number;
  readonly pid: number;
  readonly command: readonly string[];
  readonly executable: string;
  readonly directory: string;
  readonly umask: number;
  readonly layout: MemoryLayoutImage;
  /** Ascending. */
  readonly maps: readonly MapImage[];
  /** The first one is the thread that the process began with. */
  readonly threads: readonly ThreadImage[];
  /** rt_sigaction(2), by signal number from 1; those that are default are left out. */
  readonly actions: readonly SignalActionImage[];
  /** Signals that wait for the process: siginfo_t, 128 bytes each. */
  readonly pending: readonly BytesImage[];
  /** getitimer(2) of ITIMER_REAL, ITIMER_VIRTUAL and ITIMER_PROF: struct itimerval, microseconds. */
  readonly timers: readonly (readonly [interval: number, left: number])[];
  readonly files: readonly FileImage[];
}

/** struct prctl_mm_map (include/uapi/linux/prctl.h): what the kernel knows of the layout. */
export interface MemoryLayoutImage {
  readonly startCode: bigint;
  readonly endCode: bigint;
  readonly startData: bigint;
  readonly endData: bigint;
  readonly startBrk: bigint;
  readonly brk: bigint;
  readonly startStack: bigint;
  readonly argStart: bigint;
  readonly argEnd: bigint;
  readonly envStart: bigint;
  readonly envEnd: bigint;
  readonly auxv: BytesImage;
}

/** Bytes as base 64. */
export type BytesImage = string;

export interface MapImage {
  readonly start: bigint;
  readonly end: bigint;
  /** `rwx`, with `-` for what is not allowed. */
  readonly protection: string;
  readonly shared: boolean;
  readonly growsDown: boolean;
  /** `[stack]`, `[heap]`, `[vdso]` ...; a path; '' for memory without a name. */
  readonly name: string;
  /** What lies behind it; absent for anonymous memory. */
  readonly file?: MappedFile;
  /** Bytes in the file. */
  readonly offset: number;
  /** Contents that are not the file's, nor zeros, ascending. Of what the kernel maps only the vDSO's, to be looked at: every kernel has its own. */
  readonly pieces: readonly PieceImage[];
}

/** A file that is not in the image: it must be the same when the process comes back. */
export interface MappedFile {
  readonly path: string;
  readonly size: number;
  /** Of its contents (event/digest.ts). */
  readonly digest: string;
}

/** `size` bytes at an address, compressed as `length` bytes at `at` of the image's data. */
export interface PieceImage {
  readonly address: bigint;
  readonly size: number;
  readonly at: number;
  readonly length: number;
}

export interface ThreadImage {
  readonly tid: number;
  readonly name: string;
  /** As it goes on: in a section at its abort handler, in a call that was interrupted in front of that. By struct user_regs_struct's names. */
  readonly registers: Readonly<Record<string, bigint>>;
  /** What of `registers` was otherwise when it was stopped: a debugger would have seen this. Absent: nothing. */
  readonly stood?: Stood;
  /** NT_X86_XSTATE. */
  readonly extended: BytesImage;
  /** Blocked signals. */
  readonly mask: bigint;
  /** sigaltstack(2). */
  readonly alternate: { readonly sp: bigint; readonly flags: number; readonly size: bigint };
  /** get_robust_list(2). */
  readonly robustList: { readonly head: bigint; readonly length: bigint };
  /** set_tid_address(2). */
  readonly tidAddress: bigint;
  readonly pending: readonly BytesImage[];
  readonly rseq?: RseqConfiguration;
  /** Where it stood, in a section. */
  readonly section?: SectionImage;
}

/** A thread that was inside a section, or in a call that the stop has interrupted. */
export interface Stood {
  readonly rip: bigint;
  readonly rax: bigint;
  /** Number of the call that it was in. */
  readonly orig_rax: bigint;
}

/** A thread was in a section when it was frozen. */
export interface SectionImage {
  readonly ip: bigint;
  readonly startIp: bigint;
  readonly postCommitOffset: bigint;
  readonly abortIp: bigint;
  /** False with --keep-position: `registers` say where it stood, and rseq_cs is as it was. */
  readonly aborted: boolean;
}

export interface SignalActionImage {
  readonly signal: number;
  readonly handler: bigint;
  readonly flags: bigint;
  readonly restorer: bigint;
  readonly mask: bigint;
}

export interface FileImage {
  readonly fd: number;
  /** `stream`: 0, 1 or 2, which whoever brings the process back gives it; `file`: opened again. */
  readonly kind: 'stream' | 'file';
  readonly path: string;
  /** Of open(2), without those that make or empty a file. */
  readonly flags: number;
  readonly position: number;
}
