import { EVENT } from '../abi/ptrace-requests.js';
import { SI, SIG } from '../abi/signals.js';
import { Errno } from './errno.js';
import { closeAll } from './files/table.js';
import type { Kernel } from './kernel.js';
import { dropMm } from './mm/map.js';
import { releaseTracees, unlink } from './ptrace/link.js';
import { ptraceEvent } from './ptrace/stop.js';
import { exitRobustList } from './robust-list.js';
import { dequeue } from './schedule.js';
import { participate } from './signal/job-control.js';
import { isReparented, notifyEnd, notifyStop } from './signal/notify.js';
import { retarget } from './signal/queue.js';
import { killGroup, sendSignal, sendToGroup } from './signal/send.js';
import { makeSignal } from './signal/sets.js';
import type { Process, Task } from './state.js';
import { wakeFutex } from './syscalls/futex-queue.js';
import { wake } from './wait.js';

/** exit_group(2), or a fatal signal: every thread ends when it next leaves the kernel. `status` as of wait4(2). */
export const killProcess = killGroup;

/** do_exit(): the thread ends; or stops for its tracer first (PTRACE_EVENT_EXIT), and is then here again. */
export function exitTask(kernel: Kernel, task: Task, status: number): void {
  if (task.state === 'dead') return;
  const { process } = task;
  // It is on its way out already: what killed it does not keep it from this stop, nor its tracer from looking at it.
  task.killed = undefined;
  // The last thread's status is that of the process (synchronize_group_exit).
  if (liveTasks(process).every((each) => each === task || each.after?.kind === 'exit'))
    process.exiting ??= status;
  const stops = ptraceEvent(kernel, task, EVENT.EXIT, BigInt(process.exiting ?? status));
  if (stops) task.after = { kind: 'exit', status };
  else endTask(kernel, task, status);
}

/** The rest of do_exit(). */
export function endTask(kernel: Kernel, task: Task, status: number): void {
  const { process } = task;
  const { state } = kernel;
  if (task.state === 'dead') return;
  // exit_signals(): others take its signals, and do not wait for it to stop.
  const live = liveTasks(process);
  if (process.exiting === undefined && live.length > 1) {
    const mask = task.mask;
    task.mask = (1n << 64n) - 1n;
    retarget(kernel, task, ~mask & task.mask);
    if (task.jobctl.stop && participate(task)) notifyStop(kernel, task, false, SI.CLD_STOPPED);
  }
  if (live.length === 1) cancelTimers(kernel, process);
  leaveMemory(kernel, task);
  task.exitCode = process.exiting ?? status;
  kernel.emit(task, { kind: 'exit', pid: process.pid, status: task.exitCode });
  task.state = 'dead';
  task.after = undefined;
  dequeue(kernel, task);
  releaseMemory(kernel, task);
  if (--task.files.users === 0) closeAll(kernel, task.files);
  task.fs.users--;
  if (live.length === 1 && process.pid === kernel.state.firstPid)
    state.status = process.exiting ?? process.tasks[0]!.exitCode;
  exitNotify(kernel, task);
}

export const liveTasks = ({ tasks }: Process): Task[] => tasks.filter(({ state }) => state !== 'dead');

/** mm_release(): what the thread leaves in the memory that it shares: its locks, its number. Its parent need not wait for it any more. */
export function leaveMemory(kernel: Kernel, task: Task): void {
  exitRobustList(kernel, task);
  if (task.clearChildTid !== 0n && task.mm.users > 1) {
    try {
      kernel.memory(task.mm).setU32(task.clearChildTid, 0);
      wakeFutex(kernel, task.mm, task.clearChildTid, 1);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
    }
  }
  task.clearChildTid = 0n;
  if (task.vfork) wake(kernel, `vfork:${task.tid}`);
  task.vfork = false;
}

/** The address space of a thread that leaves it: by exit or exec. */
export function releaseMemory(kernel: Kernel, task: Task): void {
  if (--task.mm.users === 0) dropMm(kernel, task.mm);
}

function cancelTimers(kernel: Kernel, process: Process): void {
  kernel.state.timers = kernel.state.timers.filter(
    (timer) => !('process' in timer) || timer.process !== process,
  );
  process.posixTimers.clear();
}

/** exit_notify(). */
function exitNotify(kernel: Kernel, task: Task): void {
  const { process } = task;
  const gone = [...releaseTracees(kernel, task), ...leaveChildren(kernel, task)];
  const last = process.tasks.every(({ state }) => state === 'dead');
  if (last) hangUpOrphans(kernel, process, process.parent);
  task.exitState = 'zombie';
  const leader = process.tasks[0] === task;
  const alone = process.tasks.length === 1;
  let reaped: boolean;
  if (task.ptrace !== undefined)
    reaped = notifyEnd(kernel, task, leader && alone && !isReparented(task) ? task.exitSignal : SIG.SIGCHLD);
  else reaped = leader ? alone && notifyEnd(kernel, task, task.exitSignal) : true;
  if (reaped) gone.push(task);
  for (const each of gone) release(kernel, each);
  sayAlone(kernel, process);
}

/** A thread in execve(2) waits for this: its process has become smaller. */
export const aloneKey = ({ pid }: Process): string => `alone:${pid}`;

function sayAlone(kernel: Kernel, process: Process): void {
  if (process.executing !== undefined) wake(kernel, aloneKey(process));
}

/** forget_original_parent(): children of the thread go to another of its process, or to the next that wants them, or to init. */
function leaveChildren(kernel: Kernel, task: Task): Task[] {
  const { process } = task;
  const gone: Task[] = [];
  const heir = liveTasks(process)[0] ?? subreaperOf(process);
  for (const child of [...process.children]) {
    if (child.parentThread !== task) continue;
    setParent(child, heir);
    for (const each of liveTasks(child))
      if (each.deathSignal !== 0) sendToGroup(kernel, each, makeSignal(each.deathSignal, { code: SI.USER }));
    if (heir?.process === process) continue;
    const leader = child.tasks[0]!;
    leader.exitSignal = SIG.SIGCHLD;
    const zombie = leader.ptrace === undefined && leader.exitState === 'zombie' && child.tasks.length === 1;
    if (zombie && notifyEnd(kernel, leader, SIG.SIGCHLD)) gone.push(leader);
    hangUpOrphans(kernel, child, process);
  }
  return gone;
}

/** find_new_reaper(): PR_SET_CHILD_SUBREAPER. */
function subreaperOf({ parent }: Process): Task | undefined {
  for (let each = parent; each !== undefined; each = each.parent) {
    if (each.subreaper && each.exiting === undefined) return liveTasks(each)[0];
  }
  return undefined;
}

export function setParent(child: Process, thread: Task | undefined): void {
  const index = child.parent?.children.indexOf(child) ?? -1;
  if (index !== -1) child.parent!.children.splice(index, 1);
  child.parent = thread?.process;
  child.parentThread = thread;
  thread?.process.children.push(child);
}

/** kill_orphaned_pgrp(): a process group that nobody can wake up any more, and that is stopped, is hung up. */
function hangUpOrphans(kernel: Kernel, process: Process, parent: Process | undefined): void {
  if (parent === undefined || parent.group === process.group || parent.session !== process.session) return;
  if (!isOrphaned(kernel, process.group, process)) return;
  const members = [...kernel.state.processes.values()].filter(({ group }) => group === process.group);
  if (!members.some(({ stop }) => stop.stopped)) return;
  for (const signal of [SIG.SIGHUP, SIG.SIGCONT])
    for (const each of members) sendSignal(kernel, each, makeSignal(signal));
}

/** will_become_orphaned_pgrp(): no member has a parent outside of the group and in the session. `but`: one that is about to end. */
export const isOrphaned = ({ state }: Kernel, group: number, but?: Process): boolean =>
  [...state.processes.values()].every(
    (each) =>
      each.group !== group ||
      (each === but && liveTasks(each).length === 0) ||
      liveTasks(each).length === 0 ||
      each.parent === undefined ||
      each.parent.group === group ||
      each.parent.session !== each.session,
  );

/** release_task(): nothing is left of the thread. The last one besides a first thread that ended before lets the parent know of that. */
export function release(kernel: Kernel, task: Task): void {
  const { process } = task;
  const { state } = kernel;
  if (task.exitState === 'dead') return;
  if (task.ptrace !== undefined) unlink(kernel, task);
  task.exitState = 'dead';
  state.tasks.delete(task.tid);
  process.tasks = process.tasks.filter((each) => each !== task);
  sayAlone(kernel, process);
  const [leader] = process.tasks;
  if (leader === undefined) {
    setParent(process, undefined);
    state.processes.delete(process.pid);
  } else if (process.tasks.length === 1 && leader.tid === process.pid && leader.exitState === 'zombie') {
    if (notifyEnd(kernel, leader, leader.exitSignal)) release(kernel, leader);
  }
}
