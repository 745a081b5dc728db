import { tellVerdict } from '../../../src/explore/document.js';
import { exploreScenario } from '../../../src/explore/scenario.js';
import type { Expected } from './manifest.js';
import { objectOf } from './runs.js';

type Told = Pick<Expected, 'verdict' | 'violation' | 'says'>;

/** What `explore` says of a row of the table: as the table says it, or with what it found instead. */
export async function verdictOf(row: Expected): Promise<Told> {
  const { object, scenario, cpus, kernel = '6.18', debugRseq = false, memory = 'sc' } = row;
  const program = { path: object, arguments: [], environment: [], bytes: objectOf(object) };
  const settings = { kernel, debugRseq, cpus, scenario, ...(memory === 'tso' && { storeBuffer: 8 }) };
  const options = {
    reductions: { symmetry: true, fusion: true, registers: true, cpus: true, sleep: true },
    serial: 'without-claims',
  } as const;
  const explored = await exploreScenario(program, settings, options);
  const { verdict } = tellVerdict(explored, settings, options, () => undefined);
  if (verdict.verdict === 'verified') return { verdict: 'verified' };
  if (verdict.counterexample === undefined) throw new Error(verdict.sentence);
  const { kind, text } = verdict.counterexample.violation;
  if (kind === 'deadlock' || kind === 'serial' || kind === 'invariant' || kind === 'exit')
    throw new Error(verdict.sentence);
  if (kind !== 'assert' && kind !== 'final') return { verdict: 'counterexample', violation: kind };
  const says = row.says !== undefined && text.includes(row.says) ? row.says : text;
  return { verdict: 'counterexample', violation: kind, says };
}

/** The same of the table itself. */
export const expectedOf = ({ verdict, violation, says }: Expected): Told => ({
  verdict,
  ...(violation === undefined ? {} : { violation }),
  ...(says === undefined ? {} : { says }),
});
