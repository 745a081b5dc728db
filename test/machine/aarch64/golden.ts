import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Random } from '../random.js';
import { randomCase } from './cases.js';
import { type Case, pack, type Result } from './native.js';

/** The same cases every time. */
export function goldenCases(count: number, seed: number): Case[] {
  const random = new Random(seed);
  const cases: Case[] = [];
  while (cases.length < count) {
    const one = randomCase(random);
    if (one !== undefined) cases.push(one);
  }
  return cases;
}

/** What tells results apart, in 4 bytes. */
export const DIGEST = 4;
export const digestOf = (result: Result): Uint8Array =>
  createHash('sha256')
    .update(pack([result]))
    .digest()
    .subarray(0, DIGEST);

/** The digest of a case that is not asked about: what the architecture leaves open. */
export const OPEN = Buffer.alloc(DIGEST);

export const goldenFile = fileURLToPath(
  new URL('../../fixtures/native/aarch64-digests.bin', import.meta.url),
);
