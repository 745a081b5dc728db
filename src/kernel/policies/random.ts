import { type Policy, policy } from '../policy.js';
import { logUniform, oneIn, oneOf, type RandomWords, randomWords } from '../random.js';
import type { Act, TurnEnd } from '../state.js';
import { nearlyLeastLoaded, oneWaiting, otherCpu } from './place.js';

interface Data {
  readonly random: RandomWords;
}

/** Instructions of a turn: while several threads can run, and for one that is alone. */
const TURN = [1, 2000] as const;
const ALONE = [100, 1_000_000] as const;

/**
 * Turns of random length, short ones as likely as long ones, on a random CPU; threads are preempted, moved and picked at random, also where
 * nobody waits (a thread of the kernel takes the CPU). The same seed makes the same choices.
 */
export const randomPolicy = (seed: number): Policy =>
  policy<Data>(
    { random: randomWords(seed) },
    {
      turn({ random }, { state }, ready) {
        const acts = oneIn(random, 8) ? balance(random, oneWaiting(random, state), state) : [];
        const cpu = oneOf(random, ready);
        const moved = acts[0]?.tid;
        const waiting = cpu.queue.some(({ tid }) => tid !== moved);
        const alone = ready.length === 1 && !waiting;
        const [least, most] = alone ? ALONE : TURN;
        const instructions = logUniform(random, least, most);
        const end = oneOf(random, waiting ? BUSY : QUIET);
        const to = end === 'migrate' ? otherCpu(random, state, cpu.current!) : undefined;
        return { cpu, instructions, end, acts, ...(to === undefined ? {} : { to }) };
      },
      pick: ({ random }, _, cpu) => oneOf(random, cpu.queue),
      place: ({ random }, _, task, allowed) => nearlyLeastLoaded(random, task, allowed),
    },
  );

/** How turns end, by how often: where others wait for the CPU, and where nobody does. */
const BUSY: readonly TurnEnd[] = [
  ...Array<TurnEnd>(4).fill('preempt'),
  'migrate',
  'tick',
  ...Array<TurnEnd>(6).fill('continue'),
];
const QUIET: readonly TurnEnd[] = ['preempt', 'migrate', 'tick', ...Array<TurnEnd>(9).fill('continue')];

/** Load balancing: a waiting thread goes to another CPU. */
function balance(
  random: RandomWords,
  task: Parameters<typeof otherCpu>[2] | undefined,
  state: Parameters<typeof otherCpu>[1],
): readonly Act[] {
  if (task === undefined) return [];
  const to = otherCpu(random, state, task);
  return to === undefined ? [] : [{ kind: 'move', tid: task.tid, to }];
}
