import { describe, expect, it } from 'vitest';
import { explore } from '../../../src/explore/search.js';
import type { Options } from '../../../src/explore/verdict.js';
import { exploreHost } from '../../../src/node/explore-host.js';
import { follow, summary } from './following.js';
import { randomModel, semanticsOf } from './random-model.js';
import { reference } from './reference.js';

const seeds = Array.from({ length: 300 }, (_, seed) => seed + 1);

describe('random models', () => {
  const variants: { name: string; options: Options }[] = [
    { name: 'with task symmetry', options: {} },
    { name: 'without', options: { symmetry: false } },
    { name: 'with whole states', options: { exact: true } },
    { name: 'without sleep sets', options: { sleep: false } },
  ];
  it.each(variants)(
    '$name: the same verdict and counts as a search with a set of strings',
    async ({ options }) => {
      const kinds = new Map<string, number>();
      for (const seed of seeds) {
        const model = randomModel(seed);
        const expected = reference(model, options.symmetry !== false, 3000);
        if (expected === undefined) continue;
        const verdict = await explore(() => semanticsOf(model), options);
        const { what, violationCost, ...counts } = expected;
        expect({ seed, ...summary(verdict) }).toEqual({ seed, ...counts });
        if (verdict.kind === 'violation') {
          const followed = follow(model, verdict);
          expect({
            seed,
            followed: what!.split(', ').includes(followed),
            cost: verdict.counterexample.cost,
          }).toEqual({
            seed,
            followed: true,
            cost: violationCost,
          });
        }
        const kind = what?.split(' ')[0] ?? 'verified';
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
      // All that can come out did come out.
      expect([...kinds.keys()].sort()).toEqual([
        'bad',
        'deadlock',
        'end',
        'invariant',
        'livelock',
        'verified',
      ]);
    },
  );

  it('come out the same with three threads', async () => {
    for (const seed of seeds.slice(0, 60)) {
      const model = randomModel(seed);
      const alone = await explore(() => semanticsOf(model));
      const shared = await explore(() => semanticsOf(model), { jobs: 3, shareFrom: 1, host: exploreHost });
      expect({ seed, ...summary(shared) }).toEqual({ seed, ...summary(alone) });
      if (alone.kind === 'violation') expect(shared).toHaveProperty('counterexample', alone.counterexample);
    }
  });
});
