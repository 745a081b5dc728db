import { lengthOf } from './round.js';
import type { Exact, Sign } from './value.js';

/**
 * Functions without end, to more bits than any format keeps: the last bit of a significand is set, so that rounding sees that there is
 * more. Series run on fractions of 2^BITS.
 */
const BITS = 200;
const ONE = 1n << BigInt(BITS);
const fixed = (a: bigint, b: bigint): bigint => (a * b) >> BigInt(BITS);

/** ln(2) and pi as fractions of 2^BITS. */
const LN2 = lnTwo();
const PI = machin();

/** A fraction of pi. */
export const piTimes = (numerator: bigint, denominator: bigint): Exact =>
  fromFixed((PI * numerator) / denominator);

/** Shortened to BITS bits, and known to be inexact. */
function inexact(sign: Sign, significand: bigint, exponent: number): Exact {
  const extra = Math.max(0, lengthOf(significand) - BITS);
  return { sign, significand: (significand >> BigInt(extra)) | 1n, exponent: exponent + extra };
}

/** A positive number as a fraction of 2^BITS; small ones lose bits. */
function toFixed({ significand, exponent }: Exact): bigint {
  const shift = BigInt(exponent + BITS);
  return shift >= 0n ? significand << shift : significand >> -shift;
}

/** value / 2^BITS. */
const fromFixed = (value: bigint): Exact => inexact(value < 0n ? 1 : 0, value < 0n ? -value : value, -BITS);

const product = (a: Exact, b: Exact): Exact =>
  inexact(a.sign === b.sign ? 0 : 1, a.significand * b.significand, a.exponent + b.exponent);

function quotient(a: bigint, b: bigint, sign: Sign, exponent: number): Exact {
  const shift = Math.max(0, BITS + lengthOf(b) - lengthOf(a));
  return inexact(sign, (a << BigInt(shift)) / b, exponent - shift);
}

/** x^2 as a fraction; x is below 1. */
function squareOf(x: Exact): bigint {
  const value = toFixed(x);
  return fixed(value, value);
}

/** 1 + z/3 + z^2/5 ..., or with alternating signs: atanh(x)/x and atan(x)/x of z = x^2. */
function oddSeries(z: bigint, alternating: boolean): bigint {
  let sum = 0n;
  let power = ONE;
  for (let n = 1n; power !== 0n; n += 2n) {
    sum += alternating && (n & 2n) !== 0n ? -(power / n) : power / n;
    power = fixed(power, z);
  }
  return alternating ? below(sum) : sum;
}

/** log2(x), x above 0 and not 1. */
export function logTwo({ significand, exponent }: Exact): Exact {
  // 2^n * m, m between sqrt(1/2) and sqrt(2): so that n and log2(m) do not cancel.
  const length = lengthOf(significand);
  const above = 2n * significand * significand > 1n << BigInt(2 * length);
  const n = exponent + length - (above ? 0 : 1);
  const one = 1n << BigInt(n - exponent);
  const difference = significand - one;
  if (difference === 0n) return { sign: n < 0 ? 1 : 0, significand: BigInt(Math.abs(n)), exponent: 0 };
  const sign: Sign = difference < 0n ? 1 : 0;
  const t = quotient(sign === 1 ? -difference : difference, significand + one, sign, 0);
  // ln(m) = 2 * atanh((m - 1) / (m + 1)).
  const half = product(t, fromFixed(oddSeries(squareOf(t), false)));
  const log = quotient(half.significand << BigInt(BITS), LN2, sign, half.exponent + 1);
  if (n === 0) return log;
  return fromFixed((BigInt(n) << BigInt(BITS)) + (sign === 1 ? -toFixed(log) : toFixed(log)));
}

/** log2(1 + x), x above -1 and not 0. */
export function logTwoOnePlus(x: Exact): Exact {
  // So small that 1 + x would only be long: its logarithm is x / ln(2).
  if (x.exponent + lengthOf(x.significand) < -BITS)
    return quotient(x.significand << BigInt(BITS), LN2, x.sign, x.exponent);
  const unit = 1n << BigInt(-x.exponent);
  return logTwo({
    sign: 0,
    significand: x.sign === 1 ? unit - x.significand : unit + x.significand,
    exponent: x.exponent,
  });
}

/** 2^x - 1, x between -1 and 1 and not 0. */
export function powerMinusOne(x: Exact): Exact {
  const y = product(x, { sign: 0, significand: LN2, exponent: -BITS });
  const value = toFixed(y) * (y.sign === 1 ? -1n : 1n);
  // (e^y - 1) / y = 1 + y/2 + y^2/6 ...
  let sum = 0n;
  let term = ONE;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = fixed(term, value) / n;
  }
  return product(y, fromFixed(sum));
}

/** atan(a / b) of positive numbers: between 0 and pi / 2. */
export function arcTangent(a: Exact, b: Exact): Exact {
  const at = Math.min(a.exponent, b.exponent);
  const x = a.significand << BigInt(a.exponent - at);
  const y = b.significand << BigInt(b.exponent - at);
  if (x > y) return fromFixed(PI / 2n - toFixed(smallTangent(y, x)));
  return smallTangent(x, y);
}

/** atan(x / y), x not above y. */
function smallTangent(x: bigint, y: bigint): Exact {
  if (x === y) return piTimes(1n, 4n);
  let t = quotient(x, y, 0, 0);
  // Halved until the series is short: atan(t) = 2 * atan(t / (1 + sqrt(1 + t^2))).
  let halvings = 0;
  for (; toFixed(t) > ONE >> 4n; halvings++) {
    const root = squareRoot(ONE + squareOf(t));
    t = quotient(t.significand << BigInt(BITS), ONE + root, 0, t.exponent);
  }
  const arc = product(t, fromFixed(oddSeries(squareOf(t), true)));
  return { ...arc, exponent: arc.exponent + halvings };
}

/** Of a fraction of 2^BITS. */
function squareRoot(value: bigint): bigint {
  const square = value << BigInt(BITS);
  let root = 1n << BigInt((lengthOf(square) + 1) >> 1);
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** sin(x), x between -1 and 1 and not 0. */
export const sine = (x: Exact): Exact => product(x, fromFixed(alternating(squareOf(x), 2n)));
/** cos(x), x between -1 and 1. */
export const cosine = (x: Exact): Exact => fromFixed(alternating(squareOf(x), 1n));

/** 1 - z / (from * (from + 1)) + ... */
function alternating(z: bigint, from: bigint): bigint {
  let sum = 0n;
  let term = ONE;
  for (let n = from; term !== 0n && term !== -1n; n += 2n) {
    sum += term;
    term = -fixed(term, z) / (n * (n + 1n));
  }
  return below(sum);
}

/** Where z was too small to be seen the sum is still below 1. */
function below(sum: bigint): bigint {
  return sum === ONE ? sum - 1n : sum;
}

function lnTwo(): bigint {
  // 2 * atanh(1/3).
  const third = ONE / 3n;
  return 2n * fixed(third, oddSeries(fixed(third, third), false));
}

function machin(): bigint {
  const inverse = (n: bigint): bigint => {
    const x = ONE / n;
    return fixed(x, oddSeries(fixed(x, x), true));
  };
  return 4n * (4n * inverse(5n) - inverse(239n));
}
