import type { Kernel } from './kernel.js';
import { enqueue } from './schedule.js';
import type { Task, Timer, Wait } from './state.js';

/** What a system call returns when its thread must wait: it is called again, with `resumed`, when the wait is over. */
export class Blocked {
  constructor(readonly wait: Wait) {}
}

/** Waits for one of `keys`, for a time, or for a signal. */
export function blocked(
  keys: readonly string[],
  options: {
    deadline?: number | undefined;
    data?: unknown;
    interruptible?: boolean;
    arguments: readonly bigint[];
  },
): Blocked {
  return new Blocked({
    keys,
    deadline: options.deadline,
    interruptible: options.interruptible ?? true,
    data: options.data,
    ended: undefined,
    arguments: options.arguments,
  });
}

/** Puts a thread to sleep. The scheduler takes its CPU away. */
export function sleep(kernel: Kernel, task: Task, wait: Wait): void {
  const { waiters } = kernel.state;
  task.wait = wait;
  task.state = 'blocked';
  for (const key of wait.keys) {
    const list = waiters.get(key);
    if (list === undefined) waiters.set(key, [task]);
    else list.push(task);
  }
  if (wait.deadline !== undefined) addTimer(kernel, { kind: 'wait', at: wait.deadline, task, wait });
  const cpu = kernel.state.cpus[task.cpu]!;
  if (cpu.current === task) cpu.reschedule = true;
}

/** Ends a thread's wait. It runs its system call to the end when it gets a CPU. */
export function endWait(kernel: Kernel, task: Task, why: NonNullable<Wait['ended']>): void {
  const { wait } = task;
  if (wait === undefined || wait.ended !== undefined) return;
  wait.ended = why;
  forget(kernel, task, wait);
  if (task.state !== 'blocked') return;
  task.state = 'runnable';
  enqueue(kernel, task);
}

function forget(kernel: Kernel, task: Task, wait: Wait): void {
  const { waiters } = kernel.state;
  for (const key of wait.keys) {
    const list = waiters.get(key)?.filter((each) => each !== task) ?? [];
    if (list.length === 0) waiters.delete(key);
    else waiters.set(key, list);
  }
  if (wait.deadline !== undefined)
    kernel.state.timers = kernel.state.timers.filter((timer) => timer.kind !== 'wait' || timer.wait !== wait);
}

/** Wakes up to `most` of those that wait for `key` and that `chosen` takes, the longest waiting first. Returns how many. */
export function wake(
  kernel: Kernel,
  key: string,
  most = Number.POSITIVE_INFINITY,
  chosen: (task: Task, wait: Wait) => boolean = () => true,
): number {
  let count = 0;
  for (const task of [...(kernel.state.waiters.get(key) ?? [])]) {
    if (count >= most) break;
    if (task.wait === undefined || !chosen(task, task.wait)) continue;
    endWait(kernel, task, 'woken');
    count++;
  }
  return count;
}

type WithoutOrder<T> = T extends unknown ? Omit<T, 'order'> : never;

/** Adds a timer; those of one time go off in the order in which they were added. */
export function addTimer(kernel: Kernel, timer: WithoutOrder<Timer>): void {
  const { state } = kernel;
  const added = { ...timer, order: state.nextId++ } as Timer;
  const index = state.timers.findIndex(({ at }) => at > added.at);
  if (index === -1) state.timers.push(added);
  else state.timers.splice(index, 0, added);
}
