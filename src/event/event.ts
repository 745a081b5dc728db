/**
 * What happens to programs with restartable sequences, in one vocabulary for the simulated and the real kernel. Addresses, and whatever else
 * may have 64 bits, are bigint.
 */

import type { ViolationId } from '../abi/violations.js';

/** Where and when: nanoseconds (virtual in the simulation), CPU, thread. */
export interface Stamp {
  readonly time: number;
  readonly cpu: number;
  readonly tid: number;
}

/** Why a section was aborted: what interrupted the thread since it last left the kernel. Several may have. */
export type AbortCause = 'preempt' | 'migrate' | 'signal' | 'membarrier' | 'ptrace' | 'interrupt';

/** A section, as its descriptor states it. */
export interface SectionBounds {
  readonly startIp: bigint;
  readonly postCommitOffset: bigint;
  readonly abortIp: bigint;
}

/**
 * Legend of kinds:
 *   start, exit         a thread begins (`name`, its process, `how`), ends
 *   exec                another program in the process
 *   switch              the CPU goes from one thread to another; 0 is the idle thread
 *   migrate, wake       a thread is moved to another CPU; becomes runnable
 *   syscall, return     a system call begins; comes back (`value`, or the name of the error)
 *   signal              a signal is delivered: to a handler, or by default
 *   register, unregister   rseq(2) succeeded
 *   rseq-update         the kernel wrote the CPU number and the others into struct rseq
 *   abort               the kernel moved a thread from inside a section to its abort handler
 *   clear               the kernel cleared rseq_cs of a thread that is outside the section
 *   violation           a rule of rseq was broken: the thread gets SIGSEGV
 *   annotated           the program has said something of the system call that it makes (include/rseqlab_syscall.h): it is not made where that is so
 *   slice               the thread keeps its CPU for some time more; that time is over, by itself or by a system call
 *   log                 a message of the kernel (dmesg)
 *   unknown-syscall, unknown-instruction   what the simulation does not have
 *   out-of-memory       a process is killed because programs have touched more pages than there are
 *   output              bytes written to a standard stream
 */
export type Happening =
  | {
      readonly kind: 'start';
      readonly pid: number;
      readonly parent: number;
      readonly how: 'exec' | 'fork' | 'thread';
      readonly name: string;
    }
  | { readonly kind: 'exit'; readonly pid: number; readonly status: number }
  | { readonly kind: 'exec'; readonly path: string }
  | { readonly kind: 'switch'; readonly from: number; readonly to: number; readonly voluntary: boolean }
  | { readonly kind: 'migrate'; readonly from: number; readonly to: number }
  | { readonly kind: 'wake' }
  | {
      readonly kind: 'syscall';
      readonly number: number;
      readonly name: string;
      readonly arguments: readonly bigint[];
      /** What some arguments point at, as the kernel found it: struct rseq and its descriptor of rseq(2). */
      readonly data?: readonly MemoryPiece[];
    }
  | { readonly kind: 'return'; readonly name: string; readonly value: bigint; readonly error?: string }
  | {
      readonly kind: 'signal';
      readonly signal: string;
      readonly action: 'handler' | 'default' | 'ignored';
      readonly ip: bigint;
      /** si_code: why (abi/signals.ts SI). */
      readonly code: number;
      /** si_addr of a fault. */
      readonly address: bigint;
    }
  | {
      readonly kind: 'register' | 'unregister';
      readonly address: bigint;
      readonly length: number;
      readonly signature: number;
      readonly flags: number;
    }
  | { readonly kind: 'rseq-update'; readonly cpuId: number; readonly nodeId: number; readonly mmCid: number }
  | ({
      readonly kind: 'abort';
      readonly ip: bigint;
      readonly causes: readonly AbortCause[];
    } & SectionBounds)
  | { readonly kind: 'clear'; readonly rseqCs: bigint; readonly ip: bigint }
  | ({
      readonly kind: 'violation';
      /** The rule that was broken: abi/violations.ts. The real kernel does not say which. */
      readonly rule: ViolationId | 'unknown';
      readonly message: string;
      readonly ip: bigint;
      readonly rseqCs: bigint;
      // The section it was about, where its descriptor could be read.
    } & Partial<SectionBounds>)
  | { readonly kind: 'annotated'; readonly name: string; readonly actions: number; readonly cookie: bigint }
  | { readonly kind: 'slice'; readonly what: 'granted' | 'expired' | 'yielded' | 'revoked' }
  | { readonly kind: 'log'; readonly text: string }
  | { readonly kind: 'unknown-syscall'; readonly number: number; readonly name: string }
  | {
      readonly kind: 'unknown-instruction';
      readonly ip: bigint;
      readonly bytes: string;
      readonly text: string;
    }
  | { readonly kind: 'out-of-memory'; readonly pid: number; readonly pages: number; readonly limit: number }
  | { readonly kind: 'output'; readonly fd: number; readonly bytes: Uint8Array };

/** Bytes of a process's memory. */
export interface MemoryPiece {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

export type Event = Stamp & Happening;
