import { EVENT } from '../../abi/ptrace-requests.js';
import { SI, SIG } from '../../abi/signals.js';
import type { Kernel } from '../kernel.js';
import { ptraceNotify, ptraceStop } from '../ptrace/stop.js';
import { dequeue } from '../schedule.js';
import type { Task } from '../state.js';
import { participate, setPending, signalWake, trapNotify } from './job-control.js';
import { notifyStop } from './notify.js';

/**
 * do_signal_stop(): the thread stops with its process; with a `number`, it is the one that begins that stop. False where it does not stop
 * here: SIGCONT came between, or it stops for its tracer.
 */
export function signalStop(kernel: Kernel, task: Task, number: number): boolean {
  const { jobctl, process } = task;
  const { stop } = process;
  if (!jobctl.stop) {
    if (!jobctl.dequeued || process.exiting !== undefined || process.executing !== undefined) return false;
    if (!stop.stopped) stop.code = number;
    stop.count = 0;
    const pending = { stop: true, consume: true, signal: number };
    if (setPending(task, pending)) stop.count++;
    for (const other of process.tasks) {
      if (other === task || other.state === 'stopped' || !setPending(other, pending)) continue;
      stop.count++;
      if (other.ptrace?.seized) trapNotify(kernel, other);
      else signalWake(kernel, other);
    }
  }
  if (task.ptrace !== undefined) {
    setPending(task, { trap: true });
    return false;
  }
  const all = participate(task);
  task.state = 'stopped';
  // When it goes on it looks at its signals first.
  task.signalPending = true;
  dequeue(kernel, task);
  if (all) notifyStop(kernel, task, false, SI.CLD_STOPPED);
  return true;
}

/** do_jobctl_trap(): a traced thread stops because its process does, or because its tracer wants it to. */
export function trapStop(kernel: Kernel, task: Task): boolean {
  const { ptrace, process, jobctl } = task;
  const why = SI.CLD_STOPPED;
  if (!ptrace!.seized) return ptraceStop(kernel, task, { code: jobctl.signal, why });
  const number = process.stop.count === 0 && !process.stop.stopped ? SIG.SIGTRAP : jobctl.signal;
  return ptraceNotify(kernel, task, number | (EVENT.STOP << 8), { number, why });
}
