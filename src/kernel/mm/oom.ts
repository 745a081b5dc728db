import { SIG } from '../../abi/signals.js';
import { killProcess } from '../exit.js';
import type { Kernel } from '../kernel.js';
import type { Task } from '../state.js';

/** The OOM killer: ends the process of a thread whose address space wanted more memory than there is. */
export function killForMemory(kernel: Kernel, task: Task): void {
  const { process } = task;
  if (process.exiting !== undefined) return;
  kernel.emit(task, {
    kind: 'out-of-memory',
    pid: process.pid,
    pages: kernel.state.resident,
    limit: kernel.options.memoryLimit,
  });
  killProcess(kernel, process, SIG.SIGKILL);
}
