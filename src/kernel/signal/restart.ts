import { RESTART } from '../../abi/errno.js';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { RAX } from '../../isa/x86-64/registers.js';
import { failure } from '../errno.js';
import { RIP } from '../registers.js';
import type { Task } from '../state.js';

const SIZE_OF_SYSCALL = 2n;

/** A handler runs: what becomes of the system call that it interrupted (arch/x86/kernel/signal.c handle_signal). */
export function interruptedCall(task: Task, restarts: boolean): void {
  if (task.call === -1n) return;
  const value = returned(task);
  const again = value === RESTART.ERESTARTNOINTR || (value === RESTART.ERESTARTSYS && restarts);
  if (again) rewind(task, task.call);
  else if (isRestart(value)) task.registers[RAX] = BigInt.asUintN(64, BigInt(failure('EINTR')));
}

/** No handler runs: the call goes on as if nothing had been (arch_do_signal_or_restart). */
export function restartCall(task: Task): void {
  if (task.call === -1n) return;
  const value = returned(task);
  if (value === RESTART.ERESTART_RESTARTBLOCK) rewind(task, BigInt(SYSCALLS_X86_64['restart_syscall']!));
  else if (isRestart(value)) rewind(task, task.call);
}

const returned = (task: Task): number => -Number(BigInt.asIntN(64, task.registers[RAX]!));

const isRestart = (value: number): boolean => Object.values<number>(RESTART).includes(value);

function rewind(task: Task, call: bigint): void {
  task.registers[RAX] = call;
  task.registers[RIP]! -= SIZE_OF_SYSCALL;
}
