/**
 * A system call where a breakpoint stands on the SYSCALL instruction: the thread makes it by another such instruction, and is put back where it belongs
 * as soon as it is in the kernel. So the breakpoint stays for the others, and whatever comes of the call (fork, a restart behind a signal) finds the thread
 * at its own place. rseq_cs, which the kernel clears where a thread leaves its section, is put back too: in the kernel the call is one like any other.
 */
import * as ptrace from '../../linux/ptrace.js';
import type { Space } from './space.js';

/** Bytes of SYSCALL. */
const SIZE = 2n;

export interface Detour {
  /** Where the breakpoint stands. */
  readonly at: bigint;
  /** The other SYSCALL instruction. */
  readonly through: bigint;
  /** rseq_cs as it was, and its address. */
  readonly armed: { readonly address: number; readonly value: Uint8Array } | undefined;
}

/** A thread that may be on one. */
interface Traveller {
  readonly tid: number;
  readonly process: { readonly space: Space };
  toSyscall: boolean;
  detour?: Detour | undefined;
}

/** A thread that stands at the breakpoint `at` goes on by another instruction. `rseqCs`: address of its field, or 0. Throws SystemError. */
export function beginDetour(thread: Traveller, at: number, through: bigint, rseqCs: number): void {
  const { space } = thread.process;
  const value = rseqCs === 0 ? undefined : space.read(rseqCs, 8);
  const registers = ptrace.getRegisters(thread.tid);
  registers.set('rip', through);
  ptrace.setRegisters(thread.tid, registers);
  thread.detour = { at: BigInt(at), through, armed: value && { address: rseqCs, value } };
  thread.toSyscall = true;
}

/** The thread has stopped: in its call, or in front of it, since something else came first: then it is as if it had not come to the breakpoint yet. */
export function endDetour(thread: Traveller, { at, through, armed }: Detour): void {
  thread.detour = undefined;
  const registers = ptrace.getRegisters(thread.tid);
  const ip = registers.get('rip');
  const isIn = ip === through + SIZE;
  if (isIn) {
    registers.set('rip', at + SIZE);
    // What SYSCALL leaves there.
    registers.set('rcx', at + SIZE);
  } else if (ip === through) {
    registers.set('rip', at);
    thread.toSyscall = false;
  }
  ptrace.setRegisters(thread.tid, registers);
  if (armed !== undefined) thread.process.space.write(armed.address, armed.value);
}
