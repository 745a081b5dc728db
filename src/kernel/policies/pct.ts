import { type Policy, policy, type View } from '../policy.js';
import { below, nextRandom, type RandomWords, randomWords } from '../random.js';
import type { CpuState, Task } from '../state.js';
import { leastLoaded } from './place.js';

/**
 * Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of
 * Finding Bugs, ASPLOS 2010). Threads have random priorities, only the runnable one with the highest runs, and at d - 1 random instructions
 * the running one falls below all others. A bug of depth d in a program of n threads and k instructions is found with a probability of at
 * least 1 / (n k^(d-1)).
 */

interface Data {
  readonly random: RandomWords;
  /** By tid; the highest runs. Those that a change point has lowered are negative. */
  readonly priorities: Map<number, number>;
  /** Instructions after which the running thread falls, ascending. */
  readonly changes: number[];
  /** The next fall goes to this priority. */
  lowest: number;
  /** Who runs, and since which instruction: one that waits for others without sleeping must give way some time. */
  runs: { tid: number; since: number };
}

/** The default of k: instructions among which the change points are. */
export const PCT_STEPS = 100_000;
/** No thread runs longer while others could: as for a change point, it falls then. The paper leaves this to the program's own yields. */
const FAIR = 50_000;

/** `depth` is d, at least 1; `steps` is k. */
export function pct(seed: number, depth: number, steps = PCT_STEPS): Policy {
  if (!(Number.isInteger(depth) && depth >= 1)) throw new RangeError(`the depth of pct is at least 1: pct:3`);
  if (!(Number.isInteger(steps) && steps >= 1))
    throw new RangeError('the number of instructions of pct is at least 1: pct:3:100000');
  const random = randomWords(seed);
  const changes = Array.from({ length: depth - 1 }, () => 1 + below(random, steps)).sort((a, b) => a - b);
  return policy<Data>(
    { random, priorities: new Map(), changes, lowest: -1, runs: { tid: 0, since: 0 } },
    {
      turn(data, view, ready) {
        const { state } = view;
        const all = [...ready.map(({ current }) => current!), ...state.cpus.flatMap(({ queue }) => queue)];
        let best = highest(data, all);
        if (data.runs.tid !== best.tid) data.runs = { tid: best.tid, since: state.instructions };
        if (mustFall(data, view, all.length)) {
          data.priorities.set(best.tid, data.lowest--);
          best = highest(data, all);
          data.runs = { tid: best.tid, since: state.instructions };
        }
        const cpu = state.cpus[best.cpu]!;
        if (cpu.current !== best) return { cpu, instructions: 0, end: 'preempt' };
        const next = Math.min(data.changes[0] ?? Number.POSITIVE_INFINITY, data.runs.since + FAIR);
        const instructions = Math.max(
          1,
          Math.min(next - state.instructions, all.length > 1 ? FAIR : 1_000_000),
        );
        return { cpu, instructions, end: 'continue' };
      },
      pick: (data, _, cpu: CpuState) => highest(data, cpu.queue),
      place: (_, __, task, allowed) => leastLoaded(task, allowed),
    },
  );
}

function mustFall(data: Data, { state }: View, runnable: number): boolean {
  if (data.changes[0] !== undefined && data.changes[0] <= state.instructions) {
    data.changes.shift();
    return true;
  }
  return runnable > 1 && state.instructions - data.runs.since >= FAIR;
}

function highest(data: Data, tasks: readonly Task[]): Task {
  return tasks.reduce((best, task) => (priority(data, task) > priority(data, best) ? task : best));
}

/** A thread gets its own when it is first seen. */
function priority({ random, priorities }: Data, { tid }: Task): number {
  let known = priorities.get(tid);
  if (known === undefined) {
    known = nextRandom(random);
    priorities.set(tid, known);
  }
  return known;
}
