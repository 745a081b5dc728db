import { type Execute, type Execution, join, split, type VectorRow } from './execution.js';
import type { FloatUnit } from './float.js';

/** Estimates of 1/x and 1/sqrt(x) to eight bits, which the architecture fixes to the last one (Arm ARM, RecipEstimate, RecipSqrtEstimate). */

type Width = 32 | 64;

/** Of 256..511. */
function reciprocal(a: number): number {
  const b = Math.floor(2 ** 19 / (2 * a + 1));
  return (b + 1) >> 1;
}

/** Of 128..511. */
function reciprocalRoot(a: number): number {
  const scaled = a < 256 ? 2 * a + 1 : (((a >> 1) << 1) + 1) * 2;
  let b = 512;
  while (scaled * (b + 1) * (b + 1) < 2 ** 28) b++;
  return (b + 1) >> 1;
}

const FRACTION_BITS: Readonly<Record<Width, number>> = { 32: 23, 64: 52 };
const ones = (count: number): bigint => (1n << BigInt(count)) - 1n;

interface Parts {
  readonly sign: bigint;
  readonly exponent: number;
  /** 52 bits. */
  readonly fraction: bigint;
}

function take(width: Width, bits: bigint): Parts {
  const fractionBits = FRACTION_BITS[width];
  return {
    sign: bits >> BigInt(width - 1),
    exponent: Number((bits >> BigInt(fractionBits)) & ones(width - 1 - fractionBits)),
    fraction: (bits & ones(fractionBits)) << BigInt(52 - fractionBits),
  };
}

const put = (width: Width, { sign, exponent, fraction }: Parts): bigint => {
  const fractionBits = FRACTION_BITS[width];
  const top = (sign << BigInt(width - 1 - fractionBits)) | BigInt(exponent);
  return (top << BigInt(fractionBits)) | (fraction >> BigInt(52 - fractionBits));
};

/** The nine bits of a fraction with its leading one. */
const nine = (fraction: bigint): number => Number((1n << 8n) | (fraction >> 44n));

/** Larger exponents than a number's own give results that are too small, smaller ones too large. */
const BIAS: Readonly<Record<Width, number>> = { 32: 127, 64: 1023 };

function estimate(unit: FloatUnit, width: Width, bits: bigint): bigint {
  const special = unit.special(width, bits, 'reciprocal');
  if (special !== undefined) return special;
  let { sign, exponent, fraction } = take(width, bits);
  if (exponent === 0) {
    if (fraction >> 51n === 0n) {
      // Below 2^-128 or 2^-1024: what comes out is too large.
      if (fraction >> 50n === 0n) return unit.overflow(width, sign === 1n ? 1 : 0);
      exponent = -1;
      fraction = (fraction << 2n) & ones(52);
    } else fraction = (fraction << 1n) & ones(52);
  }
  let made = 2 * BIAS[width] - 1 - exponent;
  if (made <= 0 && unit.flushed()) return sign << BigInt(width - 1);
  let result = BigInt(reciprocal(nine(fraction)) & 0xff) << 44n;
  if (made === 0) result = (1n << 51n) | (result >> 1n);
  else if (made === -1) {
    result = (1n << 50n) | (result >> 2n);
    made = 0;
  }
  return put(width, { sign, exponent: made, fraction: result });
}

function rootEstimate(unit: FloatUnit, width: Width, bits: bigint): bigint {
  const special = unit.special(width, bits, 'root');
  if (special !== undefined) return special;
  let { exponent, fraction } = take(width, bits);
  if (exponent === 0) {
    for (; fraction >> 51n === 0n; exponent--) fraction = (fraction << 1n) & ones(52);
    fraction = (fraction << 1n) & ones(52);
  }
  const scaled = (exponent & 1) === 0 ? nine(fraction) : nine(fraction) >> 1;
  const made = Math.floor((3 * BIAS[width] - 1 - exponent) / 2);
  return put(width, { sign: 0n, exponent: made, fraction: BigInt(reciprocalRoot(scaled) & 0xff) << 44n });
}

/** frecpx: the exponent turned round. */
function exponentOf(unit: FloatUnit, width: Width, bits: bigint): bigint {
  const nan = unit.special(width, bits, 'nan');
  if (nan !== undefined) return nan;
  const { sign, exponent } = take(width, bits);
  const all = 2 * BIAS[width] + 1;
  return put(width, { sign, exponent: exponent === 0 ? all - 1 : all - exponent, fraction: 0n });
}

const lanes =
  (each: (unit: FloatUnit, width: Width, a: bigint, b: bigint) => bigint): Execute =>
  (x) => {
    const width: Width = x.isSet(22) ? 64 : 32;
    if (!x.isScalar && width === 64 && !x.isWhole) return 'undefined';
    const count = x.isScalar ? 1 : x.length / width;
    const [n, m] = [x.rn, x.rm].map((number) => split(x.vector(number), width, count));
    x.setVector(
      x.rd,
      join(
        n!.map((a, lane) => each(x.float, width, a, m![lane]!)),
        width,
      ),
    );
    return undefined;
  };

const integers =
  (each: (a: bigint) => bigint): Execute =>
  (x) => {
    x.setVector(x.rd, join(split(x.vector(x.rn), 32, x.length / 32).map(each), 32));
    return undefined;
  };
const topNine = (a: bigint): number => Number(a >> 23n);
const unsigned = (a: bigint): bigint => (a >> 31n === 0n ? ones(32) : BigInt(reciprocal(topNine(a))) << 23n);
const unsignedRoot = (a: bigint): bigint =>
  a >> 30n === 0n ? ones(32) : BigInt(reciprocalRoot(topNine(a))) << 23n;

/** fcvtxn: to the neighbour with an odd fraction. */
const shortenOdd: Execute = (x: Execution) => {
  const values = split(x.vector(x.rn), 64, x.isScalar ? 1 : 2).map((a) => x.float.convertOdd(a));
  const made = join(values, 32);
  const upper = !x.isScalar && x.isWhole;
  x.setVector(x.rd, upper ? BigInt.asUintN(64, x.vector(x.rd)) | (made << 64n) : made);
  return undefined;
};

const both = (bits: string, name: string, execute: Execute): VectorRow[] => [
  [bits.replace('@', '0Q').replace('#', '0'), name, execute],
  [bits.replace('@', '01').replace('#', '1'), name, execute],
];

// biome-ignore format: a table
export const ESTIMATES: readonly VectorRow[] = [
  ...both('@0 #1110 1z 10000 11101 10 nnnnn ddddd', 'frecpe', lanes(estimate)),
  ...both('@1 #1110 1z 10000 11101 10 nnnnn ddddd', 'frsqrte', lanes(rootEstimate)),
  ...both('@0 #1110 0z 1 mmmmm 11111 1 nnnnn ddddd', 'frecps', lanes((unit, width, a, b) => unit.reciprocalStep(width, a, b))),
  ...both('@0 #1110 1z 1 mmmmm 11111 1 nnnnn ddddd', 'frsqrts', lanes((unit, width, a, b) => unit.rootStep(width, a, b))),
  ['010 11110 1z 10000 11111 10 nnnnn ddddd', 'frecpx', lanes(exponentOf)],
  ['0Q0 01110 10 10000 11100 10 nnnnn ddddd', 'urecpe', integers(unsigned)],
  ['0Q1 01110 10 10000 11100 10 nnnnn ddddd', 'ursqrte', integers(unsignedRoot)],
  ...both('@1 #1110 01 10000 10110 10 nnnnn ddddd', 'fcvtxn', shortenOdd),
];
