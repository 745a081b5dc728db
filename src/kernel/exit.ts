import { SA, SI, SIG } from '../abi/signals.js';
import { Errno } from './errno.js';
import { closeAll } from './files/table.js';
import type { Kernel } from './kernel.js';
import { dropMm } from './mm/map.js';
import { dequeue, enqueue } from './schedule.js';
import { makeSignal, notifyParent, sendSignal } from './signal/send.js';
import { FIRST_PID, type Process, type Task } from './state.js';
import { endWait, wake } from './wait.js';

/** exit_group(2), or a fatal signal: every thread ends when it next leaves the kernel. `status` as of wait4(2). */
export function killProcess(kernel: Kernel, process: Process, status: number): void {
  if (process.exiting !== undefined) return;
  process.exiting = status;
  for (const task of process.tasks) kill(kernel, task);
}

/** A thread that must not run another instruction: wherever it waits, it comes to its end. */
export function kill(kernel: Kernel, task: Task): void {
  task.killed ??= task.process.exiting ?? 0;
  if (task.wait !== undefined) endWait(kernel, task, 'signal');
  else if (task.state === 'stopped') {
    if (task.ptrace !== undefined) task.ptrace.stop = undefined;
    task.state = 'runnable';
    enqueue(kernel, task);
  }
}

/** do_exit(): the thread is gone; with the last of its process that is a zombie. */
export function exitTask(kernel: Kernel, task: Task, status: number): void {
  const { process } = task;
  const { state } = kernel;
  if (task.state === 'dead') return;
  if (task.clearChildTid !== 0n && task.mm.users > 1) {
    try {
      kernel.memory(task.mm).setU32(task.clearChildTid, 0);
      wake(kernel, `futex:${task.mm.id}:${task.clearChildTid}`, 1);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
    }
  }
  task.exitStatus = process.exiting ?? status;
  kernel.emit(task, { kind: 'exit', pid: process.pid, status: task.exitStatus });
  task.state = 'dead';
  dequeue(kernel, task);
  releaseMemory(kernel, task);
  if (--task.files.users === 0) closeAll(kernel, task.files);
  state.tasks.delete(task.tid);
  if (task.vfork) wake(kernel, `vfork:${task.tid}`);
  const leader = task.tid === process.pid;
  const others = process.tasks.filter((each) => each !== task);
  if (leader) process.leaderStatus = task.exitStatus;
  if (others.length > 0) {
    process.tasks = others;
    return;
  }
  endProcess(kernel, process, process.exiting ?? process.leaderStatus ?? task.exitStatus);
}

/** The address space of a thread that leaves it: by exit or exec. */
export function releaseMemory(kernel: Kernel, task: Task): void {
  if (--task.mm.users === 0) dropMm(kernel, task.mm);
}

function endProcess(kernel: Kernel, process: Process, status: number): void {
  const { state } = kernel;
  process.zombie = status;
  state.timers = state.timers.filter((timer) => !('process' in timer) || timer.process !== process);
  for (const child of process.children) {
    child.parent = state.processes.get(FIRST_PID) === process ? undefined : state.processes.get(FIRST_PID);
    child.parent?.children.push(child);
    if (child.parent === undefined && child.zombie !== undefined) state.processes.delete(child.pid);
    for (const task of child.tasks)
      if (task.deathSignal !== 0) sendSignal(kernel, task, makeSignal(task.deathSignal, { code: SI.USER }));
  }
  process.children.length = 0;
  const { parent } = process;
  if (parent === undefined) {
    if (process.pid === FIRST_PID) state.status = status;
    state.processes.delete(process.pid);
    return;
  }
  const signal = status & 0x7f;
  const code = signal === 0 ? SI.CLD_EXITED : (status & 0x80) !== 0 ? SI.CLD_DUMPED : SI.CLD_KILLED;
  const handler = parent.handlers[SIG.SIGCHLD]!;
  // A parent that does not care leaves no zombies (do_notify_parent).
  const careless = handler.handler === 1n || (handler.flags & SA.NOCLDWAIT) !== 0;
  if (careless && process.tasks[0]?.exitSignal === SIG.SIGCHLD) reap(kernel, process);
  notifyParent(kernel, process, code, signal === 0 ? status >> 8 : signal);
}

/** The parent has seen it. */
export function reap(kernel: Kernel, process: Process): void {
  const { parent } = process;
  const index = parent?.children.indexOf(process) ?? -1;
  if (index !== -1) parent!.children.splice(index, 1);
  kernel.state.processes.delete(process.pid);
}
