import { endTask, exitTask } from './exit.js';
import type { Kernel } from './kernel.js';
import { killForMemory } from './mm/oom.js';
import { resumedWith } from './ptrace/stop.js';
import { switchedIn } from './rseq/events.js';
import { resume } from './rseq/resume.js';
import { endSlice } from './rseq/slice.js';
import { enterTracer } from './scenario/tracer.js';
import { afterSignalStop, deliverSignals } from './signal/deliver.js';
import { hasSignal, recalculate } from './signal/queue.js';
import { sendSignal } from './signal/send.js';
import { makeSignal } from './signal/sets.js';
import type { After, Task } from './state.js';
import { beginCall, perform } from './syscalls/perform.js';

/**
 * A thread on its way from the kernel to its program (kernel/entry/common.c exit_to_user_mode_loop): what it was about when it stopped or
 * began to wait, signals, then its sections. Returns false where it does not get there: it waits, is stopped, has ended, or must give way.
 */
export function leaveKernel(kernel: Kernel, task: Task): boolean {
  const cpu = kernel.state.cpus[task.cpu]!;
  for (;;) {
    if (task.mm.outOfMemory) killForMemory(kernel, task);
    if (task.state !== 'runnable') return false;
    if (task.killed !== undefined && task.after?.kind !== 'exit') {
      exitTask(kernel, task, task.killed);
      continue;
    }
    if (task.after !== undefined) {
      const { after } = task;
      task.after = undefined;
      goOn(kernel, task, after);
      if (kernel.state.input !== undefined) return false;
      continue;
    }
    if (task.wait !== undefined) {
      const { wait } = task;
      task.wait = undefined;
      perform(kernel, task, wait.arguments, wait);
      if (kernel.state.input !== undefined) return false;
      continue;
    }
    if (cpu.reschedule) return false;
    if (task.entered !== undefined) {
      const args = task.entered;
      task.entered = undefined;
      endSlice(kernel, task);
      perform(kernel, task, args);
      continue;
    }
    if (task.call !== -1n || hasSignal(task) || task.savedMask !== undefined) {
      deliverSignals(kernel, task);
      if (
        task.state !== 'runnable' ||
        task.killed !== undefined ||
        task.after !== undefined ||
        hasSignal(task)
      )
        continue;
    }
    if (task.tracerDue !== undefined) {
      const start = task.tracerDue;
      task.tracerDue = undefined;
      enterTracer(kernel, task, start);
      switchedIn(kernel, task);
    }
    if (resume(kernel, task)) return true;
  }
}

/** Back from a stop for its tracer. */
function goOn(kernel: Kernel, task: Task, after: After): void {
  switch (after.kind) {
    case 'exit':
      endTask(kernel, task, after.status);
      return;
    case 'signal': {
      const signal = afterSignalStop(kernel, task, after.shared);
      recalculate(task);
      deliverSignals(kernel, task, signal);
      return;
    }
    default: {
      const number = resumedWith(task);
      recalculate(task);
      // Not the same as going on with a signal, but strace is content with it (ptrace_report_syscall).
      if (number !== 0 && after.kind !== 'trap') sendSignal(kernel, task, makeSignal(number));
      if (after.kind === 'entry') beginCall(kernel, task);
    }
  }
}
