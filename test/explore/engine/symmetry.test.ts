import { describe, expect, it } from 'vitest';
import { explore } from '../../../src/explore/search.js';
import { type Resource, Unlike } from '../../../src/explore/turns.js';
import type { Options, Verdict } from '../../../src/explore/verdict.js';
import { exploreHost } from '../../../src/node/explore-host.js';
import { counterModel } from './counter-model.js';
import { follow, summary } from './following.js';
import { type Model, semanticsOf } from './random-model.js';
import { reference } from './reference.js';
import { symmetricModel } from './symmetric-model.js';

const seeds = Array.from({ length: 200 }, (_, seed) => seed + 1);
const MOST = 4000;

/** With CPUs exchanged for one another as long as none is found to differ. The second pass too. */
async function exchanged(
  model: Model,
  cpus: number,
  options: Options = {},
): Promise<{ readonly verdict: Verdict; readonly apart: number }> {
  const unlike = new Set<string>();
  for (;;) {
    const classes: Resource[][] = [];
    for (let cpu = 0; cpu < cpus; cpu++) {
      const found = classes.find((all) => !all.some(([other]) => unlike.has(`${other},${cpu}`)));
      if (found === undefined) classes.push([[cpu]]);
      else found.push([cpu]);
    }
    try {
      const verdict = await explore(() => semanticsOf(model, classes), { plainStates: 0, ...options });
      return { verdict, apart: unlike.size };
    } catch (error) {
      if (!(error instanceof Unlike)) throw error;
      unlike.add(error.pair.join());
    }
  }
}

describe('CPU symmetry in random models', () => {
  const variants: { name: string; options: Options }[] = [
    { name: 'with task symmetry and sleep sets', options: {} },
    { name: 'by itself', options: { symmetry: false, sleep: false } },
    { name: 'with whole states', options: { exact: true } },
  ];
  it.each(variants)('$name: verdict and counts are those of states that are one', async ({ options }) => {
    const kinds = new Map<string, number>();
    let reduced = 0;
    for (const seed of seeds) {
      const { model, cpus, broken, images } = symmetricModel(seed);
      const { symmetry = true } = options;
      const plain = reference(model, symmetry, MOST);
      if (plain === undefined) continue;
      const { verdict, apart } = await exchanged(model, cpus, options);
      const { kind, cost } = summary(verdict);
      expect({ seed, kind, cost }).toEqual({ seed, kind: plain.kind, cost: plain.cost });
      if (verdict.kind === 'violation') {
        const followed = follow(model, verdict);
        expect({ seed, cost: verdict.counterexample.cost }).toEqual({ seed, cost: plain.violationCost });
        expect({ seed, followed, known: plain.what!.split(', ').includes(followed) }).toMatchObject({
          seed,
          known: true,
        });
      }
      expect(verdict.states).toBeLessThanOrEqual(plain.states);
      if (!broken) {
        expect({ seed, apart }).toEqual({ seed, apart: 0 });
        const { what: _, violationCost: __, ...counts } = reference(model, symmetry, MOST, images)!;
        expect({ seed, ...summary(verdict) }).toEqual({ seed, ...counts });
        if (verdict.states < plain.states) reduced++;
      }
      const what = `${broken ? (apart > 0 ? 'apart' : 'broken') : 'alike'} ${kind}`;
      kinds.set(what, (kinds.get(what) ?? 0) + 1);
    }
    expect(reduced).toBeGreaterThan(50);
    expect([...kinds.keys()].sort()).toEqual(
      ['alike', 'apart', 'broken'].flatMap((what) => [`${what} verified`, `${what} violation`]),
    );
  });

  it('comes out the same with three threads', async () => {
    for (const seed of seeds.slice(0, 40)) {
      const { model, cpus } = symmetricModel(seed);
      if (reference(model, true, MOST) === undefined) continue;
      const alone = await exchanged(model, cpus);
      const shared = await exchanged(model, cpus, { jobs: 3, shareFrom: 1, host: exploreHost });
      expect({ seed, ...summary(shared.verdict) }).toEqual({ seed, ...summary(alone.verdict) });
      if (alone.verdict.kind === 'violation')
        expect(shared.verdict).toHaveProperty('counterexample', alone.verdict.counterexample);
    }
  });
});

describe('sleep sets', () => {
  const parameters = { tasks: 3, cpus: 2, increments: 2, signals: 0 };
  it('leave transitions out, and change no count', async () => {
    const [without, asleep] = [
      await explore(() => counterModel(parameters), { sleep: false }),
      await explore(() => counterModel(parameters)),
    ];
    expect(summary(asleep)).toEqual(summary(without));
    expect(without.slept).toBe(0);
    expect(asleep.slept).toBeGreaterThan(asleep.transitions / 10);
  });
});
