/**
 * A process, frozen: the file format is the type StoredImage, as JSON, with the contents of memory in front of it (codec.ts). 64-bit values are bigint
 * here and `"0x4011c4"` in the file. Everything that the program can see of itself is here, or the process is refused before it is touched.
 */
import type { RseqConfiguration } from '../process/process.js';

export const IMAGE_SCHEMA = 'rseqlab.image/2';

export interface ProcessImage {
  readonly schema: typeof IMAGE_SCHEMA;
  /** Of rseqlab. */
  readonly version: string;
  readonly architecture: 'x86-64';
  /** uname -r of the kernel that it was taken on. */
  readonly kernel: string;
  /** It was a simulated process: `kernel` is the Linux whose rules it followed. */
  readonly simulated?: boolean;
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
  /** Those of `files` that are ends of pipes name one of these. Absent, here and below: none, or what a new process has. */
  readonly pipes?: readonly PipeImage[];
  /** Memory that can be shared and is no file's: `maps` and `files` name one of these. */
  readonly objects?: readonly SharedImage[];
  readonly posixTimers?: readonly PosixTimerImage[];
  /** prlimit(2): by RLIMIT_*, soft and hard; 2^64 - 1 is none. */
  readonly limits?: readonly (readonly [bigint, bigint])[];
  /** membarrier(2), MEMBARRIER_CMD_GET_REGISTRATIONS: the commands that allow it what it does. Absent on kernels before 6.3, which do not tell. */
  readonly membarrier?: number;
  /** personality(2). */
  readonly personality?: number;
  /** By the name of what sets it: PR_SET_DUMPABLE ... (prctl(2)). */
  readonly attributes?: Readonly<Record<string, number>>;
  readonly credentials?: CredentialsImage;
  /** prctl(2), PR_SET_NO_NEW_PRIVS. */
  readonly noNewPrivileges?: boolean;
  /** It was stopped by a signal (SIGSTOP), and is again. */
  readonly stopped?: boolean;
}

/** Lines of /proc/PID/status: user and group ids are real, effective, saved, of the file system; the sets of capabilities hexadecimal. */
export interface CredentialsImage {
  readonly users: readonly number[];
  readonly groups: readonly number[];
  readonly supplementary: readonly number[];
  /** Inheritable, permitted, effective, bounding, ambient. */
  readonly capabilities: readonly bigint[];
}

export interface PipeImage {
  /** Bytes (F_GETPIPE_SZ). */
  readonly capacity: number;
  /** What was written and not yet read. */
  readonly pieces: readonly PieceImage[];
  /** Bytes of each packet, in packet mode (pipe2(2), O_DIRECT). */
  readonly packets?: readonly number[];
}

export interface SharedImage {
  /** `memfd`: of memfd_create(2); `anonymous`: of mmap(2) with MAP_SHARED. */
  readonly kind: 'memfd' | 'anonymous';
  readonly name: string;
  readonly size: number;
  /** F_GET_SEALS, and the permissions of the file; of a memfd. */
  readonly seals?: number;
  readonly mode?: number;
  /** Addresses are those in the object. */
  readonly pieces: readonly PieceImage[];
}

/** timer_create(2). */
export interface PosixTimerImage {
  readonly id: number;
  readonly clock: number;
  /** struct sigevent: sigev_notify, sigev_signo, sigev_value, sigev_notify_thread_id. */
  readonly notify: number;
  readonly signal: number;
  readonly value: bigint;
  readonly thread: number;
  /** struct itimerspec: seconds and nanoseconds, of the interval, and of what is left. */
  readonly time: readonly (readonly [seconds: number, nanoseconds: number])[];
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
  /** Index in `objects`, of what lies behind it otherwise. */
  readonly object?: number;
  /** What somebody has asked for by mmap(2), madvise(2) and the like: letters of VmFlags in /proc/PID/smaps (proc_pid_smaps(5)). */
  readonly advice?: readonly string[];
  /** Bytes in the file, or the object. */
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

/** `size` bytes at an address: those from `from` in a block. */
export interface PieceImage {
  readonly address: bigint;
  readonly size: number;
  /** Its number in StoredImage.blocks. */
  readonly block: number;
  readonly from: number;
  /** The block is not in this image but so many back: 1, in the one that it was made from. */
  readonly back?: number;
}

/** What the file holds: the process, and where its memory's contents are. */
export interface StoredImage extends ProcessImage {
  readonly blocks: readonly BlockImage[];
  /** Another image of the process, from before: it holds what has not changed since. */
  readonly parent?: ParentImage;
}

/** Contents of memory, as many bytes as are compressed at once. */
export interface BlockImage {
  /** In the file, behind its first line. */
  readonly at: number;
  readonly length: number;
  /** When it is unpacked. */
  readonly size: number;
  /** False: as it is, since it would not become smaller. */
  readonly packed: boolean;
  /** How it is packed; absent: in zlib's form, which browsers can unpack too. */
  readonly method?: 'brotli';
  /** Of the bytes in the file (event/digest.ts). */
  readonly digest: string;
}

export interface ParentImage {
  /** Seen from the folder that this image is in. */
  readonly file: string;
  /** Its last 32 characters. */
  readonly digest: string;
}

export interface ThreadImage {
  readonly tid: number;
  readonly name: string;
  /** As it goes on: in a section at its abort handler, in a call that was interrupted in front of that. By struct user_regs_struct's names. */
  readonly registers: Readonly<Record<string, bigint>>;
  /** What of `registers` was otherwise when it was stopped: a debugger would have seen this. Absent: nothing. */
  readonly stood?: Stood;
  /** NT_X86_XSTATE; of a simulated process the beginning of it, with the x87 and SSE. */
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
  /** Its struct rseq as it was when the thread was stopped, to be looked at: in `maps` rseq_cs is NULL, where the thread goes on at its abort handler. */
  readonly area?: BytesImage;
  /** Processors that it may run on: a bit each (sched_getaffinity(2)). */
  readonly affinity?: bigint;
  readonly scheduling?: SchedulingImage;
  /** prctl(2), PR_SET_TIMERSLACK: nanoseconds. */
  readonly timerSlack?: number;
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

/** sched_setattr(2) and ioprio_set(2). */
export interface SchedulingImage {
  readonly policy: number;
  readonly flags: number;
  readonly nice: number;
  readonly priority: number;
  /** Nanoseconds, of SCHED_DEADLINE: runtime, deadline, period. */
  readonly deadline: readonly bigint[];
  readonly io: number;
}

export interface FileImage {
  readonly fd: number;
  /**
   * `stream`: 0, 1 or 2, which whoever brings the process back gives it; `file`: opened again, a directory or a device without contents as well; the
   * others are made anew.
   */
  readonly kind: 'stream' | 'file' | 'pipe' | 'eventfd' | 'memfd';
  readonly path: string;
  /** Of open(2), without those that make or empty a file. */
  readonly flags: number;
  readonly position: number;
  /** A lower descriptor of the same open file (dup(2)): position and flags are one. */
  readonly same?: number;
  /** Of a regular file, bytes: it may grow meanwhile. */
  readonly size?: number;
  /** Index in `pipes`, or in `objects` for a memfd. */
  readonly index?: number;
  /** Of an eventfd. */
  readonly count?: bigint;
  readonly semaphore?: boolean;
}
