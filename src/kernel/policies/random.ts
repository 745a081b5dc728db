import type { Policy } from '../policy.js';
import { Random } from '../random.js';
import { leastLoaded } from './place.js';

/**
 * Turns of random length, short ones as likely as long ones, on a random CPU; threads are preempted, moved and picked at random. The same
 * seed makes the same choices.
 */
export function randomPolicy(seed: number, shortest = 1, longest = 2000): Policy {
  const random = new Random(seed);
  const spread = Math.log2(longest / shortest);
  return {
    turn(_, ready) {
      const cpu = ready[random.below(ready.length)]!;
      const waiting = cpu.queue.length > 0;
      if (ready.length === 1 && !waiting) return { cpu, instructions: 1_000_000, end: 'continue' };
      const instructions = Math.max(1, Math.round(shortest * 2 ** ((random.below(1024) / 1024) * spread)));
      return { cpu, instructions, end: waiting && random.oneIn(3) ? 'preempt' : 'continue' };
    },
    pick: (_, cpu) => cpu.queue[random.below(cpu.queue.length)]!,
    place: (_, task, allowed) =>
      random.oneIn(4) ? allowed[random.below(allowed.length)]! : leastLoaded(task, allowed),
  };
}
