import { expect, it } from 'vitest';
import { exploreFile } from '../../src/explore/api.js';
import { type Arch, BOTH, pathOf } from '../explore/aarch64/manifest.js';
import { objectOf } from '../explore/examples/runs.js';
import { hold } from '../explore/soundness/campaign.js';

async function verdictOf(object: string, arch: Arch, scenario: string) {
  const path = pathOf(object, arch);
  const surroundings = { lines: () => undefined, version: '0.0.0' };
  const { document } = await exploreFile({ path, bytes: objectOf(path) }, { scenario }, surroundings);
  return document.results[0]!;
}

it.each(BOTH)('%s %s: AArch64 is as x86-64', async (object, scenario, verdict, memories) => {
  const all = [await verdictOf(object, 'aarch64', scenario), await verdictOf(object, 'x86-64', scenario)];
  for (const each of all) expect(each).toMatchObject({ verdict, counts: { memories } });
  const [one, other] = all.map(({ counterexample }) => [
    counterexample?.violation.kind,
    counterexample?.violation.text,
    counterexample?.cost,
  ]);
  expect(one).toEqual(other);
});

const ALL = [...BOTH.map(([object, scenario]) => [object, scenario] as const), ['lse', 'atomic'] as const];

it.each(ALL)('%s %s: every way to explore, and runs', async (object, scenario) => {
  const path = pathOf(object, 'aarch64');
  const what = { name: path, bytes: objectOf(path), scenario, kernel: '6.18', debugRseq: false, cpus: 2 };
  expect((await hold(what, { maxStates: 100_000, seeds: 20, jobs: true })).wrong).toEqual([]);
});
