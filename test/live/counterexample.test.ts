import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ForceDocument } from '../../src/report/force-document.js';
import { oneErrorLine, ROOT, rseqlab, withFolder } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

/** examples/explore/counter-bug.c with -DRSEQLAB_NATIVE. */
const NATIVE = 'test/fixtures/live/counter-bug';
const plain = spawnSync(join(ROOT, NATIVE), ['count', '1000']);
const missing = reason ?? (plain.status === 0 ? undefined : 'glibc 2.35 or newer, with rseq, is not here');

describe.skipIf(missing !== undefined)(
  missing === undefined ? 'a counterexample' : title(`a counterexample: ${missing}`),
  () => {
    it('is forced on the real kernel, by a program that a thousand rounds go well with', () =>
      withFolder((folder) => {
        const trace = join(folder, 'bug.json');
        rseqlab(['explore', '--cpus', '1', '--trace', trace, 'examples/explore/counter-bug.o']);
        const { status, stdout, stderr } = rseqlab(['stress', '--format', 'json', '--counterexample', trace, '--', NATIVE, 'count']); // biome-ignore format: a command
        const document = JSON.parse(stdout) as ForceDocument;
        expect(document).toMatchObject({ verdict: 'happened', program: { status: 1 } });
        expect(document.turns.map(({ task, done }) => [task, done])).toEqual([['two', true], ['two', true], ['one', true], ['two', true]]); // biome-ignore format: a list
        expect(stderr).toMatch(/counter-bug\.c:\d+: sum\(\) == 2 does not hold\n$/);
        expect(status).toBe(1);
      }));

    it('is refused where the program is another one, or one CPU is not enough', () =>
      withFolder((folder) => {
        const trace = join(folder, 'bug.json');
        rseqlab(['explore', '--cpus', '1', '--trace', trace, 'examples/explore/counter-bug.o']);
        const other = rseqlab([
          'stress',
          '--counterexample',
          trace,
          '--',
          'examples/stress/counters',
          'good',
          '1',
          '10',
        ]);
        expect(other.stderr).toContain('never began the tasks of scenario count');
        expect(other.status).toBe(2);
        rseqlab(['explore', '--cpus', '1', '--trace', trace, 'examples/explore/cancel-bug.o']);
        expect(oneErrorLine(rseqlab(['stress', '--counterexample', trace, '--', NATIVE]))).toContain(
          'needs a signal',
        );
        expect(oneErrorLine(rseqlab(['stress', '--counterexample', 'package.json', '--', NATIVE]))).toContain(
          'package.json',
        );
      }));
  },
);
