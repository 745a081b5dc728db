import { SIG } from '../../abi/signals.js';
import type { Row } from '../../explore/timeline.js';
import type { CounterexampleTrace } from '../../explore/trace.js';
import { counterexampleOf } from '../../explore/trace.js';
import { Refused } from '../refused.js';
import { isPassed, type Segment, segmentsOf } from './segments.js';

/** A task's turn: up to the front of an instruction, or (no place) to its end. */
export interface PlannedTurn {
  /** Index in the scenario's tasks. */
  readonly task: number;
  /** Which of the CPUs that the counterexample has. */
  readonly cpu: number;
  /** Number of a signal that it begins with. */
  readonly signal?: number;
  /** `"increment+0x2d"`. */
  readonly place?: string;
  /** The instruction there, as GNU as writes it. */
  readonly text?: string;
  /** Nothing interrupts it there: it is inside a section, which a stop would abort. It goes round and round on its CPU. */
  readonly spins?: true;
}

export interface Plan {
  readonly scenario: string;
  readonly tasks: readonly string[];
  readonly turns: readonly PlannedTurn[];
  /** CPUs it needs. */
  readonly cpus: number;
  /** How many tasks wait inside sections at one time. */
  readonly waiting: number;
  /** Signals that come only where the counterexample has them. */
  readonly signals: readonly number[];
  readonly violation: string;
}

/** What a counterexample asks of real threads. Throws Refused where breakpoints cannot give it. */
export function planOf(trace: CounterexampleTrace): Plan {
  const { rows, violation } = counterexampleOf(trace);
  const result = trace.document.results[0]!;
  if (violation.kind === 'livelock' || violation.kind === 'deadlock')
    throw new Refused(`this counterexample is a ${violation.kind}: a real program would never end`);
  if (rows.some(({ kind, signal }) => kind === 'signal' && signal === 'tracer'))
    throw new Refused('this counterexample has a tracer of its own, and a thread has one tracer at most: run the program without rseqlab'); // biome-ignore format: a sentence
  const segments = segmentsOf(rows);
  const nameOf = (task: number): string => result.tasks[task]!.name;
  const turns = segments.map((segment, index) => turnOf(rows, segments, index, nameOf(segment.task)));
  const signals = result.tasks.flatMap((task) => task.signals.map(numberOf));
  return {
    scenario: result.scenario,
    tasks: result.tasks.map(({ name }) => name),
    turns,
    cpus: Math.max(...segments.map(({ cpu }) => cpu)) + 1,
    waiting: waitingOf(turns),
    signals: [...new Set(signals)],
    violation: violation.text,
  };
}

function waitingOf(turns: readonly PlannedTurn[]): number {
  const waiting = new Set<number>();
  let most = 0;
  for (const { task, spins } of turns) {
    waiting.delete(task);
    if (spins) waiting.add(task);
    most = Math.max(most, waiting.size);
  }
  return most;
}

/** `SIGUSR1`, `SIGRT34`. */
const numberOf = (name: string): number =>
  (SIG as Readonly<Record<string, number>>)[name] ?? Number(name.slice('SIGRT'.length));

function turnOf(
  rows: readonly Row[],
  segments: readonly Segment[],
  index: number,
  name: string,
): PlannedTurn {
  const { task, cpu, signal, end, stop, rows: own } = segments[index]!;
  const common = { task, cpu, ...(signal !== undefined && { signal: numberOf(signal) }) };
  if (end === 'end') return common;
  const row = rows[stop!]!;
  if (own.some((n) => rows[n]!.ip === row.ip))
    throw new Refused(`this counterexample stops task ${name} at ${row.place} when it comes there again; breakpoints stop it the first time`); // biome-ignore format: a sentence
  const spins = end === 'pause' && row.section !== undefined;
  if (spins && isPassed(rows, segments, index))
    throw new Refused(`this counterexample has task ${name} wait in the middle of a section, at ${row.place}, while another one passes there: that cannot be forced`); // biome-ignore format: a sentence
  const text = rows.slice(stop).find((each) => each.kind === 'execute' && each.task === task && each.ip === row.ip)?.text; // biome-ignore format: one step
  return { ...common, place: row.place, ...(text !== undefined && { text }), ...(spins && { spins }) };
}
