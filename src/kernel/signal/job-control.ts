import type { Kernel } from '../kernel.js';
import { enqueue } from '../schedule.js';
import type { JobControl, Task } from '../state.js';
import { endWait } from '../wait.js';

/** The flags of stops, one thread at a time (kernel/signal.c, "task_clear_jobctl_pending" and its neighbours). */

/** signal_wake_up_state(): it looks at its signals soon. A wait that may be interrupted ends; a fatal signal ends every wait and stop. */
export function signalWake(kernel: Kernel, task: Task, fatal = false): void {
  task.signalPending = true;
  if (fatal && (task.state === 'stopped' || task.state === 'traced')) resumeStopped(kernel, task);
  if (task.wait !== undefined && (task.wait.interruptible || fatal)) endWait(kernel, task, 'signal');
}

/** A stopped thread goes on, with what it was about. */
export function resumeStopped(kernel: Kernel, task: Task): void {
  task.state = 'runnable';
  enqueue(kernel, task);
}

/** A thread that is about to end has no stops to take part in. */
const isDying = (task: Task): boolean => task.killed !== undefined || task.state === 'dead';

/** task_set_jobctl_pending(): false where the thread is dying. */
export function setPending(task: Task, pending: Partial<JobControl>): boolean {
  if (isDying(task)) return false;
  Object.assign(task.jobctl, pending);
  return true;
}

/** task_clear_jobctl_pending(JOBCTL_STOP_PENDING). */
export function clearStop(task: Task): void {
  Object.assign(task.jobctl, { stop: false, consume: false, dequeued: false });
}

/** task_clear_jobctl_pending(JOBCTL_PENDING_MASK). */
export function clearPending(task: Task): void {
  clearStop(task);
  Object.assign(task.jobctl, { trap: false, notify: false });
}

/** task_participate_group_stop(): one less to wait for. True where with it the whole process has stopped. */
export function participate(task: Task): boolean {
  const { consume } = task.jobctl;
  const { stop } = task.process;
  clearStop(task);
  if (!consume) return false;
  if (stop.count > 0) stop.count--;
  if (stop.count > 0 || stop.stopped) return false;
  Object.assign(stop, { stopped: true, continued: false, tell: undefined });
  return true;
}

/** ptrace_trap_notify(): a seized thread tells its tracer that a group stop began or ended. */
export function trapNotify(kernel: Kernel, task: Task): void {
  if (!setPending(task, { notify: true })) return;
  wakeTracee(kernel, task, task.jobctl.listening);
}

/** ptrace_signal_wake_up(): `resume`: out of its stop too. */
export function wakeTracee(kernel: Kernel, task: Task, resume: boolean): void {
  signalWake(kernel, task);
  if (resume && task.state === 'traced') resumeStopped(kernel, task);
}
