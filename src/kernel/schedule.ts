import type { Kernel } from './kernel.js';
import { migrated, switchedIn, switchedOut } from './rseq/events.js';
import type { CpuState, Task } from './state.js';

/** CPUs that a thread may run on, of those that there are. */
export function allowedCpus(kernel: Kernel, task: Task): CpuState[] {
  return kernel.state.cpus.filter(({ id }) => (task.affinity >> BigInt(id)) & 1n);
}

/** Makes a thread wait for a CPU: the policy says which. */
export function enqueue(kernel: Kernel, task: Task): void {
  const cpu = kernel.policy.place(kernel.state, task, allowedCpus(kernel, task));
  if (cpu.id !== task.cpu) migrate(kernel, task, cpu);
  cpu.queue.push(task);
  kernel.emit(task, { kind: 'wake' });
}

/** set_task_cpu(): the thread is not running. */
function migrate(kernel: Kernel, task: Task, to: CpuState): void {
  kernel.emit(task, { kind: 'migrate', from: task.cpu, to: to.id });
  task.cpu = to.id;
  migrated(kernel, task);
}

/** Moves a waiting thread to another CPU's queue. */
export function moveTo(kernel: Kernel, task: Task, to: CpuState): void {
  const from = kernel.state.cpus[task.cpu]!;
  from.queue = from.queue.filter((each) => each !== task);
  if (task.cpu !== to.id) migrate(kernel, task, to);
  to.queue.push(task);
}

/** The current thread of a CPU gives way: to the queue if it can still run, and the policy says who is next. */
export function schedule(kernel: Kernel, cpu: CpuState): void {
  const previous = cpu.current;
  cpu.reschedule = false;
  const stays = previous?.state === 'runnable';
  if (stays && mayStay(previous, cpu)) {
    if (cpu.queue.length === 0) return;
    cpu.queue.push(previous);
  }
  const next = cpu.queue.length === 0 ? undefined : kernel.policy.pick(kernel.state, cpu);
  if (next !== undefined) cpu.queue = cpu.queue.filter((each) => each !== next);
  if (next === previous && previous !== undefined) return;
  if (previous !== undefined) switchedOut(kernel, previous);
  cpu.current = next;
  cpu.since = kernel.state.clock;
  kernel.emitAt(cpu.id, previous?.tid ?? 0, {
    kind: 'switch',
    from: previous?.tid ?? 0,
    to: next?.tid ?? 0,
    voluntary: !stays,
  });
  if (next !== undefined) switchedIn(kernel, next);
  // Its new affinity forbids this CPU: only now, when it no longer runs here, can it be moved (migration_cpu_stop).
  if (stays && !mayStay(previous, cpu)) enqueue(kernel, previous);
}

const mayStay = (task: Task, cpu: CpuState): boolean => ((task.affinity >> BigInt(cpu.id)) & 1n) === 1n;

/** A thread that has ended, or sleeps, has no place in any queue. */
export function dequeue(kernel: Kernel, task: Task): void {
  const cpu = kernel.state.cpus[task.cpu]!;
  cpu.queue = cpu.queue.filter((each) => each !== task);
  if (cpu.current === task) cpu.reschedule = true;
}
