import { describe, expect, it } from 'vitest';
import { explore } from '../../../src/explore/search.js';
import type { Options, Verdict } from '../../../src/explore/verdict.js';
import { exploreHost } from '../../../src/node/explore-host.js';
import { type Model, randomModel, semanticsOf } from './random-model.js';
import { type Plain, reference, stepOf } from './reference.js';

const seeds = Array.from({ length: 300 }, (_, seed) => seed + 1);

function summary(verdict: Verdict) {
  const { kind, states, transitions, cost, maxFrontier } = verdict;
  return { kind, states, transitions, cost, maxFrontier };
}

/** Follows the path of a counterexample in the model: says what the violation is there. */
function follow(model: Model, verdict: Verdict & { kind: 'violation' }): string {
  const { path, violation, cost } = verdict.counterexample;
  const text = 'id' in violation ? `${violation.kind} ${violation.id}` : violation.kind;
  let state: Plain = { locals: model.start, values: Array(model.cells).fill(0) };
  let paid = 0;
  for (const [at, { task, label }] of path.entries()) {
    const step = stepOf(model, state, task, label);
    paid += model.locals[state.locals[task]!]!.edges[label]!.cost;
    if (step === undefined) return `step ${at} cannot be taken`;
    if (step.kind === 'violation') {
      if (at !== path.length - 1) return `violation too early`;
      return step.what === text && paid === cost ? text : `${step.what} at cost ${paid}`;
    }
    state = step.state;
  }
  if (paid !== cost) return `cost ${paid}`;
  const finished = state.locals.every((local) => model.locals[local]!.finished);
  if (violation.kind === 'end') return finished && model.badEnd(state.locals, state.values) ? text : 'no end';
  const steps = state.locals.flatMap((local, task) =>
    model.locals[local]!.edges.map((_, index) => stepOf(model, state, task, index)),
  );
  if (violation.kind === 'deadlock')
    return !finished && steps.every((step) => step === undefined) ? text : 'free';
  return text;
}

describe('random models', () => {
  const variants: { name: string; options: Options }[] = [
    { name: 'with task symmetry', options: {} },
    { name: 'without', options: { symmetry: false } },
    { name: 'with whole states', options: { exact: true } },
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
