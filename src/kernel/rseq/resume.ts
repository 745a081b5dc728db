import type { Kernel } from '../kernel.js';
import type { Task } from '../state.js';
import { readRseqCs, SLICE_CTRL, writeField } from './area.js';
import { forceUpdate, left, note } from './events.js';
import { fixupClassic, fixupModern } from './fixup.js';
import { updateIds } from './ids.js';
import { modeOf } from './mode.js';
import { armSlice } from './slice.js';
import { keepsRules } from './violation.js';

/**
 * A thread on its way to its program, all else done. False where it must stay in the kernel: it gets SIGSEGV, or must give way.
 */
export function resume(kernel: Kernel, task: Task): boolean {
  const { rseq } = task;
  if (rseq.pointer !== 0n && rseq.notify) {
    rseq.notify = false;
    const work = modeOf(kernel, rseq).classic ? resumeClassic : resumeModern;
    if (!keepsRules(kernel, task, () => work(kernel, task))) return false;
  }
  if (!armSlice(kernel, task)) return false;
  left(task);
  return true;
}

/** Up to 6.18: __rseq_handle_notify_resume() of kernel/rseq.c. */
function resumeClassic(kernel: Kernel, task: Task): void {
  fixupClassic(kernel, task);
  updateIds(kernel, task);
}

/**
 * Since 6.19: rseq_exit_user_update() of include/linux/rseq_entry.h, and what the slow path adds where that fails. Numbers are written only
 * if they may have changed, and the section is looked at only if the program was interrupted, or with debug.
 */
function resumeModern(kernel: Kernel, task: Task): void {
  const { rseq } = task;
  const debug = kernel.options.debugRseq;
  const changed = rseq.idsChanged || !kernel.rules.genericEntry;
  rseq.idsChanged = false;
  if (changed) updateIds(kernel, task);
  const pointer = readRseqCs(kernel, task);
  if (!changed) {
    if (modeOf(kernel, rseq).slice) writeField(kernel, task, SLICE_CTRL, 0);
    rseq.slice.granted = false;
    // With debug NULL is read as if it were a descriptor: that fails, and the slow path compares and writes the numbers.
    if (debug && pointer === 0n) updateIds(kernel, task);
  }
  if (pointer === 0n || !(debug || rseq.interrupted)) return;
  fixupModern(kernel, task, pointer, 'fixup-in-syscall');
}

/**
 * A handler is about to run: the section is aborted first, so that the frame holds abort_ip (rseq_signal_deliver). Where a rule is broken the
 * thread gets SIGSEGV, and the frame is made all the same: its handler runs next (measured on 6.18).
 */
export function signalDelivered(kernel: Kernel, task: Task, signal: number): void {
  const { rseq } = task;
  if (rseq.pointer === 0n) return;
  const { classic, conditional } = modeOf(kernel, rseq);
  note(task, 'signal');
  if (classic) {
    rseq.notify = false;
    keepsRules(kernel, task, () => resumeClassic(kernel, task), signal);
    return;
  }
  if (conditional && !rseq.interrupted) return;
  const look = (): void => {
    const pointer = readRseqCs(kernel, task);
    if (pointer !== 0n) fixupModern(kernel, task, pointer, 'fixup-in-syscall');
  };
  keepsRules(kernel, task, look, signal);
  if (!conditional) forceUpdate(task);
}
