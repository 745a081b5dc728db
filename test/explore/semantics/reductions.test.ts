import { expect, test } from 'vitest';
import { tellVerdict } from '../../../src/explore/document.js';
import { exploreScenario } from '../../../src/explore/scenario.js';
import type { Reductions } from '../../../src/explore/semantics/machine-code.js';
import type { Program } from '../../../src/kernel/program.js';
import { objectOf } from '../examples/runs.js';
import { plainSearch } from './plain-search.js';

const ALL: Reductions = { symmetry: true, fusion: true, registers: true, cpus: true, sleep: true };
const NONE: Reductions = { symmetry: false, fusion: false, registers: false, cpus: false, sleep: false };

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

/** Objects with their scenarios, nothing wrong with them; one with a signal, one with a tracer; of AArch64 some with exclusive pairs, also on a task's own stack. */
const ROWS = [
  ['examples/explore/counter.o', 'count'],
  ['examples/explore/signal.o', 'one'],
  ['examples/explore/list.o', 'push_pop'],
  ['test/explore/examples/objects/stopped.o.gz', 'stopped'],
  ['test/explore/aarch64/scenarios-aarch64.o.gz', 'swap'],
  ['test/explore/aarch64/scenarios-aarch64.o.gz', 'own'],
  ['test/explore/aarch64/scenarios-aarch64.o.gz', 'count'],
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
    // With CPU symmetry one content stands for several: that is looked at elsewhere (soundness, symmetry.test.ts).
    const all = { ...ALL, cpus: false };
    const { memories } = await counts(path, scenario, 2, all);
    for (const off of ['symmetry', 'fusion', 'registers', 'sleep'] as const) {
      const without = await counts(path, scenario, 2, { ...all, [off]: false });
      expect({ off, ...without }).toMatchObject({ off, kind: 'verified', memories });
    }
  });
}

/** Scenarios with CPUs, and of how many of these CPU symmetry leaves less than so much of the states. */
const SYMMETRIC = [
  ['examples/explore/counter.o', 'count', 3, 1 / 3],
  ['examples/explore/lock.o', 'lock3', 2, 0.55],
  ['examples/explore/lock.o', 'lock3', 3, 1 / 5],
  // Setup fills the list of the first CPU: the two others are alike. So they are where a task drains the first.
  ['examples/explore/list.o', 'push_pop', 3, 0.6],
  ['examples/explore/slab.o', 'pop_drain', 3, 0.65],
] as const;

test.each(SYMMETRIC)(
  '%s %s, %i CPUs: CPU symmetry leaves so much of it: %d',
  async (path, scenario, cpus, part) => {
    const apart = await counts(path, scenario, cpus, { ...ALL, cpus: false });
    const alike = await counts(path, scenario, cpus, ALL);
    expect(apart.kind).toBe('verified');
    expect(alike.kind).toBe('verified');
    expect(alike.states).toBeLessThan(apart.states * part);
  },
);

test('a task that drains CPU 0 tells it from the other: without fences, that goes wrong as soon as ever', async () => {
  const [path, scenario] = ['examples/explore/slab-no-fence.o', 'push_pop_drain'];
  for (const cpus of [2, 3]) {
    const found = [];
    for (const reductions of [ALL, { ...ALL, cpus: false, sleep: false }]) {
      const { verdict, alike } = await exploreScenario(programOf(path), settings(scenario, cpus), {
        reductions,
        serial: false,
      });
      if (verdict.kind !== 'violation') throw new Error(verdict.kind);
      found.push({ cost: verdict.counterexample.cost, path: verdict.counterexample.path.length });
      expect(alike).toBe(reductions.cpus && cpus === 3);
    }
    expect(found[0]).toEqual(found[1]);
  }
});

test('sleep sets leave a fifth of the transitions out, and no count but that', async () => {
  const all = async (sleep: boolean) => {
    const { verdict } = await exploreScenario(
      programOf('examples/explore/list.o'),
      settings('push_pop3', 2),
      {
        reductions: { ...ALL, sleep },
        serial: false,
      },
    );
    const { slept, states, transitions, cost, memories, maxFrontier } = verdict;
    return { slept, counts: { states, transitions, cost, memories, maxFrontier } };
  };
  const [with_, without] = [await all(true), await all(false)];
  expect(with_.counts).toEqual(without.counts);
  expect(without.slept).toBe(0);
  expect(with_.slept).toBeGreaterThan(with_.counts.transitions / 5);
});

test.each([
  ['examples/explore/counter-bug.o', 'count', 2],
  ['examples/explore/slab-no-fence.o', 'pop_drain', 3],
  ['examples/explore/lock-bug.o', 'handler', 3],
] as const)(
  '%s %s: a counterexample that was found with CPUs exchanged can be told',
  async (path, scenario, cpus) => {
    const where = settings(scenario, cpus);
    const options = { reductions: ALL, serial: 'without-claims' } as const;
    const told = [];
    for (const plainStates of [0, 1e9]) {
      const explored = await exploreScenario(programOf(path), where, { ...options, plainStates });
      // Every act is really done: it throws where that comes to something else.
      const { verdict } = tellVerdict(explored, where, options, () => undefined);
      expect(explored.alike).toBe(true);
      told.push({ cost: verdict.counterexample!.cost, kind: verdict.counterexample!.violation.kind });
    }
    expect(told[0]).toEqual(told[1]);
  },
);
