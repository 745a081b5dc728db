/** Floating-point numbers taken apart, and put together again: binary32, binary64 and the x87's 80 bits (Intel SDM vol. 1, 4.2.2 and 4.8). */

/** Exceptions by their bits in MXCSR and in the x87's status word, which are the same. */
export const INVALID = 1;
export const DENORMAL = 2;
export const DIVIDE_BY_ZERO = 4;
export const OVERFLOW = 8;
export const UNDERFLOW = 16;
export const INEXACT = 32;
/** Those that are found before anything is computed. */
export const BEFORE = INVALID | DENORMAL | DIVIDE_BY_ZERO;

export type Sign = 0 | 1;

/** (-1)^sign * significand * 2^exponent, not 0. */
export interface Exact {
  readonly sign: Sign;
  readonly significand: bigint;
  readonly exponent: number;
}

/**
 * Legend of Value:
 *   finite        a number that is not 0; `denormal` as it was encoded
 *   nan           `fraction`: the significand as 80-bit numbers have it, 64 bits with the integer bit set
 *   unsupported   80 bits that mean nothing since the 80387 (SDM vol. 1, 8.2.2)
 */
export type Value =
  | ({ readonly kind: 'finite'; readonly denormal: boolean } & Exact)
  | { readonly kind: 'zero'; readonly sign: Sign }
  | { readonly kind: 'infinity'; readonly sign: Sign }
  | {
      readonly kind: 'nan';
      readonly sign: Sign;
      readonly fraction: bigint;
      readonly signaling: boolean;
    }
  | { readonly kind: 'unsupported' };

/** Bits of the significand, the integer bit included, and exponents of the smallest and largest normal numbers. */
export interface FloatShape {
  readonly precision: number;
  readonly least: number;
  readonly most: number;
}

export const HALF: FloatShape = { precision: 11, least: -14, most: 15 };
export const SINGLE: FloatShape = { precision: 24, least: -126, most: 127 };
export const DOUBLE: FloatShape = { precision: 53, least: -1022, most: 1023 };
/** With as many bits as the x87's precision control lets through: its exponents are the same for all. */
export const extended = (precision: number): FloatShape => ({ precision, least: -16_382, most: 16_383 });
export const EXTENDED = extended(64);

const INTEGER_BIT = 1n << 63n;
const QUIET_BIT = 1n << 62n;

/** Of the exponent's field. */
const exponentBitsOf = ({ most }: Pick<FloatShape, 'most'>): number => 33 - Math.clz32(most);

const ones = (count: number): bigint => (1n << BigInt(count)) - 1n;
const signOf = (bit: bigint): Sign => (bit === 0n ? 0 : 1);

/** Bits of a float or double as a value. */
export function unpack({ precision, least, most }: FloatShape, bits: bigint): Value {
  const fractionBits = precision - 1;
  const exponentBits = exponentBitsOf({ most });
  const sign = signOf((bits >> BigInt(fractionBits + exponentBits)) & 1n);
  const biased = Number((bits >> BigInt(fractionBits)) & ones(exponentBits));
  const fraction = bits & ones(fractionBits);
  if (biased === 0) {
    if (fraction === 0n) return { kind: 'zero', sign };
    return { kind: 'finite', sign, significand: fraction, exponent: least - fractionBits, denormal: true };
  }
  if (biased === 2 * most + 1) {
    if (fraction === 0n) return { kind: 'infinity', sign };
    const wide = (fraction << BigInt(63 - fractionBits)) | INTEGER_BIT;
    return { kind: 'nan', sign, fraction: wide, signaling: (wide & QUIET_BIT) === 0n };
  }
  return {
    kind: 'finite',
    sign,
    significand: fraction | (1n << BigInt(fractionBits)),
    exponent: biased - most - fractionBits,
    denormal: false,
  };
}

/** The x87's 80 bits: a significand with its integer bit, and sign and exponent in 16 bits. */
export interface Bits80 {
  readonly significand: bigint;
  readonly head: number;
}

const BIAS = 16_383;

export function unpack80({ significand, head }: Bits80): Value {
  const sign: Sign = head >= 0x8000 ? 1 : 0;
  const biased = head & 0x7fff;
  if (biased === 0) {
    if (significand === 0n) return { kind: 'zero', sign };
    return { kind: 'finite', sign, significand, exponent: 1 - BIAS - 63, denormal: true };
  }
  if ((significand & INTEGER_BIT) === 0n) return { kind: 'unsupported' };
  if (biased === 0x7fff) {
    if (significand === INTEGER_BIT) return { kind: 'infinity', sign };
    return { kind: 'nan', sign, fraction: significand, signaling: (significand & QUIET_BIT) === 0n };
  }
  return { kind: 'finite', sign, significand, exponent: biased - BIAS - 63, denormal: false };
}

/** What can be encoded: a number with a significand below 2^precision at its place, or none. */
export type Encodable =
  | { readonly kind: 'zero' | 'infinity'; readonly sign: Sign }
  | { readonly kind: 'nan'; readonly sign: Sign; readonly fraction: bigint }
  | { readonly kind: 'finite'; readonly sign: Sign; readonly significand: bigint; readonly exponent: number };

/** The NaN that an invalid operation gives. */
export const INDEFINITE: Encodable = { kind: 'nan', sign: 1, fraction: INTEGER_BIT | QUIET_BIT };

export const quieted = ({ sign, fraction }: { sign: Sign; fraction: bigint }): Encodable => ({
  kind: 'nan',
  sign,
  fraction: fraction | QUIET_BIT,
});

export function pack({ precision, most }: FloatShape, value: Encodable): bigint {
  const fractionBits = BigInt(precision - 1);
  const exponentBits = BigInt(exponentBitsOf({ most }));
  const head = (biased: bigint): bigint => ((BigInt(value.sign) << exponentBits) | biased) << fractionBits;
  const top = BigInt(2 * most + 1);
  switch (value.kind) {
    case 'zero':
      return head(0n);
    case 'infinity':
      return head(top);
    case 'nan':
      return head(top) | ((value.fraction >> (63n - fractionBits)) & ones(precision - 1));
    default: {
      const normal = value.significand >> fractionBits !== 0n;
      if (!normal) return head(0n) | value.significand;
      return head(BigInt(value.exponent + precision - 1 + most)) | (value.significand & ones(precision - 1));
    }
  }
}

/** `precision`: of the significand, which stands at the upper end of the 64 bits. */
export function pack80(value: Encodable, precision = 64): Bits80 {
  const sign = value.sign << 15;
  switch (value.kind) {
    case 'zero':
      return { significand: 0n, head: sign };
    case 'infinity':
      return { significand: INTEGER_BIT, head: sign | 0x7fff };
    case 'nan':
      return { significand: value.fraction, head: sign | 0x7fff };
    default: {
      const significand = value.significand << BigInt(64 - precision);
      const normal = (significand & INTEGER_BIT) !== 0n;
      return { significand, head: sign | (normal ? value.exponent + precision - 1 + BIAS : 0) };
    }
  }
}
