import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ForceDocument } from '../../src/report/force-document.js';
import type { StressDocument } from '../../src/report/stress-document.js';
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

    const happens = (name: string, scenario: string, cpus: number) =>
      withFolder((folder): ForceDocument => {
        const trace = join(folder, 'bug.json');
        rseqlab(['explore', '--cpus', `${cpus}`, '--scenario', scenario, '--trace', trace, `examples/explore/${name}.o`]); // biome-ignore format: a command
        const { status, stdout, stderr } = rseqlab(['stress', '--format', 'json', '--counterexample', trace, '--', `test/fixtures/live/${name}`, scenario]); // biome-ignore format: a command
        expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/ does not hold\n$/) });
        const document = JSON.parse(stdout) as ForceDocument;
        expect(document).toMatchObject({ verdict: 'happened', program: { status: 1 } });
        expect(document.turns.every(({ done }) => done)).toBe(true);
        return document;
      });

    it('has its setup on the CPU that tasks begin on', () => {
      expect(happens('list-bug', 'aba', 1).turns.map(({ task }) => task)).toEqual(['popper', 'juggler', 'popper']); // biome-ignore format: a list
    });

    it('has its signal where explore has it, and nowhere else', () => {
      const { turns } = happens('signal-bug', 'one', 1);
      expect(turns.map(({ signal }) => signal)).toEqual([undefined, 'SIGUSR1']);
    });

    it.skipIf(availableParallelism() < 2)(
      'has two CPUs, and a thread that nothing interrupts inside its section',
      () => {
        const { turns } = happens('slab-no-fence', 'pop_drain', 2);
        expect(new Set(turns.map(({ cpu }) => cpu))).toEqual(new Set([0, 1]));
        expect(turns.filter(({ spins }) => spins).map(({ task }) => task)).toEqual(['popper']);
      },
    );

    it('is looked for when stress has found a failure (--explore)', () => {
      const object = 'examples/explore/counter-bug.o';
      const words = ['stress', '--rounds', '1', '--explore'];
      const both = rseqlab([...words, object, '--format', 'json', '--', NATIVE, 'count', '3']);
      const document = JSON.parse(both.stdout) as StressDocument;
      expect(both.status).toBe(1);
      expect(document).toMatchObject({ verdict: 'failed', explored: { results: [{ scenario: 'count', verdict: 'counterexample' }] } }); // biome-ignore format: one claim
      // The program itself is linked dynamically.
      const alone = rseqlab([...words, '--', NATIVE, 'count', '3']);
      expect(alone.stderr).toMatch(/^rseqlab: not explored: .* is dynamically linked.*--explore FILE\.o$/m);
      expect(alone.status).toBe(1);
    });

    it('is refused where the program is another one, or breakpoints cannot force it', () =>
      withFolder((folder) => {
        const trace = join(folder, 'bug.json');
        rseqlab(['explore', '--cpus', '1', '--trace', trace, 'examples/explore/counter-bug.o']);
        const other = rseqlab([
          'stress',
          '--counterexample',
          trace,
          '--',
          'test/fixtures/live/signal-bug',
          'one',
        ]);
        expect(other.stderr).toContain('never began the tasks of scenario count');
        expect(other.status).toBe(2);
        rseqlab(['explore', '--cpus', '1', '--scenario', 'handler', '--trace', trace, 'examples/explore/lock-bug.o']); // biome-ignore format: a command
        expect(oneErrorLine(rseqlab(['stress', '--counterexample', trace, '--', NATIVE]))).toContain(
          'a livelock: a real program would never end',
        );
        rseqlab(['explore', '--cpus', '1', '--trace', trace, 'examples/checkpoint/freeze-keep.o']);
        expect(oneErrorLine(rseqlab(['stress', '--counterexample', trace, '--', NATIVE]))).toContain(
          'has a tracer of its own',
        );
        expect(oneErrorLine(rseqlab(['stress', '--counterexample', 'package.json', '--', NATIVE]))).toContain(
          'package.json',
        );
      }));
  },
);
