import type { Kernel } from '../kernel.js';
import type { Task } from '../state.js';

/**
 * What happens to a thread with a registration, noted for when it next leaves the kernel (include/linux/rseq.h rseq_preempt, rseq_migrate,
 * rseq_signal_deliver; since 6.19 rseq_sched_switch_event).
 */

/** The thread lost its CPU, by preemption or because it sleeps. */
export function switchedOut(kernel: Kernel, task: Task): void {
  kernel.releaseCid(task);
  if (task.rseq.pointer === 0n) return;
  task.rseq.events.add('preempt');
  task.rseq.notify = true;
}

/** It runs again, perhaps elsewhere. */
export function switchedIn(kernel: Kernel, task: Task): void {
  kernel.takeCid(task);
  const { rseq } = task;
  if (rseq.cpuId !== task.cpu || rseq.mmCid !== task.mmCid) rseq.idsChanged = true;
}

/** It will run on another CPU. */
export function migrated(_kernel: Kernel, task: Task): void {
  if (task.rseq.pointer === 0n) return;
  task.rseq.events.add('migrate');
  task.rseq.notify = true;
  task.rseq.idsChanged = true;
}
