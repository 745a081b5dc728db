import type { Kernel } from '../kernel.js';
import type { Task } from '../state.js';

/**
 * mm_cid of a thread that gets a CPU: no other running thread of its address space has it, and it is below both the number of threads and
 * that of CPUs. Up to 6.18 the lowest such number (the kernel prefers the last one of the CPU, and compacts them later: kernel/sched/sched.h
 * mm_cid_get); since 6.19 a thread keeps the one it had while there are CPUs enough (mm_cid_schedin).
 */
export function takeCid(kernel: Kernel, task: Task, keeps: boolean): void {
  const { cpus } = kernel.state;
  const taken = new Set<number>();
  for (const { current } of cpus)
    if (current !== undefined && current !== task && current.mm === task.mm) taken.add(current.mmCid);
  const limit = Math.min(task.mm.users, cpus.length);
  if (keeps && task.mmCid >= 0 && task.mmCid < limit && !taken.has(task.mmCid)) return;
  const free = Array.from({ length: cpus.length }, (_, cid) => cid).filter((cid) => !taken.has(cid));
  const held = keeps ? cidsOfWaiting(kernel, task) : taken;
  task.mmCid = free.find((cid) => cid < limit && !held.has(cid)) ?? free[0]!;
}

function cidsOfWaiting(kernel: Kernel, task: Task): ReadonlySet<number> {
  const held = new Set<number>();
  for (const other of kernel.state.tasks.values())
    if (other !== task && other.mm === task.mm) held.add(other.mmCid);
  return held;
}
