import { describe, expect, it } from 'vitest';
import { explore } from '../../../src/explore/search.js';
import { sortingNetwork } from '../../../src/explore/state-code.js';
import type { Verdict } from '../../../src/explore/verdict.js';
import { exploreHost } from '../../../src/node/explore-host.js';
import { counterModel } from './counter-model.js';

/**
 * What SPIN 6.5.2 counts on the Promela model of the same algorithm (`spin -DN=tasks -DC=cpus -DK=increments -DS=signals -a`,
 * `gcc -DSAFETY -DNOREDUCE`): tasks, cpus, increments, signals; states stored, transitions.
 */
const SPIN = [
  [1, 1, 2, 1, 37, 70],
  [2, 1, 2, 1, 621, 1362],
  [2, 2, 2, 0, 855, 2798],
  [2, 2, 1, 2, 7008, 25_746],
  [2, 2, 2, 1, 7953, 29_890],
  [2, 3, 2, 1, 40_382, 168_926],
  [3, 2, 2, 0, 10_871, 41_438],
  [3, 2, 1, 1, 40_475, 167_876],
  [4, 2, 1, 0, 11_134, 44_498],
  [3, 3, 2, 0, 97_718, 496_883],
  [3, 2, 3, 1, 927_746, 4_090_790],
] as const;
const parametersOf = ([tasks, cpus, increments, signals]: readonly number[]) => ({
  tasks: tasks!,
  cpus: cpus!,
  increments: increments!,
  signals: signals!,
});
const large = parametersOf([3, 2, 3, 1]);

const core = ({ kind, states, transitions, cost, locals, memories, cells, maxFrontier }: Verdict) => {
  return { kind, states, transitions, cost, locals, memories, cells, maxFrontier };
};

describe('the packed counter', () => {
  // SPIN has one state more, that before its init process runs; its transitions are states stored and states met again, so the first
  // state and the step of init count as two.
  it.each(SPIN)('tasks %i, cpus %i, increments %i, signals %i: %i states', async (...row) => {
    const verdict = await explore(() => counterModel(parametersOf(row)), { symmetry: false });
    expect(verdict).toMatchObject({ kind: 'verified', states: row[4] - 1, transitions: row[5] - 2 });
  });

  it.each(SPIN.slice(0, -1))('%i %i %i %i: as many where nothing costs anything', async (...row) => {
    const verdict = await explore(() => counterModel({ ...parametersOf(row), costs: false }), {
      symmetry: false,
    });
    expect(verdict).toMatchObject({ kind: 'verified', states: row[4] - 1, transitions: row[5] - 2, cost: 0 });
  });

  it('has fewer states with task symmetry, down to a sixth for three tasks', async () => {
    const { states } = await explore(() => counterModel(large));
    expect(states).toBeGreaterThanOrEqual(927_745 / 6);
    expect(states).toBeLessThan(927_745 / 5);
  });

  it('takes no more than 32 bytes for a state', async () => {
    const { bytes, states } = await explore(() => counterModel(large), { symmetry: false });
    expect(bytes / states).toBeLessThanOrEqual(32);
  });

  it('comes out the same with 1, 2 and 3 threads, and with whole states', async () => {
    const alone = await explore(() => counterModel(large), { symmetry: false });
    for (const jobs of [2, 3]) {
      const shared = await explore(() => counterModel(large), { symmetry: false, jobs, host: exploreHost });
      expect(core(shared)).toEqual(core(alone));
    }
    const exact = await explore(() => counterModel(large), {
      symmetry: false,
      exact: true,
      jobs: 2,
      host: exploreHost,
    });
    expect(core(exact)).toEqual(core(alone));
    expect(exact).toMatchObject({ exact: true, collision: 0 });
    expect(alone.exact).toBe(false);
    expect(alone.collision).toBeCloseTo(927_745 ** 2 / 2 ** 65, 12);
  });

  it('is found wrong without aborts, by the same path for any number of threads', async () => {
    const wrong = () => counterModel({ ...large, bug: true });
    const alone = await explore(wrong);
    expect(alone).toMatchObject({
      kind: 'violation',
      counterexample: { violation: { kind: 'invariant', id: 0 }, cost: 4 },
    });
    for (const jobs of [2, 3]) {
      const shared = await explore(wrong, { jobs, shareFrom: 1, host: exploreHost });
      expect(core(shared)).toEqual(core(alone));
      expect(shared).toHaveProperty('counterexample', alone.kind === 'violation' && alone.counterexample);
    }
  });
});

describe('sorting networks', () => {
  it.each(Array.from({ length: 12 }, (_, inputs) => inputs + 1))(
    'of %i inputs sort zeros and ones, so everything',
    (inputs) => {
      const network = sortingNetwork(inputs);
      for (let bits = 0; bits < 2 ** inputs; bits++) {
        const values = Array.from({ length: inputs }, (_, at) => (bits >> at) & 1);
        for (const [a, b] of network)
          if (values[a]! > values[b]!) [values[a], values[b]] = [values[b]!, values[a]!];
        expect(values).toEqual([...values].sort());
      }
    },
  );
});
