import { describe, expect, it } from 'vitest';
import { below, oneOf, type RandomWords, randomWords } from '../../../src/kernel/random.js';
import { axiomaticEnds } from './axioms.js';
import { endsOf, type How, type Program, programOf } from './programs.js';
import { PUBLISHED, type Published } from './published.js';
import { machineEnds } from './reference.js';

const TSO = { storeBuffer: 8 };
const PLACES: Readonly<Record<string, number>> = { x: 0, y: 8, z: 16 };

function shows({ reads, memory = {} }: Published, end: string): boolean {
  const [seen, bytes] = end.split(' || ') as [string, string];
  const values = seen.split(' | ').map((each) => (each === '' ? [] : each.split(' ').map(Number)));
  return (
    reads.every((each, task) =>
      each.every((value, n) => value === undefined || values[task]![n] === value),
    ) && Object.entries(memory).every(([name, value]) => Buffer.from(bytes, 'hex')[PLACES[name]!] === value)
  );
}

const sorted = (ends: ReadonlySet<string>): string[] => [...ends].sort();

describe('published litmus tests', () => {
  it.each(PUBLISHED)('$name: tso $tso, sc $sc', async (test) => {
    const program = programOf(test.tasks);
    const { ends } = await endsOf(program, TSO);
    expect([...ends].some((end) => shows(test, end))).toBe(test.tso);
    // Not the outcome alone: all of them, as the abstract machine and the axioms have them.
    expect(sorted(ends)).toEqual(sorted(machineEnds(program, true)));
    expect(sorted(ends)).toEqual(sorted(axiomaticEnds(program, true)));
    expect([...machineEnds(program, false)].some((end) => shows(test, end))).toBe(test.sc);
  });

  it.each(PUBLISHED.filter(({ tso }) => tso))('$name without store buffers: $sc', async (test) => {
    const program = programOf(test.tasks);
    const { ends } = await endsOf(program);
    expect([...ends].some((end) => shows(test, end))).toBe(test.sc);
    expect(sorted(ends)).toEqual(sorted(machineEnds(program, false)));
    expect(sorted(ends)).toEqual(sorted(axiomaticEnds(program, false)));
  });

  const some = ['iwp2.4/amd9', 'amd3', 'iwp2.8.a', 'n5', 'n6', 'n7', 'R'];
  it.each(PUBLISHED.filter(({ name }) => some.includes(name)))(
    '$name: interruptions, and the lack of reductions, change nothing',
    async ({ tasks }) => {
      const program = programOf(tasks);
      const all = sorted(machineEnds(program, true));
      const plain = { fusion: false, registers: false };
      for (const how of [{ interruptions: true }, plain] satisfies How[])
        expect(sorted((await endsOf(program, { ...TSO, ...how })).ends)).toEqual(all);
    },
  );
});

describe('random programs', () => {
  const words = (random: RandomWords): Program =>
    programOf(
      Array.from({ length: 2 + below(random, 2) }, (_, task) =>
        Array.from({ length: task === 2 ? 2 : 2 + below(random, 2) }, () =>
          oneOf(random, ['Wx=1', 'Wx=2', 'Wy=1', 'Wy=2', 'Rx', 'Ry', 'mfence', 'xchg.x=3']),
        ).join(' '),
      ),
    );

  it.each(Array.from({ length: 10 }, (_, seed) => seed + 1))('%i: whole variables', async (seed) => {
    const program = words(randomWords(seed));
    const { ends } = await endsOf(program, TSO);
    expect(sorted(ends)).toEqual(sorted(machineEnds(program, true)));
    expect(sorted(ends)).toEqual(sorted(axiomaticEnds(program, true)));
  });

  /** Accesses of all sizes, aligned or not, across words and lines; x and y are neighbours, and w ends with a line. */
  const part = (random: RandomWords): string => {
    const size = oneOf(random, [1, 2, 4, 8]);
    const at = `${oneOf(random, ['x', 'w'])}+${below(random, 9)}`;
    return oneOf(random, [
      `W${at}:${size}=${1 + below(random, 100)}`,
      `W${at}:${size}=${1 + below(random, 100)}`,
      `R${at}:${size}`,
      `R${at}:${size}`,
      `Wx${oneOf(random, ['', '+4', '+8'])}:16=${1 + below(random, 100)}`,
      'xadd.x=1',
      'lock-xadd.x=1',
      'mfence',
    ]);
  };

  it.each(Array.from({ length: 20 }, (_, seed) => seed + 1))('%i: parts of words', async (seed) => {
    const random = randomWords(1000 + seed);
    const program = programOf(
      [2, 2 + below(random, 2)].map((length) => Array.from({ length }, () => part(random)).join(' ')),
    );
    const tso = seed % 5 !== 0;
    const { ends } = await endsOf(program, tso ? TSO : {});
    expect(sorted(ends)).toEqual(sorted(machineEnds(program, tso)));
  });
});

describe('what empties a store buffer', () => {
  /** Both see nothing of the other: with each of these between store and load. */
  it.each([
    ['getpid', 'getpid', true],
    ['sched_yield', 'sched_yield', false],
    ['sched_yield', 'getpid', true],
    ['membarrier', 'membarrier', false],
    ['membarrier', 'getpid', false],
    ['membarrier-global', 'getpid', false],
    ['membarrier-query', 'membarrier-query', true],
    ['lock-xadd.z=1', 'mfence', false],
    ['xadd.z=1', 'mfence', true],
    ['xchg.z=1', 'xchg.w=1', false],
  ])('%s and %s: %s', async (a, b, seen) => {
    const program = programOf([`Wx=1 ${a} Ry`, `Wy=1 ${b} Rx`]);
    const { ends } = await endsOf(program, TSO);
    const [first, second] = [a, b].map((each) => (each.includes('.') ? 1 : 0));
    expect(
      [...ends].some((end) => {
        const [p, q] = end
          .split(' || ')[0]!
          .split(' | ')
          .map((each) => each.split(' '));
        return p![first!] === '0' && q![second!] === '0';
      }),
    ).toBe(seen);
    expect(sorted(ends)).toEqual(sorted(machineEnds(program, true)));
  });
});

describe('the size of a store buffer', () => {
  const program = programOf(['Wx=1 Wx=2 Wx=3 Ry', 'Wy=1 Wy=2 Wy=3 Rx']);

  it('is what a task waits for', async () => {
    const small = await endsOf(program, { storeBuffer: 1 });
    expect(small).toMatchObject({ longest: 1, full: true });
    expect(sorted(small.ends)).not.toContain(expect.stringMatching(/^0 \| 0/));
    const large = await endsOf(program, { storeBuffer: 3 });
    expect(large).toMatchObject({ longest: 3, full: false });
    expect(sorted(large.ends)).toEqual(sorted(machineEnds(program, true)));
    expect(large.counts.states).toBeGreaterThan(small.counts.states);
  });

  it('may be smaller than what one instruction stores', async () => {
    const wide = programOf(['Wx+4:16=7 Ry', 'Ry Rx']);
    const { ends, longest } = await endsOf(wide, { storeBuffer: 1 });
    expect(longest).toBe(3);
    expect(sorted(ends)).toEqual(sorted(machineEnds(wide, true)));
  });
});
