import type { Row } from '../../explore/timeline.js';
import type { CounterexampleTrace } from '../../explore/trace.js';
import { counterexampleOf } from '../../explore/trace.js';
import { Refused } from '../refused.js';

/** A task's turn: up to the front of an instruction, or (no place) to its end. */
export interface PlannedTurn {
  /** Index in the scenario's tasks. */
  readonly task: number;
  /** `"increment+0x2d"`. */
  readonly place?: string;
  /** The instruction there, as GNU as writes it. */
  readonly text?: string;
}

export interface Plan {
  readonly scenario: string;
  readonly tasks: readonly string[];
  readonly turns: readonly PlannedTurn[];
  readonly violation: string;
}

const ONLY = 'only what needs one CPU, and no signal, can be forced by breakpoints';

/** What a counterexample asks of real threads. Throws Refused where breakpoints cannot give it. */
export function planOf(trace: CounterexampleTrace): Plan {
  const { rows, violation } = counterexampleOf(trace);
  const result = trace.document.results[0]!;
  const cpus = new Set(rows.flatMap(({ cpu }) => (cpu === undefined ? [] : [cpu])));
  if (cpus.size > 1)
    throw new Refused(
      `this counterexample needs ${cpus.size} CPUs; ${ONLY}: look for one with rseqlab explore --cpus 1`,
    );
  const odd = rows.find(({ kind }) => kind === 'signal' || kind === 'flush' || kind === 'fence');
  if (odd !== undefined) throw new Refused(`this counterexample needs a ${odd.kind}; ${ONLY}`);
  const turns = rows.flatMap((row, index): PlannedTurn[] => {
    if (row.kind === 'end') return [{ task: row.task }];
    if (row.kind !== 'preempt') return [];
    if (visits(rows, index) > 0)
      throw new Refused(`this counterexample stops task ${result.tasks[row.task]!.name} at ${row.place} when it comes there again; breakpoints stop it the first time`); // biome-ignore format: a sentence
    const text = rows.slice(index).find(({ kind, task, ip }) => kind === 'execute' && task === row.task && ip === row.ip)?.text; // biome-ignore format: one step
    return [{ task: row.task, place: row.place, ...(text !== undefined && { text }) }];
  });
  return {
    scenario: result.scenario,
    tasks: result.tasks.map(({ name }) => name),
    turns,
    violation: violation.text,
  };
}

/** How often the task has run the instruction in this turn, before it is stopped in front of it. */
function visits(rows: readonly Row[], at: number): number {
  const { task, ip } = rows[at]!;
  let count = 0;
  for (let n = at - 1; n >= 0; n--) {
    const row = rows[n]!;
    if (row.task !== task) continue;
    if (row.kind === 'resume') break;
    if (row.kind === 'execute' && row.ip === ip) count++;
  }
  return count;
}
