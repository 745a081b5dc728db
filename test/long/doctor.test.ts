import { describe, expect, it } from 'vitest';
import { KERNEL_COLUMNS } from '../../src/abi/kernel-rows.js';
import { examine } from '../../src/live/doctor/examine.js';
import { simulatedPatient } from '../../src/live/doctor/simulated.js';

const COLUMNS = KERNEL_COLUMNS.flatMap((version) => [false, true].map((debug) => ({ version, debug })));

describe('rseqlab doctor finds every simulated kernel well', () => {
  it.each(COLUMNS)('$version, debugging $debug', async ({ version, debug }) => {
    const kernel = simulatedPatient({ version, debug, arch: 'x86-64' });
    const { rows } = await examine(kernel, { version: 'test', promises: version, debug, only: [] });
    expect(rows.filter(({ status }) => status === 'broken')).toEqual([]);
    expect(rows.filter(({ status }) => status === 'kept').length).toBeGreaterThan(190);
  });
});
