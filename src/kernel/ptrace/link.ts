import { OPTION } from '../../abi/ptrace-requests.js';
import { SI, SIG } from '../../abi/signals.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { resumeStopped, setPending, wakeTracee } from '../signal/job-control.js';
import { childrenKey, notifyEnd } from '../signal/notify.js';
import { sendSignal } from '../signal/send.js';
import { makeSignal, SIG_IGN } from '../signal/sets.js';
import type { Task } from '../state.js';
import { wake } from '../wait.js';

/** Who traces whom (kernel/ptrace.c). */

const link = (task: Task, tracer: Task, seized: boolean, options: number): void => {
  task.ptrace = {
    tracer,
    seized,
    options,
    message: 0n,
    syscalls: false,
    emulate: false,
    step: false,
  };
};

/** Threads that a thread traces, oldest first. */
export const traceesOf = (kernel: Kernel, tracer: Task): Task[] =>
  [...kernel.state.tasks.values()].filter(({ ptrace }) => ptrace?.tracer === tracer);

/** PTRACE_TRACEME: the thread that made the process becomes its tracer. */
export function traceMe(task: Task): void {
  const parent = task.process.parentThread;
  if (task.ptrace !== undefined || parent === undefined || parent.state === 'dead') throw new Errno('EPERM');
  link(task, parent, false, 0);
}

/** check_ptrace_options(). */
export function checkOptions(options: bigint): number {
  if ((options & ~BigInt(OPTION.MASK)) !== 0n) throw new Errno('EINVAL');
  const flags = Number(options);
  // CONFIG_SECCOMP and CAP_SYS_ADMIN are there, but there are no filters.
  if ((flags & OPTION.SUSPEND_SECCOMP) !== 0) throw new Errno('EINVAL');
  return flags;
}

/** PTRACE_ATTACH, PTRACE_SEIZE. True where the caller must wait until the thread has stopped for it. */
export function attach(kernel: Kernel, tracer: Task, task: Task, seize: boolean, options: bigint): boolean {
  if (seize && (options & ~BigInt(OPTION.MASK)) !== 0n) throw new Errno('EIO');
  const flags = seize ? checkOptions(options) : 0;
  if (task.process === tracer.process || task.exitState !== undefined || task.ptrace !== undefined)
    throw new Errno('EPERM');
  link(task, tracer, seize, flags);
  if (!seize) sendSignal(kernel, task, makeSignal(SIG.SIGSTOP));
  // A thread that is stopped already goes over to a stop for its tracer (ptrace_set_stopped).
  if (task.state !== 'stopped' || !setPending(task, { trap: true, trapping: true })) return false;
  task.signalPending = true;
  resumeStopped(kernel, task);
  return true;
}

/** A new thread of a traced one is traced too, and begins stopped (ptrace_init_task). */
export function traceChild(parent: Task, child: Task): void {
  const { ptrace } = parent;
  if (ptrace === undefined) return;
  link(child, ptrace.tracer, ptrace.seized, ptrace.options);
  if (ptrace.seized) setPending(child, { trap: true });
  else child.pending.push(makeSignal(SIG.SIGSTOP, { code: SI.USER }));
  child.signalPending = true;
}

/** __ptrace_unlink(): a stop of its process that goes on is the thread's own again. */
export function unlink(kernel: Kernel, task: Task): void {
  task.ptrace = undefined;
  const { jobctl, process } = task;
  Object.assign(jobctl, { trap: false, notify: false, trapping: false });
  const inStop = process.stop.stopped || process.stop.count > 0;
  if (task.state !== 'dead' && inStop) {
    jobctl.stop = true;
    if (jobctl.signal === 0) jobctl.signal = SIG.SIGSTOP;
  }
  if (jobctl.stop || task.state === 'traced') wakeTracee(kernel, task, true);
}

/** __ptrace_detach(): true where the thread is a zombie that nobody else waits for. */
export function detach(kernel: Kernel, tracer: Task, task: Task): boolean {
  unlink(kernel, task);
  if (task.exitState !== 'zombie') return false;
  const { process } = task;
  if (task !== process.tasks[0]) return true;
  if (process.tasks.length > 1) return false;
  if (process.parent !== tracer.process) return notifyEnd(kernel, task, task.exitSignal);
  if (tracer.process.handlers[SIG.SIGCHLD]!.handler !== SIG_IGN) return false;
  wake(kernel, childrenKey(tracer.process));
  return true;
}

/** exit_ptrace(): a tracer ends. Returns threads that nobody waits for any more. */
export function releaseTracees(kernel: Kernel, tracer: Task): Task[] {
  return traceesOf(kernel, tracer).filter((task) => {
    if ((task.ptrace!.options & OPTION.EXITKILL) !== 0) sendSignal(kernel, task, makeSignal(SIG.SIGKILL));
    return detach(kernel, tracer, task);
  });
}
