import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { type Ended, Programs, reportsOf, withoutReports } from './both.js';

/**
 * What the programs for AArch64 print and how they end on Linux 6.12.111 (Debian's arm64 kernel in an emulated machine, Cortex-A72), by library and run. Standard input was
 * empty.
 */
const REAL = JSON.parse(readFileSync(new URL('arm64.json', import.meta.url), 'utf8')) as Readonly<
  Record<'glibc' | 'musl', Readonly<Record<string, Ended>>>
>;

/** Holds the simulated Linux to what a real one did, in runs of one library; all, or those named. */
export function holdsToRealArm64(library: 'glibc' | 'musl', only?: readonly string[]): void {
  const programs = new Programs();
  afterAll(() => programs.remove());
  const runs = Object.entries(REAL[library]).filter(([run]) => only === undefined || only.includes(run));

  describe(`${library} on AArch64: the same simulated as on real Linux`, () => {
    it.each(runs)('%s', (run, real) => {
      const ours = programs.simulated(`${library}-aarch64`, run.split(' '));
      // How often sections were aborted is the schedule's choice.
      const stderr = run === 'rseq' ? { stderr: '' } : {};
      expect({ ...withoutReports(ours), ...stderr }).toEqual({ ...real, ...stderr });
      if (real.status >= 128)
        expect(reportsOf(ours)).toEqual([expect.stringMatching(/ was killed by SIG[A-Z]+: /)]);
    });
  });
}
