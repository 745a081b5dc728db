import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { dequeue, enqueue } from '../schedule.js';
import type { Process, Task } from '../state.js';
import { type Call, type Calls, int, type Result, unsigned } from './call.js';

function taskOf(kernel: Kernel, task: Task, tid: bigint | undefined): Task {
  if (int(tid) < 0) throw new Errno('EINVAL');
  const found = int(tid) === 0 ? task : kernel.state.tasks.get(int(tid));
  if (found === undefined) throw new Errno('ESRCH');
  return found;
}

/** Bytes of the kernel's cpumask for up to 64 CPUs. */
const MASK = 8;

const SCHED_RESET_ON_FORK = 0x4000_0000;
/** Policies (include/uapi/linux/sched.h) by number, with their priorities: NORMAL, FIFO, RR, BATCH, (ISO), IDLE, DEADLINE, EXT. */
const PRIORITIES: readonly (readonly [lowest: number, highest: number] | undefined)[] = [
  [0, 0],
  [1, 99],
  [1, 99],
  [0, 0],
  undefined,
  [0, 0],
  [0, 0],
  [0, 0],
];
const DEADLINE = 6;

const prioritiesOf = (policy: number): readonly [number, number] => {
  const found = PRIORITIES[policy];
  if (found === undefined) throw new Errno('EINVAL');
  return found;
};

/** sched_setscheduler(2), sched_setparam(2): remembered, not acted upon: who runs when is the simulation's policy. `policy` -1: as it is. */
function setPolicy({ kernel, task, memory }: Call, tid: bigint, policy: number, parameter: bigint): Result {
  if (parameter === 0n || int(tid) < 0) throw new Errno('EINVAL');
  const priority = memory.i32(parameter);
  const target = taskOf(kernel, task, tid);
  const id = policy === -1 ? target.policy.id : policy & ~SCHED_RESET_ON_FORK;
  const [lowest, highest] = prioritiesOf(id);
  // A deadline needs more than a priority: sched_setattr(2).
  if (id === DEADLINE || priority < lowest || priority > highest) throw new Errno('EINVAL');
  const resetOnFork = policy === -1 ? target.policy.resetOnFork : (policy & SCHED_RESET_ON_FORK) !== 0;
  target.policy = { id, priority, resetOnFork };
  return 0;
}

const PRIO = { PROCESS: 0, PGRP: 1, USER: 2 } as const;

/** Whom getpriority(2) and setpriority(2) speak of: threads, where it is a "process". */
function prioritized({ kernel, task }: Call, which: number, who: number): Task[] {
  const threads = (of: (process: Process) => boolean): Task[] =>
    [...kernel.state.tasks.values()].filter(({ process }) => of(process));
  switch (which) {
    case PRIO.PROCESS:
      return [...kernel.state.tasks.values()].filter(({ tid }) => tid === (who === 0 ? task.tid : who));
    case PRIO.PGRP:
      return threads(({ group }) => group === (who === 0 ? task.process.group : who));
    case PRIO.USER:
      return who === 0 ? threads(() => true) : [];
    default:
      throw new Errno('EINVAL');
  }
}

const LOWEST_NICE = 19;
const HIGHEST_NICE = -20;

export const SCHED: Calls = {
  sched_yield: ({ kernel, task }) => {
    const cpu = kernel.state.cpus[task.cpu]!;
    if (cpu.queue.length > 0) cpu.reschedule = true;
    return 0;
  },
  sched_getaffinity: ({ kernel, task, memory, arguments: [tid, length, mask] }) => {
    const bytes = unsigned(length);
    if (bytes * 8 < kernel.state.cpus.length || bytes % 8 !== 0) throw new Errno('EINVAL');
    const target = taskOf(kernel, task, tid);
    memory.setU64(mask!, target.affinity);
    return MASK;
  },
  sched_setaffinity: ({ kernel, task, memory, arguments: [tid, length, mask] }) => {
    const bytes = memory.read(mask!, Math.min(unsigned(length), MASK));
    const target = taskOf(kernel, task, tid);
    const possible = (1n << BigInt(kernel.state.cpus.length)) - 1n;
    const wanted =
      bytes.reduce((bits, byte, index) => bits | (BigInt(byte) << BigInt(8 * index)), 0n) & possible;
    if (wanted === 0n) throw new Errno('EINVAL');
    target.affinity = wanted;
    const here = ((wanted >> BigInt(target.cpu)) & 1n) === 1n;
    if (here || target.state !== 'runnable') return 0;
    const cpu = kernel.state.cpus[target.cpu]!;
    // A thread that runs is made to give way, and moves then; one that waits for the CPU moves at once.
    if (cpu.current === target) cpu.reschedule = true;
    else {
      dequeue(kernel, target);
      enqueue(kernel, target);
    }
    return 0;
  },
  sched_getscheduler: ({ kernel, task, arguments: [tid] }) => {
    const { id, resetOnFork } = taskOf(kernel, task, tid).policy;
    return id | (resetOnFork ? SCHED_RESET_ON_FORK : 0);
  },
  sched_setscheduler: (call) => {
    if (int(call.arguments[1]) < 0) throw new Errno('EINVAL');
    return setPolicy(call, call.arguments[0]!, int(call.arguments[1]), call.arguments[2]!);
  },
  sched_setparam: (call) => setPolicy(call, call.arguments[0]!, -1, call.arguments[1]!),
  sched_getparam: ({ kernel, task, memory, arguments: [tid, parameter] }) => {
    if (parameter === 0n) throw new Errno('EINVAL');
    memory.setU32(parameter!, taskOf(kernel, task, tid).policy.priority);
    return 0;
  },
  sched_get_priority_max: ({ arguments: [policy] }) => prioritiesOf(int(policy))[1],
  sched_get_priority_min: ({ arguments: [policy] }) => prioritiesOf(int(policy))[0],
  getpriority: (call) => {
    const found = prioritized(call, int(call.arguments[0]), int(call.arguments[1]));
    if (found.length === 0) throw new Errno('ESRCH');
    // 1 to 40, so that it is no error: the C library makes the nice value of it.
    return 20 - Math.min(...found.map(({ nice }) => nice));
  },
  setpriority: (call) => {
    const found = prioritized(call, int(call.arguments[0]), int(call.arguments[1]));
    if (found.length === 0) throw new Errno('ESRCH');
    const nice = Math.min(LOWEST_NICE, Math.max(HIGHEST_NICE, int(call.arguments[2])));
    for (const each of found) each.nice = nice;
    return 0;
  },
};
