import type { MachineArchitecture } from '../../abi/architecture.js';
import type { Facts } from '../files/facts.js';
import type { Task } from '../state.js';
import type { Convention } from './convention.js';

/** The architectures that the simulated machine has. */
export type ArchName = MachineArchitecture;

/** A thread's registers as one piece of bytes, for a tracer (struct user_regset): PTRACE_GETREGSET by its NT_* number. */
export interface RegisterSet {
  /** Bytes of one of its registers: lengths are multiples. */
  readonly unit: number;
  readonly get: (task: Task) => Uint8Array;
  /** May be shorter than the whole. Throws Errno at the first that cannot be taken. */
  readonly set: (task: Task, bytes: Uint8Array) => void;
}

/** What of the kernel hangs on the architecture (Linux's arch/): one table each; signal frames and faults are beside it (frames.ts, faults.ts). Registers are words of Task.registers. */
export interface Arch {
  readonly name: ArchName;
  readonly convention: Convention;
  /** Of uname(2), AT_PLATFORM. */
  readonly platform: string;
  /** AT_HWCAP. */
  readonly hwcap: bigint;
  /** First address that is no user space. */
  readonly taskSize: bigint;
  /** First thread pointer that clone(2) refuses (EPERM); undefined: it takes any. */
  readonly threadPointerLimit: bigint | undefined;
  /** Bytes: the least alternate stack (MINSIGSTKSZ), and what a frame needs (AT_MINSIGSTKSZ). */
  readonly signalStack: { readonly least: bigint; readonly frame: bigint };
  /** System calls by name. */
  readonly syscalls: Readonly<Record<string, number>>;
  /** The arguments of clone(2) in their order, by what they are. */
  readonly cloneArguments: readonly ('flags' | 'stack' | 'parentTid' | 'childTid' | 'tls')[];
  readonly stackPointer: number;
  /** Where a call's arguments are, and its result. */
  readonly arguments: readonly number[];
  readonly result: number;
  /** The register that tells a tracer whether a call begins (0) or ends (1), while the thread stands there for it. */
  readonly direction: number | undefined;
  /** struct rseqlab_descriptor's address, at an annotated call (include/rseqlab_syscall.h). */
  readonly descriptor: number;
  /** Code that every process has mapped, and the byte of it where handlers without SA_RESTORER return to. */
  readonly sigreturn: { readonly code: Uint8Array; readonly start: number } | undefined;
  /** O_* whose numbers are not those of asm-generic/fcntl.h: the program's flags as the kernel's own, and back. */
  readonly openFlags: { readonly read: (flags: number) => number; readonly show: (flags: number) => number };
  readonly registerSets: Readonly<Record<number, RegisterSet>>;
  /** Whether ptrace(2) has requests for registers besides those for sets. */
  readonly hasUserArea: boolean;
  /** AUDIT_ARCH_* (include/uapi/linux/audit.h). */
  readonly audit: number;
  /** The call instruction: the ip stands behind it. Notes which call it is. */
  enterCall(task: Task): void;
  /** The call is made again: the thread stands in front of it; or, where `other` is given, makes that one. */
  rewind(task: Task, other: number | undefined): void;
  /** Registers of a new thread, before anything is put there. */
  reset(registers: BigUint64Array): void;
  /** A program begins. */
  begin(task: Task, entry: number, stack: number): void;
  /** The program came into the kernel, however. */
  entered(task: Task): void;
  /** Do loads exclusive mark an address (Arm ARM B2.12)? */
  readonly hasMonitor: boolean;
  /** Stepped over one instruction: what a signal handler will see of that. */
  stepped(task: Task): void;
  stat(facts: Facts, times: readonly bigint[]): Uint8Array;
  /** Values by the architecture's names, in the order in which they are printed. */
  named(task: Task): readonly (readonly [name: string, value: bigint])[];
}
