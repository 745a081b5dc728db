import { SA, SI, SIG } from '../../abi/signals.js';
import type { Kernel } from '../kernel.js';
import type { Process, Task } from '../state.js';
import { wake } from '../wait.js';
import { sendToGroup } from './send.js';
import { makeSignal, SIG_IGN } from './sets.js';

/** Who waits for children and tracees of a process. */
export const childrenKey = ({ pid }: Process): string => `children:${pid}`;

export const leaderOf = ({ process }: Task): Task => process.tasks[0]!;

/** The thread that is told of a thread's stops and end: its tracer, else the one that made its process; undefined is init. */
const parentOf = (task: Task): Task | undefined => task.ptrace?.tracer ?? task.process.parentThread;

/** ptrace_reparented(): the tracer is of another process than the parent. */
export const isReparented = (task: Task): boolean =>
  task.ptrace !== undefined && task.ptrace.tracer.process !== task.process.parent;

/** What wait4(2) says of a thread that has ended: of its process, where that ended as a whole. */
export const endStatus = (task: Task): number => task.process.exiting ?? task.exitCode;

/** Code and status in the siginfo of an end. */
export function endInfo(status: number): { code: number; status: number } {
  const signal = status & 0x7f;
  if (signal === 0) return { code: SI.CLD_EXITED, status: (status >> 8) & 0xff };
  return { code: (status & 0x80) !== 0 ? SI.CLD_DUMPED : SI.CLD_KILLED, status: signal };
}

/** do_notify_parent(): a thread has ended. True where nobody wants to wait for it. `signal`: its exit signal, 0 none. */
export function notifyEnd(kernel: Kernel, task: Task, signal: number): boolean {
  const parent = parentOf(task);
  if (parent === undefined) return true;
  let number = signal;
  // An exit signal of its own is not for another program than the one that asked for it.
  if (number !== SIG.SIGCHLD && task.ptrace === undefined && task.parentExecs !== parent.process.execs)
    number = SIG.SIGCHLD;
  const handler = parent.process.handlers[SIG.SIGCHLD]!;
  let reaped = false;
  if (
    task.ptrace === undefined &&
    number === SIG.SIGCHLD &&
    (handler.handler === SIG_IGN || (handler.flags & SA.NOCLDWAIT) !== 0)
  ) {
    reaped = true;
    if (handler.handler === SIG_IGN) number = 0;
  }
  if (number > 0)
    sendToGroup(kernel, parent, makeSignal(number, { ...endInfo(endStatus(task)), pid: task.tid }));
  wake(kernel, childrenKey(parent.process));
  return reaped;
}

/** do_notify_parent_cldstop(): a process has stopped or goes on; or, for a tracer, a thread has. */
export function notifyStop(kernel: Kernel, task: Task, forTracer: boolean, code: number): void {
  const about = forTracer ? task : leaderOf(task);
  const parent = forTracer ? task.ptrace?.tracer : about.process.parentThread;
  if (parent === undefined) return;
  const status =
    code === SI.CLD_CONTINUED
      ? SIG.SIGCONT
      : (code === SI.CLD_STOPPED ? about.process.stop.code : about.exitCode) & 0x7f;
  const handler = parent.process.handlers[SIG.SIGCHLD]!;
  if (handler.handler !== SIG_IGN && (handler.flags & SA.NOCLDSTOP) === 0)
    sendToGroup(kernel, parent, makeSignal(SIG.SIGCHLD, { code, pid: about.tid, status }));
  wake(kernel, childrenKey(parent.process));
}
