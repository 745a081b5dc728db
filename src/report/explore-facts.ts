import type {
  Counts,
  Effort,
  ExploreOptions,
  Reduction,
  Store,
  TaskInfo,
  Verdict,
} from '../explore/timeline.js';
import { plural } from './document.js';
import { costText, grouped } from './explore-rows.js';

/** What a verdict rests on, as pairs of a word and a text: one truth for the text report and the page. */
export interface Fact {
  readonly head: string;
  readonly text: string;
}

/** In the order in which a reader wants them. */
export function factsOf(verdict: Verdict): Fact[] {
  const { counterexample, effort, bound } = verdict;
  return [
    ...(bound === undefined ? [] : [{ head: 'ended', text: boundText(verdict) }]),
    ...(counterexample === undefined
      ? []
      : [
          {
            head: 'shortest',
            text: `${costText(counterexample.cost)}: no way with fewer leads to a violation`,
          },
        ]),
    { head: 'explored', text: countsText(verdict.counts) },
    { head: 'aborts', text: abortsText(verdict.counts) },
    { head: 'tasks', text: verdict.tasks.map(taskText).join(', ') },
    { head: 'judged by', text: optionsText(verdict.options) },
    { head: 'reduced by', text: reductionsText(verdict.reductions) },
    { head: 'states', text: storeText(verdict.store) },
    ...(effort === undefined ? [] : [{ head: 'took', text: effortText(effort, verdict.counts) }]),
  ];
}

const boundText = ({ bound }: Verdict): string => {
  const { text, completeLayers: layers } = bound!;
  return layers === undefined || layers === 0
    ? `${text}; nothing is complete`
    : `${text}; complete up to ${costText(layers - 1)}`;
};

const countsText = ({ states, transitions, layers, locals, memories }: Counts): string =>
  `${grouped(states)} states, ${grouped(transitions)} transitions in ${plural(layers, 'layer')}; ${grouped(locals)} states of one task, ${grouped(memories)} contents of memory`;

function abortsText({ abortPoints: { covered, all } }: Counts): string {
  if (all === 0) return 'no section was executed';
  return `${covered} of ${plural(all, 'abort point')} covered`;
}

const taskText = ({ name, signals }: TaskInfo): string =>
  signals.length === 0 ? name : `${name} (${signals.join(', ')} may arrive anywhere)`;

const MEMORY = { sc: 'sequentially consistent memory', tso: 'x86-TSO memory' } as const;

function optionsText({ cpus, kernel, debugRseq, arch, memory, ...bounds }: ExploreOptions): string {
  const parts = [
    `Linux ${kernel}${arch === undefined ? '' : ` of ${arch}`}${debugRseq ? ' with rseq debugging' : ''}`,
    plural(cpus, 'CPU'),
    MEMORY[memory],
    ...(bounds.maxStates === undefined ? [] : [`at most ${grouped(bounds.maxStates)} states`]),
    ...(bounds.maxAborts === undefined ? [] : [`at most ${plural(bounds.maxAborts, 'abort')}`]),
    ...(bounds.time === undefined ? [] : [`at most ${bounds.time} s`]),
  ];
  return parts.join(', ');
}

function reductionsText(reductions: readonly Reduction[]): string {
  const on = reductions.filter(({ on }) => on).map(({ name }) => name);
  const off = reductions.filter(({ on }) => !on).map(({ name }) => name);
  return `${on.join(', ') || 'nothing'}${off.length === 0 ? '' : `; off: ${off.join(', ')}`}`;
}

function storeText({ exact, fingerprintBits, collisionBound }: Store): string {
  if (exact) return 'compared whole';
  return `known by ${fingerprintBits}-bit fingerprints: two were taken for one with a probability below ${collisionBound.toExponential(1)}`;
}

function effortText({ seconds, jobs, bytesPerState }: Effort, { states }: Counts): string {
  const rate = seconds > 0 ? `, ${grouped(Math.round(states / seconds))} states/s` : '';
  const bytes = bytesPerState === undefined ? '' : `, ${Math.round(bytesPerState)} bytes a state`;
  return `${seconds.toFixed(2)} s, ${plural(jobs, 'worker')}${rate}${bytes}`;
}
