import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ExploreDocument } from '../../../src/explore/timeline.js';
import { oneErrorLine, rseqlab } from '../../cli/command.js';
import { Live } from '../../cli/live.js';

const COUNTERS = 'examples/explore/counters.o';
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const search = ['explore', '--format', 'json', '--jobs', '1', '--cpus', '3', '--no-fusion'];
const BUG = 'examples/explore/slab-no-fence.o';

/** All that must not depend on how often the search was broken off. */
function resultOf(stdout: string): unknown {
  const { results } = JSON.parse(stdout) as ExploreDocument;
  return results.map(({ effort: _, options: __, ...rest }) => rest);
}

/** Resolves when the file is larger than so many bytes. */
function grown(file: string, bytes: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!existsSync(file) || statSync(file).size <= bytes) return;
      watcher.close();
      resolve();
    };
    const watcher = watch(folder, look);
    look();
  });
}

/** Takes some seconds. */
const LARGE = [
  ...['explore', '--format', 'json', '--jobs', '1', '--scenario', 'deref2'],
  ...['--no-fusion', '--no-dead-registers', '--no-task-symmetry', '--no-cpu-symmetry'],
];
let counts: unknown;
/** Of that search, when nobody breaks it off. */
function undisturbed(): unknown {
  counts ??= (JSON.parse(rseqlab([...LARGE, COUNTERS]).stdout) as ExploreDocument).results[0]!.counts;
  return counts;
}

describe('rseqlab explore --checkpoint-file', () => {
  it.each([
    ['one scenario', [...search, '--scenario', 'serial', COUNTERS], 0, ['500', '20k']],
    ['another number of threads', [...search, '--scenario', 'serial', '--jobs', '2', COUNTERS], 0, ['9k']],
    ['whole states', [...search, '--scenario', 'add2', '--exact', COUNTERS], 0, ['500', '5k']],
    ['all scenarios of a file', ['explore', '--format', 'json', COUNTERS], 0, ['10', '20', '40']],
    [
      'a counterexample',
      ['explore', '--format', 'json', '--scenario', 'push_pop_drain', BUG],
      1,
      ['50', '500'],
    ],
  ])('goes on where a bound ended the search: %s', (name, args, status, bounds) => {
    const file = join(folder, 'bound');
    const whole = rseqlab(args);
    expect(whole.status).toBe(status);
    let broken = 0;
    let piece = whole;
    for (const bound of [...bounds, '1000M']) {
      piece = rseqlab([...args, '--checkpoint-file', file, '--max-states', bound]);
      if (!existsSync(file)) break;
      expect(piece.stderr).toBe(
        `rseqlab: ${file} keeps what is not over; the same command goes on from there\n`,
      );
      broken++;
    }
    expect(piece).toMatchObject({ status, stderr: '' });
    expect({ name, result: resultOf(piece.stdout) }).toEqual({ name, result: resultOf(whole.stdout) });
    expect(broken).toBe(bounds.length);
  });

  it.each(['SIGINT', 'SIGKILL'] as const)('goes on behind %s', async (signal) => {
    const file = join(folder, signal);
    const args = [...LARGE, '--checkpoint-file', file, '--checkpoint-every', '1', COUNTERS];
    const live = new Live(args);
    // Behind the first second, with the search under way.
    await grown(file, 100_000);
    live.signal(signal);
    expect(await live.status()).toBe(signal === 'SIGINT' ? 3 : null);
    expect(statSync(file).size).toBeGreaterThan(100_000);
    const { status, stdout } = rseqlab(args);
    expect(status).toBe(0);
    expect((JSON.parse(stdout) as ExploreDocument).results[0]!.counts).toEqual(undisturbed());
    expect(existsSync(file)).toBe(false);
  });

  it('refuses what belongs to something else, or is damaged', () => {
    const file = join(folder, 'refused');
    const keep = [...search, '--scenario', 'serial', '--checkpoint-file', file, '--max-states', '5k'];
    expect(rseqlab([...keep, COUNTERS]).status).toBe(3);
    const good = readFileSync(file);
    const other = /refused: it is of another program, or of other options; remove it to begin anew/;
    expect(oneErrorLine(rseqlab([...keep, BUG, '--scenario', 'grow']))).toMatch(/has no scenario|of another/);
    expect(oneErrorLine(rseqlab([...keep, '--kernel', '6.19', COUNTERS]))).toMatch(other);
    expect(oneErrorLine(rseqlab([...keep, '--no-task-symmetry', COUNTERS]))).toMatch(other);
    expect(readFileSync(file)).toEqual(good);

    const middle = good.length >> 1;
    good[middle]! ^= 1;
    writeFileSync(file, good);
    expect(oneErrorLine(rseqlab([...keep, COUNTERS]))).toMatch(/refused: it is damaged, or cut off/);
    for (const length of [0, 10, 2000, good.length - 4]) {
      writeFileSync(file, good.subarray(0, length));
      expect(oneErrorLine(rseqlab([...keep, COUNTERS]))).toMatch(/refused: it is .*cut off/);
    }
    writeFileSync(file, readFileSync(COUNTERS));
    expect(oneErrorLine(rseqlab([...keep, COUNTERS]))).toMatch(/it is no checkpoint of rseqlab explore/);
    expect(readFileSync(file)).toEqual(readFileSync(COUNTERS));
  });

  it('says at once when it cannot write there', () => {
    const args = [...search, '--checkpoint-file', 'no/where/file', COUNTERS];
    expect(oneErrorLine(rseqlab(args))).toMatch(/cannot write no\/where\/file: there is no such file/);
    expect(oneErrorLine(rseqlab([...search, '--checkpoint-file', folder, COUNTERS]))).toMatch(
      /cannot read .*: it is a directory/,
    );
  });
});
