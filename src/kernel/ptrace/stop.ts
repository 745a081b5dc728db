import { EVENT, OPTION } from '../../abi/ptrace-requests.js';
import { SI, SIG } from '../../abi/signals.js';
import type { Kernel } from '../kernel.js';
import { dequeue } from '../schedule.js';
import { participate } from '../signal/job-control.js';
import { isReparented, notifyStop } from '../signal/notify.js';
import { sendSignal } from '../signal/send.js';
import { makeSignal } from '../signal/sets.js';
import type { Signal, Task } from '../state.js';
import { wake } from '../wait.js';

/** A tracer that attaches waits for this. */
export const trappingKey = ({ tid }: Task): string => `trapping:${tid}`;

/**
 * ptrace_stop(): the running thread stops for its tracer, which sees `code` as the status. False where it does not: there is no tracer, or
 * the thread is being killed. What it does when it goes on is for the caller to say (Task.after); the signal that the tracer gives is
 * resumedWith().
 */
export function ptraceStop(
  kernel: Kernel,
  task: Task,
  stop: { code: number; why?: number; message?: bigint; info?: Signal | undefined },
): boolean {
  const { code, why = SI.CLD_TRAPPED, message = 0n, info } = stop;
  const { ptrace, jobctl } = task;
  if (ptrace === undefined || task.killed !== undefined) return false;
  ptrace.message = message;
  task.stopInfo = info;
  task.exitCode = code;
  const stopped = why === SI.CLD_STOPPED && jobctl.stop && participate(task);
  jobctl.trap = false;
  if (info !== undefined && info.code >> 8 === EVENT.STOP) jobctl.notify = false;
  task.state = 'traced';
  dequeue(kernel, task);
  if (jobctl.trapping) {
    jobctl.trapping = false;
    wake(kernel, trappingKey(task));
  }
  notifyStop(kernel, task, true, why);
  // The parent wants to know of the whole process, and is told twice only where it is not the tracer.
  if (stopped && isReparented(task)) notifyStop(kernel, task, false, why);
  return true;
}

/** Back from a stop: the signal that the tracer gave with PTRACE_CONT and others; 0 none. */
export function resumedWith(task: Task): number {
  const code = task.exitCode;
  task.exitCode = 0;
  task.stopInfo = undefined;
  task.jobctl.listening = false;
  if (task.directed !== undefined) task.registers[task.directed.register] = task.directed.value;
  task.directed = undefined;
  if (task.ptrace !== undefined) task.ptrace.message = 0n;
  return code;
}

/** ptrace_notify(), ptrace_do_notify(): a stop that has SIGTRAP (or the signal of a group stop) in its siginfo. */
export function ptraceNotify(
  kernel: Kernel,
  task: Task,
  code: number,
  {
    message = 0n,
    number = SIG.SIGTRAP,
    why = SI.CLD_TRAPPED,
  }: { message?: bigint; number?: number; why?: number } = {},
): boolean {
  const info = makeSignal(number, { code, pid: task.tid });
  return ptraceStop(kernel, task, { code, why, message, info });
}

const wantsEvent = (task: Task, event: number): boolean =>
  task.ptrace !== undefined && ((task.ptrace.options >> event) & 1) === 1;

/** ptrace_event(): stops where the tracer has asked for it with its options. */
export function ptraceEvent(kernel: Kernel, task: Task, event: number, message: bigint): boolean {
  if (wantsEvent(task, event)) return ptraceNotify(kernel, task, (event << 8) | SIG.SIGTRAP, { message });
  // Without PTRACE_SEIZE and the option, execve(2) is told by a plain SIGTRAP.
  if (event === EVENT.EXEC && task.ptrace !== undefined && !task.ptrace.seized)
    sendSignal(kernel, task, makeSignal(SIG.SIGTRAP, { code: SI.USER, pid: task.process.pid }));
  return false;
}

/** Which event a clone is, where the tracer wants to know of it (kernel_clone). */
export function cloneEvent(task: Task, isVfork: boolean, exitSignal: number): number | undefined {
  const event = isVfork ? EVENT.VFORK : exitSignal === SIG.SIGCHLD ? EVENT.FORK : EVENT.CLONE;
  return wantsEvent(task, event) ? event : undefined;
}

/** Stops at the begin or the end of a system call (ptrace_report_syscall): 1 and 2. */
export function callStop(kernel: Kernel, task: Task, which: 1 | 2): boolean {
  const good = ((task.ptrace?.options ?? 0) & OPTION.TRACESYSGOOD) !== 0 ? 0x80 : 0;
  const stops = ptraceNotify(kernel, task, SIG.SIGTRAP | good, { message: BigInt(which) });
  const register = kernel.arch.direction;
  if (stops && register !== undefined) {
    task.directed = { register, value: task.registers[register]! };
    task.registers[register] = BigInt(which - 1);
  }
  return stops;
}
