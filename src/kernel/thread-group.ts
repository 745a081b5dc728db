import { SIG } from '../abi/signals.js';
import { leaveMemory, release } from './exit.js';
import { copyTable } from './files/table.js';
import type { Kernel } from './kernel.js';
import { childrenKey } from './signal/notify.js';
import { zap } from './signal/send.js';
import type { Task } from './state.js';
import { wake } from './wait.js';

/** The first half of de_thread(): the other threads are to end. False where the caller must wait until they have, and ask again. */
export function isAlone(kernel: Kernel, task: Task): boolean {
  const { process } = task;
  const left = process.tasks.filter(
    (each) => each !== task && !(each.tid === process.pid && each.state === 'dead'),
  );
  if (left.length === 0) return true;
  if (process.executing === undefined && process.exiting === undefined) {
    process.executing = task;
    process.stop.count = 0;
    for (const each of left) zap(kernel, each, 0);
  }
  return false;
}

/** The second half: the thread gets the number of its process. Returns the one that it had. */
export function becomeLeader(kernel: Kernel, task: Task): number {
  const { process, tid } = task;
  const leader = process.tasks[0]!;
  process.executing = undefined;
  if (leader !== task) {
    // Who traces it waits for nothing any more.
    if (leader.ptrace !== undefined) wake(kernel, childrenKey(leader.ptrace.tracer.process));
    release(kernel, leader);
    kernel.state.tasks.delete(tid);
    Object.assign(task, { tid: process.pid, parentExecs: leader.parentExecs });
    kernel.state.tasks.set(task.tid, task);
  }
  task.exitSignal = SIG.SIGCHLD;
  return tid;
}

/** What a program leaves behind when it becomes another one (begin_new_exec): its memory's locks, its tables, handlers and timers. */
export function leaveProgram(kernel: Kernel, task: Task): void {
  const { process } = task;
  leaveMemory(kernel, task);
  if (task.files.users > 1) {
    task.files.users--;
    task.files = copyTable(task.files);
  }
  process.execs++;
  process.posixTimers.clear();
  kernel.state.timers = kernel.state.timers.filter(
    (timer) => timer.kind !== 'posix' || timer.process !== process,
  );
  task.altStack = { sp: 0n, size: 0n, flags: task.altStack.flags };
  task.restart = undefined;
  process.handlers = process.handlers.map((each) => ({
    handler: each.handler === 1n ? 1n : 0n,
    flags: 0,
    restorer: 0n,
    mask: 0n,
  }));
}
