import { type Policy, policy, type View } from '../policy.js';
import { below, logUniform, oneIn, oneOf, type RandomWords, randomWords } from '../random.js';
import type { CpuState, Task, TurnEnd } from '../state.js';
import { nearlyLeastLoaded, otherCpu } from './place.js';

interface Data {
  readonly random: RandomWords;
  /** Interruptions of each thread, by tid, since it last had mercy. */
  readonly forced: Map<number, number>;
}

/** After so many interruptions a thread runs on for a while, so that long sections come to their end too. */
const PATIENCE = 16;
const MERCY = 64;
const MOST_MERCY = 12;
/** Instructions of a turn: in a section, near one, and to find one. */
const INSIDE = 8;
const NEAR = 8;
const SEARCH = 64;

const ENDS: readonly TurnEnd[] = ['preempt', 'preempt', 'preempt', 'migrate', 'migrate', 'tick', 'continue'];

/**
 * Interrupts where it hurts: a thread inside a section gets turns of 1 to 8 instructions that mostly end with a preemption or a
 * migration. For programs that do nothing else than sections this is a great many aborts for each commit.
 */
export const abortsPolicy = (seed: number): Policy =>
  policy<Data>(
    { random: randomWords(seed), forced: new Map() },
    {
      turn(data, view, ready) {
        const { random } = data;
        const cpu = oneOf(random, ready);
        const task = cpu.current!;
        if (!view.isInside(task)) {
          // Between the store to rseq_cs and start_ip a section can be disarmed unnoticed; behind its end the preemption clears rseq_cs.
          const near = view.isArmed(task);
          const end = oneIn(random, near ? 4 : 16) ? 'preempt' : 'continue';
          return { cpu, instructions: logUniform(random, 1, near ? NEAR : SEARCH), end };
        }
        return attack(data, view, cpu, task);
      },
      pick: ({ random }, _, cpu) => oneOf(random, cpu.queue),
      place: ({ random }, _, task, allowed) => nearlyLeastLoaded(random, task, allowed),
    },
  );

function attack({ random, forced }: Data, { state }: View, cpu: CpuState, task: Task) {
  const count = forced.get(task.tid) ?? 0;
  if (count >= PATIENCE) {
    forced.set(task.tid, 0);
    // Twice as long half as often: however long a section is, it has its chance.
    let instructions = MERCY;
    for (let n = 0; n < MOST_MERCY && oneIn(random, 2); n++) instructions *= 2;
    return { cpu, instructions, end: 'continue' as const };
  }
  const instructions = 1 + below(random, INSIDE);
  const end = oneOf(random, ENDS);
  if (end === 'preempt' || end === 'migrate') forced.set(task.tid, count + 1);
  const to = end === 'migrate' ? otherCpu(random, state, task) : undefined;
  return { cpu, instructions, end, ...(to === undefined ? {} : { to }) };
}
