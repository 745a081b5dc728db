import { describe, expect, it } from 'vitest';
import { compareWithProcessor } from './compare.js';

const CASES = 50_000;
const native = process.platform === 'linux' && process.arch === 'x64';

describe.runIf(native)('random instructions in random states do here what they do on the processor', () => {
  it(`${CASES} cases`, { timeout: 300_000 }, () => {
    const { differences, seen } = compareWithProcessor(1, CASES);
    expect(differences.slice(0, 5)).toEqual([]);
    // General instructions, SSE, SSE2, MMX and x87: each of them often enough to have met its special cases.
    expect(seen.size).toBeGreaterThan(395);
  });
});
