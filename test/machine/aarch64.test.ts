import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compare, differenceOf, isOpen, textOf } from './aarch64/compare.js';
import { DIGEST, digestOf, goldenCases, goldenFile, OPEN } from './aarch64/golden.js';
import { hasQemu, runNative } from './aarch64/native.js';
import { Simulation } from './aarch64/simulate.js';

const CASES = 8000;
const SEED = 5;

describe('random AArch64 instructions in random states', () => {
  const cases = goldenCases(CASES, SEED);
  const simulation = new Simulation();
  const translated = simulation.translated(cases);

  // NEW_DIGESTS=1 npx vitest run test/machine/aarch64.test.ts writes them anew, where qemu-aarch64 is installed (package qemu-user).
  it.runIf(process.env['NEW_DIGESTS'])('are done by qemu', () => {
    const digests = runNative(cases).map((result, n) =>
      isOpen(cases[n]!, result, translated[n]!) ? OPEN : digestOf(result),
    );
    writeFileSync(goldenFile, Buffer.concat(digests));
  });

  it('do here what they did there', () => {
    const digests = readFileSync(goldenFile);
    expect(digests.length).toBe(CASES * DIGEST);
    const wrong = cases.flatMap((one, n) => {
      const wanted = digests.subarray(n * DIGEST, (n + 1) * DIGEST);
      const got = translated[n];
      return got !== undefined && (OPEN.equals(wanted) || wanted.equals(digestOf(got))) ? [] : [textOf(one)];
    });
    expect(wrong).toEqual([]);
  });

  it('do the same where they are interpreted', () => {
    const results = cases.map((one) => simulation.interpretedCase(one));
    const known = results.filter((result) => result !== undefined);
    expect(known.length).toBeGreaterThan(CASES / 2);
    const wrong = results.map((result, n) => result && differenceOf(cases[n]!, translated[n]!, result));
    expect(wrong.filter((each) => each !== undefined)).toEqual([]);
  });

  it.runIf(hasQemu())('do what qemu does now', { timeout: 120_000 }, () => {
    expect(compare(simulation, goldenCases(2000, SEED + 1))).toEqual([]);
  });
});
