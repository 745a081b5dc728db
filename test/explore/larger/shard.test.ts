import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { shardOf } from '../../../src/cli/shard.js';
import { exploreFile } from '../../../src/explore/api.js';
import type { ExploreOptions } from '../../../src/explore/options.js';
import { explorePart, mergeParts } from '../../../src/explore/parts.js';
import type { ExploreDocument } from '../../../src/explore/timeline.js';
import { oneErrorLine, ROOT, rseqlab } from '../../cli/command.js';

const folder = mkdtempSync(join(tmpdir(), 'rseqlab-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const surroundings = { lines: () => undefined, version: 'x' };
const objectOf = (path: string) => ({ path, bytes: new Uint8Array(readFileSync(join(ROOT, path))) });

/** All that one machine and many must agree on. */
const resultOf = ({ results }: ExploreDocument): unknown =>
  results.map(({ effort: _, store: __, assumptions, ...rest }) => ({
    ...rest,
    assumptions: assumptions.slice(0, -1),
  }));

const WHOLE: ExploreOptions = { reductions: { fusion: false, registers: false, symmetry: false } };
const COUNTERS = 'examples/explore/counters.o';
const SLAB = 'examples/explore/slab.o';

describe('parts of a search', () => {
  it.each([
    [COUNTERS, { scenario: 'serial', cpus: 3 }, 3, 50],
    [COUNTERS, { ...WHOLE, scenario: 'serial' }, 2, 1000],
    [COUNTERS, { scenario: 'serial', cpus: 3, reductions: { fusion: false }, maxAborts: 5 }, 3, 500],
    // Fewer parts than scenarios, more, and a frontier that is never reached.
    [COUNTERS, {}, 3, 10],
    [COUNTERS, {}, 9, 10],
    [COUNTERS, { scenario: 'add2' }, 2, 1_000_000],
    [SLAB, { scenario: 'push_pop3' }, 2, 300],
    [COUNTERS, { scenario: 'serial', memory: 'tso' }, 2, 50],
    [SLAB, { scenario: 'push_pop3', reductions: { symmetry: false } }, 4, 2000],
    ['examples/explore/signal.o', {}, 2, 50],
    ['examples/explore/cancel.o', {}, 2, 50],
    ['examples/explore/signal-bug.o', {}, 2, 50],
    ['examples/explore/slab-no-fence.o', { scenario: 'push_pop_drain' }, 3, 100],
  ] as const)(
    'are together what one machine finds: %s %j in %i parts',
    async (path, options, count, frontier) => {
      const file = objectOf(path);
      const whole = await exploreFile(file, options, surroundings);
      const parts = [];
      for (let index = 0; index < count; index++) {
        const { bytes } = await explorePart(file, options, surroundings, { index, count, frontier });
        parts.push({ name: `${index}`, bytes });
      }
      const merged = await mergeParts(parts.reverse(), {}, () => surroundings);
      expect(resultOf(merged.document)).toEqual(resultOf(whole.document));
      expect(merged.trace?.acts).toEqual(whole.trace?.acts);
    },
  );

  it('do not say verified where one of them was not finished', async () => {
    const file = objectOf(COUNTERS);
    const parts = [];
    for (const index of [0, 1]) {
      const options = { scenario: 'serial', cpus: 3, signal: { aborted: index === 1 } };
      const { bytes } = await explorePart(file, options, surroundings, { index, count: 2, frontier: 50 });
      parts.push({ name: `${index}`, bytes });
    }
    const { document } = await mergeParts(parts, {}, () => surroundings);
    expect(document.results).toMatchObject([{ verdict: 'bounded', bound: { kind: 'interrupted' } }]);
  });
});

describe('rseqlab merge', () => {
  const part = (name: string, shard: string, ...args: string[]): string => {
    const file = join(folder, name);
    const { status } = rseqlab(['explore', '--shard', shard, '-o', file, '--cpus', '3', ...args, COUNTERS]);
    expect(status).toBe(0);
    return file;
  };

  it('refuses what does not belong together', () => {
    const [one, two] = [part('one', '1/2'), part('two', '2/2')];
    expect(rseqlab(['merge', two, one])).toMatchObject({ status: 0, stderr: '' });
    const refuses = (files: string[], message: RegExp): void =>
      expect(oneErrorLine(rseqlab(['merge', ...files]))).toMatch(message);
    refuses([one], /a part is missing: 2 of 2/);
    refuses([one, two, one], /are the same part, 1 of 2/);
    refuses([one, part('other', '2/2', '--oracle', 'claims')], /are parts of different searches/);
    refuses([one, part('third', '3/3')], /are parts of different searches/);
    refuses([one, COUNTERS], /is no part of a search/);
    const damaged = readFileSync(two);
    damaged[damaged.length - 1]! ^= 1;
    writeFileSync(two, damaged);
    refuses([one, two], /two: it is damaged, or cut off/);
  });

  it.each([
    [['--shard', '1/2'], /name the file of the part with -o/],
    [['--shard', '0/2', '-o', 'x'], /--shard 0\/2: give i\/n/],
    [['--shard', '3/2', '-o', 'x'], /--shard 3\/2: give i\/n/],
    [['--shard', '1/2', '-o', 'x', '--exact'], /cannot be explored with --exact/],
    [['--shard', '1/2', '-o', 'x', '--checkpoint-file', 'y'], /cannot be kept/],
  ])('explore refuses %j', (args, message) => {
    expect(oneErrorLine(rseqlab(['explore', ...args, COUNTERS]))).toMatch(message);
  });
});

describe('--shard auto', () => {
  it.each([
    [{ GITLAB_CI: 'true', CI_NODE_INDEX: '2', CI_NODE_TOTAL: '4' }, 1, 4],
    [{ CI_NODE_INDEX: '2', CI_NODE_TOTAL: '4' }, 2, 4],
    [{ CIRCLE_NODE_INDEX: '0', CIRCLE_NODE_TOTAL: '4' }, 0, 4],
    [{ BUILDKITE_PARALLEL_JOB: '3', BUILDKITE_PARALLEL_JOB_COUNT: '4' }, 3, 4],
    [{ SLURM_ARRAY_TASK_ID: '11', SLURM_ARRAY_TASK_COUNT: '4', SLURM_ARRAY_TASK_MIN: '10' }, 1, 4],
    [{ TASK_INDEX: '1', TASK_COUNT: '2' }, 1, 2],
  ])('takes %j', (env, index, count) => {
    expect(shardOf('auto', env)).toEqual({ index, count });
  });

  it('says what it looked for, and what makes no sense', () => {
    expect(() => shardOf('auto', {})).toThrow(/none of CI_NODE_INDEX, .* is set with its count; give i\/n/);
    expect(() => shardOf('auto', { TASK_INDEX: '2', TASK_COUNT: '2' })).toThrow(
      'TASK_INDEX=2 and TASK_COUNT=2 name no part',
    );
  });
});
