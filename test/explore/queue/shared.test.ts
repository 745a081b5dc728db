import { describe, expect, it } from 'vitest';
import { Disagreement, Hand } from '../../../src/explore/queue/hand.js';
import { Shared } from '../../../src/explore/queue/shared.js';
import { explore } from '../../../src/explore/search.js';
import type { Options, Verdict } from '../../../src/explore/verdict.js';
import { exploreHost } from '../../../src/node/explore-host.js';
import { counterModel } from '../engine/counter-model.js';
import { numbers, randomModel, semanticsOf } from '../engine/random-model.js';
import { reference } from '../engine/reference.js';
import { CarelessBoard, type Carelessness } from './careless-board.js';

const NONE: Carelessness = { dies: 0, loses: 0, doubles: 0, forgets: 0 };

/** All that must not depend on who expanded what. */
function core(verdict: Verdict) {
  const { kind, states, transitions, cost, locals, memories, cells, maxFrontier } = verdict;
  const result = { kind, states, transitions, cost, locals, memories, cells, maxFrontier };
  return verdict.kind === 'violation' ? { ...result, example: verdict.counterexample } : result;
}

describe('a search that is shared', () => {
  const care: [string, Carelessness, Options][] = [
    ['by workers who live', NONE, {}],
    ['by workers who live, whole states', NONE, { exact: true }],
    ['by workers who die', { ...NONE, dies: 10 }, {}],
    ['where answers are lost', { ...NONE, loses: 10 }, {}],
    ['where pieces are done twice', { ...NONE, doubles: 30 }, { symmetry: false }],
    ['by workers without much memory', { ...NONE, forgets: 30 }, {}],
    ['where everything happens', { dies: 5, loses: 5, doubles: 20, forgets: 10 }, {}],
  ];

  it.each(care)('%s: counts are as if it were not', async (_, what, options) => {
    const model = () => counterModel({ tasks: 3, cpus: 2, increments: 2, signals: 0 });
    const alone = core(await explore(model, { symmetry: false, ...options }));
    for (const seed of [1, 2]) {
      const board = new CarelessBoard(model, numbers(seed), what);
      const sharing = new Shared(board, { scenario: '', facts: () => ({}) }, 1);
      expect(core(await explore(model, { symmetry: false, ...options, sharing }))).toEqual(alone);
      for (const [name, often] of Object.entries(what))
        if (often > 0) expect(board.happened[name as keyof Carelessness]).toBeGreaterThan(0);
      expect(board.happened.answered).toBeGreaterThan(100);
    }
  });

  it.each(care)('%s: the verdict on made-up programs is the right one', async (_, what, options) => {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const model = randomModel(seed);
      if (reference(model, options.symmetry !== false, 2000) === undefined) continue;
      const make = () => semanticsOf(model);
      const alone = await explore(make, options);
      const board = new CarelessBoard(make, numbers(seed), what);
      const sharing = new Shared(board, { scenario: '', facts: () => ({}) }, 1);
      const shared = await explore(make, { ...options, sharing });
      expect({ seed, ...core(shared) }).toEqual({ seed, ...core(alone) });
      kinds.add(shared.kind);
    }
    expect([...kinds].sort()).toEqual(['verified', 'violation']);
  });

  it('is left by a worker to whom the program does something else', async () => {
    const model = () => semanticsOf(randomModel(3));
    const options = { jobs: 1, maxMemory: 2 ** 30, host: exploreHost };
    const board = new CarelessBoard(model, numbers(1), NONE);
    await explore(model, { sharing: new Shared(board, { scenario: '', facts: () => ({}) }) });
    const hand = new Hand(model(), board.plan!.settings, 1, options);
    await expect(hand.follow(new Int32Array(0), 4711)).rejects.toThrow(Disagreement);
    await expect(hand.follow(Int32Array.of(0, 99, 99, 0), 4711)).rejects.toThrow(Disagreement);
  });
});
