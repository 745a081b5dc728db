import { below, oneIn, oneOf, type RandomWords } from '../random.js';
import type { CpuState, KernelState, Task } from '../state.js';

const load = (cpu: CpuState): number => cpu.queue.length + (cpu.current === undefined ? 0 : 1);

/** An idle CPU, the last one first; else the one with the shortest queue. */
export function leastLoaded(task: Task, allowed: readonly CpuState[]): CpuState {
  const last = allowed.find(({ id }) => id === task.cpu);
  if (last !== undefined && load(last) === 0) return last;
  return allowed.reduce((best, cpu) => (load(cpu) < load(best) ? cpu : best), last ?? allowed[0]!);
}

/** Mostly where there is least to do. */
export const nearlyLeastLoaded = (random: RandomWords, task: Task, allowed: readonly CpuState[]): CpuState =>
  oneIn(random, 4) ? oneOf(random, allowed) : leastLoaded(task, allowed);

/** Another CPU that a thread may run on, or undefined. */
export function otherCpu(random: RandomWords, { cpus }: KernelState, task: Task): number | undefined {
  const others = cpus.filter(({ id }) => id !== task.cpu && ((task.affinity >> BigInt(id)) & 1n) === 1n);
  return others.length === 0 ? undefined : oneOf(random, others).id;
}

/** A thread that waits for a CPU, anywhere, or undefined. */
export function oneWaiting(random: RandomWords, { cpus }: KernelState): Task | undefined {
  const count = cpus.reduce((sum, { queue }) => sum + queue.length, 0);
  if (count === 0) return undefined;
  let index = below(random, count);
  for (const { queue } of cpus) {
    if (index < queue.length) return queue[index];
    index -= queue.length;
  }
  return undefined;
}
