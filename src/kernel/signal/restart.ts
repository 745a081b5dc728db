import { RESTART } from '../../abi/errno.js';
import { failure } from '../errno.js';
import type { Kernel } from '../kernel.js';
import type { Task } from '../state.js';

/** A handler runs: what becomes of the system call that it interrupted (arch/x86/kernel/signal.c handle_signal, arch/arm64/kernel/signal.c do_signal). */
export function interruptedCall({ arch }: Kernel, task: Task, restarts: boolean): void {
  if (task.call === -1n) return;
  const value = -Number(BigInt.asIntN(64, task.registers[arch.result]!));
  const again = value === RESTART.ERESTARTNOINTR || (value === RESTART.ERESTARTSYS && restarts);
  if (again) arch.rewind(task, undefined);
  else if (isRestart(value)) task.registers[arch.result] = BigInt.asUintN(64, BigInt(failure('EINTR')));
}

/** No handler runs: the call goes on as if nothing had been (arch_do_signal_or_restart). */
export function restartCall({ arch }: Kernel, task: Task): void {
  if (task.call === -1n) return;
  const value = -Number(BigInt.asIntN(64, task.registers[arch.result]!));
  if (!isRestart(value)) return;
  const other = value === RESTART.ERESTART_RESTARTBLOCK;
  arch.rewind(task, other ? arch.syscalls['restart_syscall'] : undefined);
}

const isRestart = (value: number): boolean => Object.values<number>(RESTART).includes(value);
