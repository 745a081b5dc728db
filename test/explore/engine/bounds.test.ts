import { describe, expect, it } from 'vitest';
import { explore } from '../../../src/explore/search.js';
import type { Options, Verdict } from '../../../src/explore/verdict.js';
import { exploreHost } from '../../../src/node/explore-host.js';
import { counterModel } from './counter-model.js';
import { randomModel, semanticsOf } from './random-model.js';
import { reference } from './reference.js';

const counter = () => counterModel({ tasks: 3, cpus: 2, increments: 2, signals: 0 });
const STATES = 10_870;
const small = { symmetry: false, roundStates: 512 } as const;

/** What must not depend on how a search was cut into pieces. */
function core(verdict: Verdict) {
  const { states, transitions, cost, locals, memories, cells, maxFrontier } = verdict;
  const result = { states, transitions, cost, locals, memories, cells, maxFrontier };
  return verdict.kind === 'violation' ? { ...result, example: verdict.counterexample } : result;
}

/** Runs a search that is stopped and taken up again every so many states. */
async function inPieces(semantics: Parameters<typeof explore>[0], every: number, options: Options) {
  let resume: Uint8Array | undefined;
  for (let pieces = 1; ; pieces++) {
    let saved: Uint8Array | undefined;
    const verdict = await explore(semantics, {
      ...options,
      maxStates: pieces * every,
      ...(resume === undefined ? {} : { resume }),
      checkpoint: {
        write(bytes) {
          saved = bytes;
        },
      },
    });
    if (verdict.kind !== 'bounded') return { verdict, pieces };
    resume = saved!;
  }
}

describe('bounds', () => {
  it('end the search when there are enough states, and say so', async () => {
    const verdict = await explore(counter, { ...small, maxStates: 2000 });
    expect(verdict).toMatchObject({ kind: 'bounded', bound: 'states' });
    expect(verdict.states).toBeGreaterThanOrEqual(2000);
    expect(verdict.states).toBeLessThan(STATES);
  });

  it('end it behind a number of switches and interrupts', async () => {
    const verdict = await explore(counter, { ...small, maxCost: 3 });
    expect(verdict).toMatchObject({ kind: 'bounded', bound: 'cost', cost: 3 });
  });

  it('end it when memory would not suffice', async () => {
    const parameters = { tasks: 3, cpus: 2, increments: 3, signals: 1 };
    const maxMemory = 8 * 2 ** 20;
    const verdict = await explore(() => counterModel(parameters), { symmetry: false, maxMemory });
    expect(verdict).toMatchObject({ kind: 'bounded', bound: 'memory' });
    expect(verdict.bytes).toBeLessThanOrEqual(maxMemory);
  });

  it('end it when the time is over', async () => {
    expect(await explore(counter, { ...small, time: 0 })).toMatchObject({ kind: 'bounded', bound: 'time' });
  });

  it('end it when it is told to', async () => {
    const signal = { aborted: false };
    const rest = async () => {
      signal.aborted = true;
    };
    const parameters = { tasks: 4, cpus: 2, increments: 2, signals: 1 };
    const host = { ...exploreHost, rest };
    const verdict = await explore(() => counterModel(parameters), {
      symmetry: false,
      signal,
      host,
      roundStates: 64,
    });
    expect(verdict).toMatchObject({ kind: 'bounded', bound: 'interrupt' });
  });

  it('do not hide a violation that is known', async () => {
    const parameters = { tasks: 3, cpus: 2, increments: 2, signals: 0, bug: true };
    const whole = await explore(() => counterModel(parameters), { roundStates: 64 });
    const verdict = await explore(() => counterModel(parameters), {
      roundStates: 64,
      maxStates: whole.states - 1,
    });
    expect(verdict.kind).toBe('violation');
  });

  it('say how far the search is', async () => {
    const parameters = { tasks: 3, cpus: 2, increments: 3, signals: 1 };
    const seen: number[] = [];
    const verdict = await explore(() => counterModel(parameters), {
      symmetry: false,
      roundStates: 1024,
      onProgress: ({ states, frontier, bytes }) => {
        expect(frontier).toBeGreaterThan(0);
        expect(bytes).toBeGreaterThan(0);
        seen.push(states);
      },
    });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1) ?? 0).toBeLessThanOrEqual(verdict.states);
  });
});

describe('a saved search', () => {
  it.each([{}, { exact: true }, { symmetry: true }])(
    'ends as one that was not stopped: %o',
    async (options) => {
      const whole = await explore(counter, { ...small, ...options });
      const { verdict, pieces } = await inPieces(counter, 700, { ...small, ...options });
      expect(pieces).toBeGreaterThan(2);
      expect(core(verdict)).toEqual(core(whole));
    },
  );

  it('may go on with another number of threads', async () => {
    const whole = await explore(counter, small);
    const { verdict } = await inPieces(counter, 2500, { ...small, jobs: 2, shareFrom: 1, host: exploreHost });
    expect(core(verdict)).toEqual(core(whole));
  });

  it('of random models too, whatever they end with', async () => {
    let resumed = 0;
    for (let seed = 1; seed <= 120; seed++) {
      const model = randomModel(seed);
      if (reference(model, true, 3000) === undefined) continue;
      const options = { roundStates: 16 };
      const whole = await explore(() => semanticsOf(model), options);
      const { verdict, pieces } = await inPieces(
        () => semanticsOf(model),
        1 + Math.ceil(whole.states / 5),
        options,
      );
      if (pieces > 1) resumed++;
      expect({ seed, kind: verdict.kind }).toEqual({ seed, kind: whole.kind });
      // A bound may end a level early in which a violation is known: then only what was found counts.
      if (whole.kind === 'verified') expect({ seed, ...core(verdict) }).toEqual({ seed, ...core(whole) });
    }
    expect(resumed).toBeGreaterThan(30);
  });

  it('is refused where it does not fit', async () => {
    const saved: Uint8Array[] = [];
    const checkpoint = { write: (bytes: Uint8Array) => void saved.push(bytes) };
    await explore(counter, { ...small, maxStates: 2000, checkpoint });
    const [resume] = saved as [Uint8Array];
    const other = () => counterModel({ tasks: 3, cpus: 2, increments: 1, signals: 0 });
    await expect(explore(other, { ...small, resume })).rejects.toThrow('another program');
    await expect(explore(counter, { resume })).rejects.toThrow('other tasks or options');
    await expect(explore(counter, { ...small, resume: resume.slice(0, -1) })).rejects.toThrow('cut off');
    await expect(explore(counter, { ...small, resume: new Uint8Array(3) })).rejects.toThrow(
      'not a checkpoint',
    );
  });
});
