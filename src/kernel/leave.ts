import { exitTask } from './exit.js';
import type { Kernel } from './kernel.js';
import { killForMemory } from './mm/oom.js';
import { resume } from './rseq/resume.js';
import { endSlice } from './rseq/slice.js';
import { deliverSignals } from './signal/deliver.js';
import { hasSignal } from './signal/send.js';
import type { Task } from './state.js';
import { perform } from './syscalls/perform.js';

/**
 * A thread on its way from the kernel to its program (kernel/entry/common.c exit_to_user_mode_loop): the system call that it waited in,
 * signals, then its sections. Returns false where it does not get there: it waits, is stopped, has ended, or must give way.
 */
export function leaveKernel(kernel: Kernel, task: Task): boolean {
  const cpu = kernel.state.cpus[task.cpu]!;
  for (;;) {
    if (task.mm.outOfMemory) killForMemory(kernel, task);
    if (task.killed !== undefined) {
      exitTask(kernel, task, task.killed);
      return false;
    }
    if (task.state !== 'runnable') return false;
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
    if (mustLookAtSignals(task)) {
      deliverSignals(kernel, task);
      task.call = -1n;
      if (task.killed !== undefined || task.state !== 'runnable' || hasSignal(task)) continue;
    }
    if (resume(kernel, task)) return true;
  }
}

const mustLookAtSignals = (task: Task): boolean =>
  task.call !== -1n || hasSignal(task) || task.process.stopped !== undefined || task.savedMask !== undefined;
