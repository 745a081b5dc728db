import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exploreFile } from '../../src/explore/api.js';
import type { ExploreOptions } from '../../src/explore/options.js';
import { differenceIn, Retelling } from '../../src/explore/retelling.js';
import { readTrace } from '../../src/explore/trace.js';
import { oneErrorLine, rseqlab, withFolder } from '../cli/command.js';
import { ALONE, BOTH, pathOf } from './aarch64/manifest.js';
import { namedEnds } from './aarch64/named-ends.js';
import { objectOf } from './examples/runs.js';
import { hold } from './soundness/campaign.js';
import { ALL, NONE } from './soundness/explored.js';

async function verdictOf(path: string, options: ExploreOptions) {
  const surroundings = { lines: () => undefined, version: '0.0.0' };
  const { document, trace } = await exploreFile({ path, bytes: objectOf(path) }, options, surroundings);
  return { result: document.results[0]!, trace };
}

describe('AArch64 objects', () => {
  it.each([...BOTH, ...ALONE])('%s %s: %s', async (object, scenario, verdict, memories) => {
    const { result, trace } = await verdictOf(pathOf(object, 'aarch64'), { scenario });
    expect(result).toMatchObject({ verdict, counts: { memories } });
    if (verdict === 'verified') return;
    const read = readTrace(JSON.stringify(trace), 'bug.json');
    expect(differenceIn(read, new Retelling(read, () => undefined))).toBeUndefined();
  });

  it.each(['count', 'signal', 'serial', 'append', 'lock', 'swap', 'threads'])(
    'end as on x86-64, in memory and results: %s',
    async (scenario) => {
      expect(await namedEnds('aarch64', scenario)).toEqual(await namedEnds('x86-64', scenario));
    },
  );

  /** Every other combination: the rest is in test/long. */
  const SOME = [NONE, ...Object.keys(ALL).map((name) => ({ ...ALL, [name]: false })), ALL];

  it.each(['signal', 'own', 'swap', 'fence'])(
    'say the same with each reduction and without, and runs end as explorations do: %s',
    async (scenario) => {
      const path = pathOf('scenarios', 'aarch64');
      const what = { name: path, bytes: objectOf(path), scenario, kernel: '6.18', debugRseq: false, cpus: 2 };
      const held = await hold(what, { maxStates: 200_000, seeds: 5, combinations: SOME });
      expect(held.wrong).toEqual([]);
    },
  );

  it.each([
    ['6.12', undefined, 'verified'],
    ['6.19', undefined, 'counterexample'],
    ['7.0', undefined, 'counterexample'],
    ['7.0', 'x86-64', 'verified'],
    ['7.1', undefined, 'verified'],
  ] as const)('on Linux %s with entry code of %s: %s', async (kernel, arch, verdict) => {
    const options = { scenario: 'count', kernel, ...(arch !== undefined && { arch }) };
    const { result } = await verdictOf(pathOf('scenarios', 'aarch64'), options);
    expect(result).toMatchObject({
      verdict,
      options: arch === undefined ? { arch: 'aarch64' } : {},
    });
  });

  it.each([true, false])(
    'go on inside of a section behind a handler where nothing aborts it; fusion: %s',
    async (fusion) => {
      const options = { scenario: 'signal', kernel: '6.19', reductions: { fusion } };
      expect((await verdictOf(pathOf('scenarios', 'aarch64'), options)).result.verdict).toBe(
        'counterexample',
      );
    },
  );

  it.each([
    ['counter', 'verified'],
    ['counter-bug', 'counterexample'],
  ])('of the examples: %s: %s', async (name, verdict) => {
    const { result } = await verdictOf(`examples/explore/aarch64/${name}.o`, {});
    expect(result).toMatchObject({ verdict, options: { arch: 'aarch64' } });
  });

  it('say that other orders of memory were not explored', async () => {
    const { result } = await verdictOf(pathOf('scenarios', 'aarch64'), { scenario: 'count' });
    expect(result.assumptions.join('\n')).toContain("held to qemu's, not to a real one");
    expect(result.assumptions.join('\n')).toMatch(
      /sequential consistency.*AArch64 promises that only of one CPU[\s\S]*as a compare and swap/,
    );
  });

  it('have atomic instructions, with LSE or without', async () => {
    for (const path of [
      pathOf('lse', 'aarch64'),
      pathOf('scenarios', 'aarch64'),
      pathOf('scenarios', 'x86-64'),
    ])
      expect((await verdictOf(path, { scenario: 'atomic' })).result).toMatchObject({
        verdict: 'verified',
        counts: { memories: 5 },
      });
  });

  it('are told by their own names, run, and refused with x86-TSO', () =>
    withFolder((folder) => {
      const write = (name: string, object: string): string => {
        const file = join(folder, name);
        writeFileSync(file, objectOf(pathOf(object, 'aarch64')));
        return file;
      };
      const late = write('late.o', 'late');
      const { status, stdout } = rseqlab(['explore', late, '--scenario', 'count']);
      expect(status).toBe(1);
      expect(stdout).toMatch(/ldr x9, \[x\d+\] +counters = 0/);
      expect(stdout).toMatch(/judged by +Linux 6.18 of aarch64/);
      const good = write('good.o', 'scenarios');
      expect(rseqlab(['run', '--scenario', 'signal', good]).status).toBe(0);
      expect(oneErrorLine(rseqlab(['explore', good, '--memory', 'tso']))).toMatch(
        /the code is for aarch64, and --memory tso is how memory behaves on x86-64; leave it out/,
      );
    }));
});
