import { expect, it } from 'vitest';
import { anywhere, expectedAArch64, PARTS_AARCH64, simulate } from './tasks.js';

/** The same program as in tasks.test.ts, held to what it printed on a real arm64 kernel. */
it.each(PARTS_AARCH64)('%s prints for AArch64 what it prints on Linux', (part) => {
  for (const seed of [1, 2]) {
    const { output, status } = simulate(part, seed, { machine: 'aarch64' });
    expect({ output: anywhere(output), status }).toEqual({
      output: anywhere(expectedAArch64(part)),
      status: 0,
    });
  }
});
