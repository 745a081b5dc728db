import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ExploreDocument } from '../../src/explore/timeline.js';
import { oneErrorLine, rseqlab, shell, withFolder } from '../cli/command.js';
import { Live } from '../cli/live.js';

const RIGHT = 'examples/explore/counter.o';
const BUG = 'examples/explore/counter-bug.o';
/** Goes on for minutes, and takes memory slowly enough. */
const LONG = [
  ...['explore', '--cpus', '4', '--jobs', '1', '--max-memory', '1G', '--format', 'json'],
  ...[
    '--no-fusion',
    '--no-dead-registers',
    '--no-task-symmetry',
    '--no-cpu-symmetry',
    'examples/explore/counters.o',
  ],
];

describe('rseqlab explore', () => {
  it.each([
    [0, [RIGHT]],
    [1, [BUG]],
    [3, ['--max-aborts', '1', RIGHT]],
    [3, ['--max-states', '5', RIGHT]],
    [1, ['--max-aborts', '6', BUG]],
    [3, ['--max-aborts', '5', BUG]],
    [1, ['--exact', '--no-task-symmetry', '--no-fusion', '--no-dead-registers', '--jobs', '2', BUG]],
    [1, ['--no-cpu-symmetry', '--no-sleep-sets', BUG]],
  ])('ends with status %i: %j', (status, args) => {
    expect(rseqlab(['explore', ...args])).toMatchObject({ status, stderr: '' });
  });

  it.each([
    [['nowhere.o'], /cannot read nowhere\.o: there is no such file/],
    [['--cpus', '9', RIGHT], /--cpus 9: give a whole number from 1 to 8/],
    [['--kernel', 'x', RIGHT], /--kernel x: .*; give 4.18 or newer/],
    [['--scenario', 'x', RIGHT], /has no scenario x; it has count/],
    [['--oracle', 'x', RIGHT], /'x' is invalid.*auto, serial, claims/],
    [['--time', '0', RIGHT], /--time 0: give a whole number/],
    [['--max-memory', '1k', RIGHT], /--max-memory 1k/],
    [['--trace', 'no/where/bug.json', BUG], /cannot write no\/where\/bug\.json: there is no such file/],
    [['-o', 'no/where/bug.html', BUG], /cannot write no\/where\/bug\.html/],
    [['examples/run/counter'], /has no function main among its symbols/],
  ])('refuses %j', (args, message) => {
    expect(oneErrorLine(rseqlab(['explore', ...args]))).toMatch(message);
  });

  it('writes every format where it is told to', () => {
    withFolder((folder) => {
      const starts = { text: BUG, json: '{"schema"', html: '<!doctype html>', perfetto: '{', github: '::' };
      for (const [format, start] of Object.entries(starts)) {
        const file = join(folder, format);
        expect(rseqlab(['explore', '--format', format, '-o', file, BUG])).toEqual({
          status: 1,
          stdout: '',
          stderr: '',
        });
        expect(readFileSync(file, 'utf8').replace(/\s/g, '').toLowerCase()).toMatch(
          new RegExp(`^${start.replace(/\s/g, '').replace(/[{]/g, '\\{')}`),
        );
      }
    });
  });

  it('leaves an old trace as it is where there is no counterexample', () => {
    withFolder((folder) => {
      const file = join(folder, 'bug.json');
      writeFileSync(file, 'old');
      expect(rseqlab(['explore', '--trace', file, RIGHT]).status).toBe(0);
      expect(readFileSync(file, 'utf8')).toBe('old');
    });
  });
});

describe('a search that is broken off', () => {
  const terminal = shell('command -v script').status === 0;
  const underWay = async (): Promise<Live> => {
    const live = new Live(LONG, { terminal: true });
    await live.until(({ stdout }) =>
      /\w+: \d+ states, \d+k\/s, \d+ to look at, \d+ interrupts, \d+ MiB, \d+ s/.test(stdout),
    );
    return live;
  };

  it.skipIf(!terminal).each([
    ['Ctrl-C', (live: Live): void => live.write('\u0003')],
    ['SIGTERM', (live: Live): unknown => process.kill(live.leaf, 'SIGTERM')],
  ] as const)('by %s gives the verdict so far', async (_, breakOff) => {
    const live = await underWay();
    breakOff(live);
    expect(await live.status()).toBe(3);
    const { results } = JSON.parse(
      live.stdout.slice(live.stdout.lastIndexOf('\u001b[K') + 3),
    ) as ExploreDocument;
    expect(results).toHaveLength(7);
    expect(results.at(-1)).toMatchObject({ verdict: 'bounded', bound: { kind: 'interrupted' } });
  });
});
