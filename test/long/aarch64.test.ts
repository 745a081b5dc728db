import { describe, expect, it } from 'vitest';
import { compare } from '../machine/aarch64/compare.js';
import { goldenCases } from '../machine/aarch64/golden.js';
import { hasQemu } from '../machine/aarch64/native.js';
import { Simulation } from '../machine/aarch64/simulate.js';

const CASES = 500_000;
const BATCH = 2000;

describe.runIf(hasQemu())('AArch64 instructions do here what they do in qemu', () => {
  it(`${CASES} cases`, { timeout: 3_600_000 }, () => {
    const simulation = new Simulation();
    for (let n = 0; n < CASES / BATCH; n++)
      expect(compare(simulation, goldenCases(BATCH, 1000 + n)).slice(0, 5), `seed ${1000 + n}`).toEqual([]);
  });
});
