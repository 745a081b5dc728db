import { expect, test } from 'vitest';
import { exploreScenario } from '../../../src/explore/scenario.js';
import type { Reductions } from '../../../src/explore/semantics/machine-code.js';
import type { Program } from '../../../src/kernel/program.js';
import { objectOf } from '../examples/runs.js';
import { plainSearch } from './plain-search.js';

const ALL: Reductions = { symmetry: true, fusion: true, registers: true };
const NONE: Reductions = { symmetry: false, fusion: false, registers: false };

const settings = (scenario: string, cpus: number) => ({ kernel: '6.18', debugRseq: false, cpus, scenario });
const programOf = (path: string): Program => ({
  path,
  bytes: objectOf(path),
  arguments: [],
  environment: [],
});

async function counts(path: string, scenario: string, cpus: number, reductions: Reductions) {
  const { verdict } = await exploreScenario(programOf(path), settings(scenario, cpus), {
    reductions,
    serial: false,
  });
  const { kind, states, memories } = verdict;
  return { kind, states, memories };
}

/** Objects with their scenarios, nothing wrong with them; one with a signal. */
const ROWS = [
  ['examples/explore/counter.o', 'count'],
  ['examples/explore/signal.o', 'one'],
  ['examples/explore/list.o', 'push_pop'],
] as const;

for (const [path, scenario] of ROWS) {
  test(`${path} ${scenario}: without reductions, as many states as really doing every act in every state`, async () => {
    const plain = plainSearch(programOf(path), settings(scenario, 1));
    expect(plain.bad).toBe(false);
    expect(await counts(path, scenario, 1, NONE)).toEqual({
      kind: 'verified',
      states: plain.states,
      memories: plain.memories,
    });
  });

  test(`${path} ${scenario}: no reduction loses a content of memory`, async () => {
    const { memories } = await counts(path, scenario, 2, ALL);
    for (const off of ['symmetry', 'fusion', 'registers'] as const) {
      const without = await counts(path, scenario, 2, { ...ALL, [off]: false });
      expect({ off, ...without }).toMatchObject({ off, kind: 'verified', memories });
    }
  });
}
