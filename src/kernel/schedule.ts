import type { Kernel } from './kernel.js';
import { viewOf } from './policy-view.js';
import { migrated, switchedIn, switchedOut } from './rseq/events.js';
import type { CpuState, Task, Turn } from './state.js';

/** CPUs that a thread may run on, of those that there are. */
export function allowedCpus(kernel: Kernel, task: Task): CpuState[] {
  return kernel.state.cpus.filter((cpu) => mayRunOn(task, cpu));
}

const mayRunOn = (task: Task, cpu: CpuState): boolean => ((task.affinity >> BigInt(cpu.id)) & 1n) === 1n;

/** Makes a thread wait for a CPU: the policy says which. */
export function enqueue(kernel: Kernel, task: Task): void {
  const cpu = kernel.policy.place(viewOf(kernel), task, allowedCpus(kernel, task));
  if (cpu.id !== task.cpu) migrate(kernel, task, cpu);
  cpu.queue.push(task);
  kernel.emit(task, { kind: 'wake' });
}

/** set_task_cpu(): the thread is not running. */
export function migrate(kernel: Kernel, task: Task, to: CpuState): void {
  kernel.emit(task, { kind: 'migrate', from: task.cpu, to: to.id });
  task.cpu = to.id;
  migrated(kernel, task);
}

/** Moves a thread that waits for a CPU to another CPU's queue (load balancing). */
export function moveTo(kernel: Kernel, task: Task, to: CpuState): void {
  const from = kernel.state.cpus[task.cpu]!;
  if (from === to || !from.queue.includes(task) || !mayRunOn(task, to)) return;
  from.queue = from.queue.filter((each) => each !== task);
  migrate(kernel, task, to);
  to.queue.push(task);
}

/** The end of a turn that ran to its end. A tick by itself changes nothing: the thread leaves the kernel as it came. */
export function endTurn(kernel: Kernel, { cpu, end, to }: Turn): void {
  if (end === 'continue') return;
  kernel.arch.entered(cpu.current!);
  if (end === 'tick') return;
  const target = to === undefined ? undefined : kernel.state.cpus[to];
  const moves = end === 'migrate' && target !== undefined && target !== cpu && mayRunOn(cpu.current!, target);
  cpu.reschedule = true;
  cpu.visitor = { to: moves ? target.id : undefined };
}

/** The current thread of a CPU gives way: to the queue if it can still run, and the policy says who is next. */
export function schedule(kernel: Kernel, cpu: CpuState): void {
  const { current: previous, visitor } = cpu;
  cpu.reschedule = false;
  cpu.visitor = undefined;
  const stays = previous?.state === 'runnable';
  const away = stays && (!mayRunOn(previous, cpu) || visitor?.to !== undefined);
  if (stays && !away) {
    if (cpu.queue.length === 0) {
      if (visitor !== undefined) visit(kernel, cpu, previous);
      return;
    }
    cpu.queue.push(previous);
  }
  const next = cpu.queue.length === 0 ? undefined : kernel.policy.pick(viewOf(kernel), cpu);
  if (next !== undefined) cpu.queue = cpu.queue.filter((each) => each !== next);
  if (next === previous && previous !== undefined) {
    if (visitor !== undefined) visit(kernel, cpu, previous);
    return;
  }
  if (previous !== undefined) switchedOut(kernel, previous);
  cpu.current = next;
  cpu.since = kernel.state.clock;
  saySwitch(kernel, cpu, previous?.tid ?? 0, next?.tid ?? 0, !stays);
  if (next !== undefined) switchedIn(kernel, next);
  // Only now, when it no longer runs here, can it be moved (migration_cpu_stop).
  if (!away) return;
  const target = visitor?.to === undefined ? undefined : kernel.state.cpus[visitor.to]!;
  if (target === undefined || !mayRunOn(previous, target)) {
    enqueue(kernel, previous);
    return;
  }
  migrate(kernel, previous, target);
  target.queue.push(previous);
}

/** A thread of the kernel's own runs for a moment, and the current thread again. */
function visit(kernel: Kernel, cpu: CpuState, task: Task): void {
  switchedOut(kernel, task);
  saySwitch(kernel, cpu, task.tid, 0, false);
  saySwitch(kernel, cpu, 0, task.tid, true);
  switchedIn(kernel, task);
}

const saySwitch = (kernel: Kernel, cpu: CpuState, from: number, to: number, voluntary: boolean): void =>
  kernel.emitAt(cpu.id, from, { kind: 'switch', from, to, voluntary });

/** A thread that has ended, or sleeps, has no place in any queue. */
export function dequeue(kernel: Kernel, task: Task): void {
  const cpu = kernel.state.cpus[task.cpu]!;
  cpu.queue = cpu.queue.filter((each) => each !== task);
  if (cpu.current === task) cpu.reschedule = true;
}
