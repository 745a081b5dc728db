import { type Policy, policy } from '../policy.js';
import { leastLoaded } from './place.js';

/** CPUs take turns; a thread gives way after a time slice of `quantum` instructions. */
export const roundRobin = (quantum = 10_000): Policy =>
  policy(
    { last: -1 },
    {
      turn(data, _, ready) {
        const cpu = ready.find(({ id }) => id > data.last) ?? ready[0]!;
        data.last = cpu.id;
        const waiting = cpu.queue.length > 0;
        const alone = ready.length === 1 && !waiting;
        return {
          cpu,
          instructions: alone ? 100 * quantum : quantum,
          end: waiting ? 'preempt' : 'continue',
        };
      },
      pick: (_, __, cpu) => cpu.queue[0]!,
      place: (_, __, task, allowed) => leastLoaded(task, allowed),
    },
  );
