import { describe, expect, it } from 'vitest';
import { compareWithProcessor } from '../machine/compare.js';

const SEEDS = 100;
const CASES = 100_000;
const native = process.platform === 'linux' && process.arch === 'x64';

describe.runIf(native)('ten million random instructions do here what they do on the processor', () => {
  it.each(Array.from({ length: SEEDS }, (_, n) => 1000 + n))(`seed %i: ${CASES} cases`, (seed) => {
    expect(compareWithProcessor(seed, CASES).differences).toEqual([]);
  });
});
