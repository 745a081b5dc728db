import type { CpuState, Task } from '../state.js';

const load = (cpu: CpuState): number => cpu.queue.length + (cpu.current === undefined ? 0 : 1);

/** An idle CPU, the last one first; else the one with the shortest queue. */
export function leastLoaded(task: Task, allowed: readonly CpuState[]): CpuState {
  const last = allowed.find(({ id }) => id === task.cpu);
  if (last !== undefined && load(last) === 0) return last;
  return allowed.reduce((best, cpu) => (load(cpu) < load(best) ? cpu : best), last ?? allowed[0]!);
}
