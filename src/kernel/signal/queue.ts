import { SIG } from '../../abi/signals.js';
import type { Kernel } from '../kernel.js';
import { rearmItimer, rearmTimer } from '../rearm.js';
import type { Signal, Task } from '../state.js';
import { signalWake } from './job-control.js';
import { bitOf, has, STOPS, SYNCHRONOUS, UNBLOCKABLE } from './sets.js';

/** What waits for a thread: signals that it has queued itself, and those of its process. */

/** Is there a signal, or a stop, for the thread to look at? */
export const hasSignal = (task: Task): boolean => task.signalPending;

/** recalc_sigpending(). */
export function recalculate(task: Task): boolean {
  const { jobctl, process, mask } = task;
  const waits = ({ number }: Signal): boolean => !has(mask, number);
  task.signalPending =
    task.killed !== undefined ||
    jobctl.stop ||
    jobctl.trap ||
    jobctl.notify ||
    task.pending.some(waits) ||
    process.shared.some(waits);
  return task.signalPending;
}

/** Numbers of all that wait, blocked or not. */
export const waiting = (task: Task): bigint =>
  [...task.pending, ...task.process.shared].reduce((set, { number }) => set | bitOf(number), 0n);

/** set_current_blocked(): where it no longer takes a signal of the process, another thread is to. */
export function setMask(kernel: Kernel, task: Task, mask: bigint): void {
  const wanted = mask & ~UNBLOCKABLE;
  if (task.signalPending && task.process.tasks.length > 1) retarget(kernel, task, wanted & ~task.mask);
  task.mask = wanted;
  recalculate(task);
}

/** retarget_shared_pending(): `blocked`: signals that the thread will no longer take. */
export function retarget(kernel: Kernel, task: Task, blocked: bigint): void {
  let left = task.process.shared.reduce((set, { number }) => set | bitOf(number), 0n) & blocked;
  for (const other of task.process.tasks) {
    if (left === 0n) return;
    if (other === task || other.state === 'dead' || (left & ~other.mask) === 0n) continue;
    left &= other.mask;
    if (!other.signalPending) signalWake(kernel, other);
  }
}

/** A mask for as long as a call waits (set_user_sigmask: sigsuspend, ppoll). */
export function pushMask(kernel: Kernel, task: Task, mask: bigint): void {
  task.savedMask = task.mask;
  setMask(kernel, task, mask);
}

/** restore_saved_sigmask(): the call is over without a signal. With one, the way out of the kernel puts it back. */
export function popMask(kernel: Kernel, task: Task): void {
  if (task.savedMask === undefined) return;
  const mask = task.savedMask;
  task.savedMask = undefined;
  setMask(kernel, task, mask);
}

/** Takes the next signal out of the queues that is not in `mask` (dequeue_signal). The thread's own come before the process's. */
export function takeSignal(
  kernel: Kernel,
  task: Task,
  mask: bigint,
): { signal: Signal; shared: boolean } | undefined {
  const own = next(task.pending, mask);
  const shared = own === undefined;
  const signal = own ?? next(task.process.shared, mask);
  if (signal === undefined) {
    recalculate(task);
    return undefined;
  }
  if (shared) task.process.shared = task.process.shared.filter((each) => each !== signal);
  else task.pending = task.pending.filter((each) => each !== signal);
  if (shared && signal.number === SIG.SIGALRM) rearmItimer(kernel, task.process);
  if (signal.timer !== undefined) rearmTimer(kernel, task.process, signal.timer);
  recalculate(task);
  if (has(STOPS, signal.number)) task.jobctl.dequeued = true;
  return { signal, shared };
}

/** next_signal(): faults first, then the lowest number; of one number the one sent first. */
function next(queue: readonly Signal[], mask: bigint): Signal | undefined {
  const ready = queue.filter(({ number }) => !has(mask, number));
  const faults = ready.filter(({ number }) => has(SYNCHRONOUS, number));
  return (faults.length > 0 ? faults : ready).reduce<Signal | undefined>(
    (best, each) => (best === undefined || each.number < best.number ? each : best),
    undefined,
  );
}

/** dequeue_synchronous_signal(): what the thread's own instruction did comes before all else, in the order in which it was done. */
export function takeFault(task: Task): Signal | undefined {
  const signal = task.pending.find(
    ({ number, code }) => code > 0 && has(SYNCHRONOUS, number) && !has(task.mask, number),
  );
  if (signal === undefined) return undefined;
  task.pending = task.pending.filter(({ number }) => number !== signal.number);
  recalculate(task);
  return signal;
}

/** Forgets signals (flush_sigqueue_mask). */
export function dropSignals(task: Task, set: bigint): void {
  const keep = ({ number, timer }: Signal): boolean => {
    const kept = !has(set, number);
    if (!kept && timer !== undefined) timer.queued = false;
    return kept;
  };
  task.process.shared = task.process.shared.filter(keep);
  for (const each of task.process.tasks) each.pending = each.pending.filter(keep);
}
