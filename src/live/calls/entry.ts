/** A thread that is about to make a system call: what its registers say of it. */
import { argumentCount } from '../../abi/syscall-arguments.js';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import type { UserRegisters } from '../../linux/ptrace.js';

const ARGUMENTS = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'];
const NAMES = new Map(Object.entries(SYSCALLS_X86_64).map(([name, number]) => [number, name]));
/** Bytes of SYSCALL, behind which the thread stands. */
export const SYSCALL_SIZE = 2n;

export interface CallEntry {
  readonly name: string;
  readonly number: number;
  /** As many as the call takes, where that is known; else all six registers. */
  readonly arguments: readonly bigint[];
}

export function callEntry(registers: UserRegisters): CallEntry {
  const number = Number(registers.get('orig_rax'));
  const name = NAMES.get(number) ?? `syscall_${number}`;
  const args = ARGUMENTS.slice(0, argumentCount(name) ?? ARGUMENTS.length).map((each) => registers.get(each));
  return { name, number, arguments: args };
}
