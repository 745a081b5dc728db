import { expect, it } from 'vitest';
import { FloatUnit } from '../../src/machine/aarch64/float.js';
import { HOST } from '../../src/machine/aarch64/host-float.js';
import { Random } from './random.js';

const CASES = 20_000;

/** A number whose exponent is near to one, with few ones or many. */
function number(random: Random, width: 32 | 64, near: number): bigint {
  const [exponentBits, fractionBits] = width === 64 ? [11, 52] : [8, 23];
  const spread = width === 64 ? 60 : 20;
  const bias = 2 ** (exponentBits - 1) - 1;
  const exponent = Math.max(1, Math.min(2 * bias, bias + near + random.below(2 * spread) - spread));
  const noise = (BigInt(random.below(2 ** 26)) << 26n) | BigInt(random.below(2 ** 26));
  const few = BigInt(random.below(256)) << BigInt(random.below(fractionBits - 8));
  const fraction = random.below(3) === 0 ? few : BigInt.asUintN(fractionBits, noise);
  const head = (BigInt(random.below(2)) << BigInt(exponentBits)) | BigInt(exponent);
  return (head << BigInt(fractionBits)) | fraction;
}
const exponentOf = (width: 32 | 64, bits: bigint): number =>
  width === 64 ? Number((bits >> 52n) & 2047n) - 1023 : Number((bits >> 23n) & 255n) - 127;

it('a fused multiplication and addition by doubles is that of exact numbers', () => {
  const random = new Random(3);
  const soft = new FloatUnit(new DataView(new ArrayBuffer(1024)));
  let known = 0;
  for (let n = 0; n < CASES; n++) {
    const width = n % 2 === 0 ? 64 : 32;
    const [a, b] = [number(random, width, 0), number(random, width, 0)];
    // Where sums cancel, and where one is much smaller than the other.
    const near = random.below(2) === 0 ? exponentOf(width, a) + exponentOf(width, b) : 0;
    const c = number(random, width, near);
    const made = HOST.multiplyAdd(width, c, a, b);
    if (made === undefined) continue;
    known++;
    if (made !== soft.multiplyAdd(width, c, a, b)) expect([width, a, b, c, made]).toBe('another');
  }
  expect(known).toBeGreaterThan(CASES / 2);
});
