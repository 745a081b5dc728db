import type { Policy } from '../policy.js';
import type { CpuState, Task } from '../state.js';
import { leastLoaded } from './place.js';

/** CPUs take turns; a thread gives way after a time slice. */
export function roundRobin(quantum = 10_000): Policy {
  let last = -1;
  const used = new Map<Task, number>();
  return {
    turn(_, ready) {
      const cpu = ready.find(({ id }) => id > last) ?? ready[0]!;
      last = cpu.id;
      const alone = ready.length === 1 && cpu.queue.length === 0;
      return {
        cpu,
        instructions: alone ? 100 * quantum : quantum,
        end: cpu.queue.length > 0 ? 'preempt' : 'continue',
      };
    },
    pick: (_, cpu: CpuState) => {
      used.clear();
      return cpu.queue[0]!;
    },
    place: (_, task, allowed) => leastLoaded(task, allowed),
  };
}
