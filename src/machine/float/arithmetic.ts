import { lengthOf } from './round.js';
import type { Exact } from './value.js';

/** Exact arithmetic on numbers that are not 0; what has no end is cut off behind enough bits, with the last one set. */

/** Undefined where the sum is 0. */
export function addExact(a: Exact, b: Exact): Exact | undefined {
  // Far apart the smaller one counts only as "a little": it is brought near, so that significands stay short.
  const [large, small] = topOf(a) >= topOf(b) ? [a, b] : [b, a];
  const near =
    topOf(large) - topOf(small) > FAR
      ? { sign: small.sign, significand: 1n, exponent: large.exponent - FAR }
      : small;
  const exponent = Math.min(large.exponent, near.exponent);
  const sum = signed(large, exponent) + signed(near, exponent);
  if (sum === 0n) return undefined;
  return { sign: sum < 0n ? 1 : 0, significand: sum < 0n ? -sum : sum, exponent };
}

/** Bits: more than twice any format's precision. */
const FAR = 160;
const topOf = ({ significand, exponent }: Exact): number => exponent + lengthOf(significand);
const signed = ({ sign, significand, exponent }: Exact, at: number): bigint => {
  const value = significand << BigInt(exponent - at);
  return sign === 1 ? -value : value;
};

export const multiplyExact = (a: Exact, b: Exact): Exact => ({
  sign: a.sign === b.sign ? 0 : 1,
  significand: a.significand * b.significand,
  exponent: a.exponent + b.exponent,
});

/** Bits of a quotient or root that are made: more than any format keeps. */
const BITS = 70;

export function divideExact(a: Exact, b: Exact): Exact {
  const shift = Math.max(0, BITS + lengthOf(b.significand) - lengthOf(a.significand));
  const dividend = a.significand << BigInt(shift);
  const quotient = dividend / b.significand;
  const rest = dividend % b.significand !== 0n ? 1n : 0n;
  return {
    sign: a.sign === b.sign ? 0 : 1,
    significand: (quotient << 1n) | rest,
    exponent: a.exponent - b.exponent - shift - 1,
  };
}

/** Of a positive number. */
export function rootExact({ significand, exponent }: Exact): Exact {
  let shift = Math.max(0, 2 * BITS - lengthOf(significand));
  if (((exponent - shift) & 1) !== 0) shift++;
  const square = significand << BigInt(shift);
  const root = integerRoot(square);
  const rest = root * root !== square ? 1n : 0n;
  return { sign: 0, significand: (root << 1n) | rest, exponent: (exponent - shift) / 2 - 1 };
}

/** The largest integer whose square is not above (Newton's method from above). */
function integerRoot(square: bigint): bigint {
  let root = 1n << BigInt((lengthOf(square) + 1) >> 1);
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
