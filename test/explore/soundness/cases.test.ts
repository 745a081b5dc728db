import { expect, it } from 'vitest';
import { objectOf } from '../examples/runs.js';
import { hold } from './campaign.js';
import { ALL, NONE } from './explored.js';
import { CASES } from './manifest.js';

it.each(CASES)(
  '$name, kernel $kernel, $cpus CPUs',
  async ({ name, kernel = '6.18', debugRseq = false, cpus = 2, outcome }) => {
    const bytes = objectOf(`test/explore/soundness/cases/objects/${name}.o.gz`);
    const held = await hold(
      { name, bytes, kernel, debugRseq, cpus },
      { maxStates: 100_000, seeds: 3, combinations: [NONE, ALL] },
    );
    expect(held.wrong).toEqual([]);
    if (typeof outcome === 'string') expect(held.outcome).toBe(outcome);
    else expect(held.refusal).toMatch(outcome);
  },
);
