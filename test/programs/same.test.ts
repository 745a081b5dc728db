import { afterAll, describe, expect, it } from 'vitest';
import { NATIVE, Programs, reportsOf, withoutReports } from './both.js';

const programs = new Programs();
afterAll(() => programs.remove());

const INPUT = `${'a line of text, and numbers: 1 2 3\n'.repeat(500)}without an end`;
const RUNS = [
  'hello',
  'hello several arguments 3',
  'formats',
  'floats',
  'threads',
  'signals',
  'timers',
  'processes',
  'pipes',
  'heap',
  'maps',
  'sorting',
  'texts',
  'places',
  'input',
];
const CRASHES = ['crash null', 'crash abort', 'crash stack', 'crash 15'];
const words = (text: string): string[] => text.split(' ');

const inputOf = (run: string): string => (run === 'input' ? INPUT : '');

/** The processor and Linux say what is right. */
describe.skipIf(!NATIVE).each(['musl', 'glibc'] as const)(
  '%s: the same natively and simulated (needs Linux on x86-64)',
  (library) => {
    it.each(RUNS)('%s', (run) => {
      const real = programs.natively(library, words(run), inputOf(run));
      const ours = programs.simulated(library, words(run), inputOf(run));
      expect(withoutReports(ours)).toEqual(real);
    });

    it.each(CRASHES)("%s: the same signal, and an explanation below the program's own words", (run) => {
      const real = programs.natively(library, words(run));
      const ours = programs.simulated(library, words(run));
      expect(withoutReports(ours)).toEqual(real);
      expect(reportsOf(ours)).toEqual([expect.stringMatching(/ was killed by SIG[A-Z]+: /)]);
    });

    it('rseq: sections that share what belongs to a CPU', () => {
      const real = programs.natively(library, ['rseq']);
      const ours = programs.simulated(library, ['rseq']);
      // How often sections were aborted is the schedule's choice.
      expect({ ...ours, stderr: '' }).toEqual({ ...real, stderr: '' });
    });
  },
);
