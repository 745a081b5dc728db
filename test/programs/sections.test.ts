import { describe, expect, it } from 'vitest';
import { type Simulated, simulate } from '../kernel/simulated.js';

const THREADS = 6;
const ROUNDS = 200;
const SEEDS = Array.from({ length: 10 }, (_, seed) => seed + 1);
const COUNT = THREADS * ROUNDS;
const RIGHT = {
  status: 0,
  stdout: `${THREADS} threads, ${ROUNDS} rounds: counted ${COUNT}, under locks ${COUNT}, listed 64\n`,
};

const run = (library: string, schedule: string, cpus: number, seed: number): Simulated =>
  simulate({
    program: `test/programs/${library}.gz`,
    arguments: ['rseq', `${THREADS}`, `${ROUNDS}`],
    schedule,
    cpus,
    seed,
    maxInstructions: 50_000_000,
  });
const abortsOf = ({ events }: Simulated): number => events.filter(({ kind }) => kind === 'abort').length;

/** Counters, lists and locks of CPUs, with signals whose handlers count too: the program itself looks whether anything was lost. */
describe.each([
  ['musl', 'random', 1],
  ['musl', 'random', 2],
  ['musl', 'random', 4],
  ['musl', 'aborts', 2],
  ['musl', 'pct:3', 2],
  ['glibc', 'random', 2],
  ['glibc', 'aborts', 4],
  ['musl-aarch64', 'random', 2],
  ['musl-aarch64', 'aborts', 2],
  ['glibc-aarch64', 'aborts', 4],
] as const)('sections with %s, schedule %s, %s CPUs', (library, schedule, cpus) => {
  it('lose nothing under ten seeds, and are aborted', () => {
    const aborts = SEEDS.map((seed) => {
      const result = run(library, schedule, cpus, seed);
      expect({ seed, status: result.status, stdout: result.stdout }).toEqual({ seed, ...RIGHT });
      return abortsOf(result);
    });
    expect(Math.max(...aborts)).toBeGreaterThan(0);
    expect(new Set(aborts).size).toBeGreaterThan(1);
    // A schedule that looks for sections finds many more.
    if (schedule === 'aborts') expect(Math.min(...aborts)).toBeGreaterThan(COUNT / 4);
  });
});

it('one seed is one run, of the same events', () => {
  const hashes = SEEDS.map(() => run('musl', 'random', 2, 7).hash);
  expect(new Set(hashes).size).toBe(1);
});
