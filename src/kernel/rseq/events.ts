import type { AbortCause } from '../../event/event.js';
import type { Kernel } from '../kernel.js';
import type { Task } from '../state.js';
import { takeCid } from './cid.js';
import { modeOf } from './mode.js';

/**
 * What happens to a thread, noted for when it next leaves the kernel: up to 6.18 rseq_preempt, rseq_migrate, rseq_signal_deliver
 * (include/linux/rseq.h); since 6.19 rseq_sched_switch_event and rseq_sched_set_ids_changed.
 */

type Cause = Exclude<AbortCause, 'ptrace' | 'interrupt'>;

/** enum rseq_event_mask_bits: the bits are those of the NO_RESTART flags. membarrier(2) is a preemption to the kernel. */
const BITS: Readonly<Record<Cause, number>> = { preempt: 1, signal: 2, migrate: 4, membarrier: 1 };
export const bitOf = (cause: Cause): number => BITS[cause];
export const EVENT_BITS = Object.entries(BITS).filter(
  ([cause]) => cause !== 'membarrier',
) as readonly (readonly [Cause, number])[];

/**
 * The program came into the kernel: by a system call, or by an interrupt or a fault, which since 6.19 the entry code has to say
 * (rseq_note_user_irq_entry; arm64's did not until 7.1, so that nothing was aborted).
 */
export function cameBy(kernel: Kernel, task: Task, how: 'call' | 'interrupt'): void {
  task.rseq.interrupted = how === 'interrupt' && kernel.rules.aborts;
}

/** Something that aborts a section up to 6.18. */
export function note(task: Task, cause: Cause): void {
  task.rseq.causes.add(cause);
  task.rseq.mask |= BITS[cause];
}

/** The thread lost its CPU, by preemption or because it sleeps (prepare_task_switch). */
export function switchedOut(kernel: Kernel, task: Task): void {
  const { rseq } = task;
  const { classic } = modeOf(kernel, rseq);
  kernel.arch.entered(task);
  if (classic) task.mmCid = -1;
  if (rseq.pointer === 0n) return;
  note(task, 'preempt');
  if (classic) rseq.notify = true;
}

/** It runs again, perhaps elsewhere (since 6.19 context_switch, behind switch_mm_cid). */
export function switchedIn(kernel: Kernel, task: Task): void {
  const { rseq } = task;
  const { classic } = modeOf(kernel, rseq);
  const before = task.mmCid;
  takeCid(kernel, task, !classic);
  if (task.mmCid !== before) rseq.idsChanged = true;
  if (!classic) raise(kernel, task);
}

/** rseq_sched_switch_event(), since 6.19. */
function raise(kernel: Kernel, task: Task): void {
  const { rseq } = task;
  if (rseq.pointer === 0n) return;
  if (!modeOf(kernel, rseq).conditional) rseq.idsChanged = true;
  if (rseq.interrupted || rseq.idsChanged) rseq.notify = true;
}

/** rseq_force_update(), since 6.19. */
export function forceUpdate(task: Task): void {
  task.rseq.idsChanged = true;
  task.rseq.notify = true;
}

/** It will run on another CPU (set_task_cpu). */
export function migrated(kernel: Kernel, task: Task): void {
  const { rseq } = task;
  rseq.idsChanged = true;
  if (rseq.pointer === 0n) return;
  note(task, 'migrate');
  if (modeOf(kernel, rseq).classic) rseq.notify = true;
}

/** The interrupt that membarrier(2) sends to the CPU where the thread runs (kernel/sched/membarrier.c ipi_rseq). */
export function fenced(kernel: Kernel, task: Task): void {
  const { rseq } = task;
  kernel.arch.entered(task);
  if (rseq.pointer === 0n) return;
  note(task, 'membarrier');
  if (modeOf(kernel, rseq).classic) rseq.notify = true;
  else raise(kernel, task);
}

/** The thread is back in its program: nothing is left of what happened before (since 6.19 event.events = 0). */
export function left(task: Task): void {
  const { rseq } = task;
  if (rseq.causes.size > 0) rseq.causes.clear();
  rseq.notify = false;
  rseq.interrupted = false;
  rseq.idsChanged = false;
}
