import { type Encodable, type Exact, type FloatShape, INEXACT, OVERFLOW, UNDERFLOW } from './value.js';

/** By the number that MXCSR and the x87's control word have for them (Intel SDM vol. 1, table 4-8); 2 is upwards. */
export const NEAREST = 0;
export const DOWN = 1;
export const ZERO = 3;
export type Rounding = 0 | 1 | 2 | 3;

export interface Rounded {
  readonly value: Encodable;
  /** Exceptions found. */
  readonly flags: number;
  /** The result is further from 0 than the exact number. */
  readonly up: boolean;
}

export interface RoundingRules {
  readonly rounding: Rounding;
  /** Underflow without loss counts too: it is unmasked. */
  readonly exactUnderflow: boolean;
  /** Results below the least normal number become zeros. */
  readonly flush: boolean;
  /** What is added to the exponent of a result that is too large or too small, instead: where the exception is unmasked, on the x87. */
  readonly adjust?: { readonly overflow: number | undefined; readonly underflow: number | undefined };
}

export const lengthOf = (value: bigint): number => {
  const text = value.toString(16);
  return 4 * (text.length - 1) + (32 - Math.clz32(Number.parseInt(text[0]!, 16)));
};

/** A number to a multiple of 2^quantum: how many, whether that is exact, and whether it is further from 0. */
export function toMultiple(
  { sign, significand, exponent }: Exact,
  quantum: number,
  rounding: Rounding,
): { count: bigint; exact: boolean; up: boolean } {
  const shift = BigInt(quantum - exponent);
  if (shift <= 0n) return { count: significand << -shift, exact: true, up: false };
  const count = significand >> shift;
  const rest = significand - (count << shift);
  if (rest === 0n) return { count, exact: true, up: false };
  const up = isAway(rounding, sign === 1, rest, 1n << (shift - 1n), (count & 1n) === 1n);
  return { count: up ? count + 1n : count, exact: false, up };
}

function isAway(rounding: Rounding, negative: boolean, rest: bigint, half: bigint, odd: boolean): boolean {
  if (rounding === NEAREST) return rest > half || (rest === half && odd);
  if (rounding === ZERO) return false;
  return negative === (rounding === DOWN);
}

/** An exact number to a format (SDM vol. 1, 4.9.1.4 to 4.9.1.6; tiny is what is too small after rounding). */
export function round(number: Exact, shape: FloatShape, rules: RoundingRules): Rounded {
  const { precision, least, most } = shape;
  const { sign } = number;
  const top = number.exponent + lengthOf(number.significand) - 1;
  const free = toMultiple(number, top - precision + 1, rules.rounding);
  // Rounded with exponents without bounds: does it stay where it is?
  const carried = free.count >> BigInt(precision) !== 0n;
  const freeTop = carried ? top + 1 : top;
  if (freeTop > most) return tooLarge(number, shape, rules);
  if (freeTop < least) {
    const by = rules.adjust?.underflow;
    return by === undefined ? tooSmall(number, shape, rules) : adjusted(number, shape, rules, by, UNDERFLOW);
  }
  const quantum = Math.max(top, least) - precision + 1;
  const { count, exact, up } =
    quantum === top - precision + 1 ? free : toMultiple(number, quantum, rules.rounding);
  return { value: encodable(sign, count, quantum, precision), flags: exact ? 0 : INEXACT, up };
}

function encodable(sign: 0 | 1, count: bigint, quantum: number, precision: number): Encodable {
  if (count === 0n) return { kind: 'zero', sign };
  const carried = count >> BigInt(precision) !== 0n;
  return {
    kind: 'finite',
    sign,
    significand: carried ? count >> 1n : count,
    exponent: carried ? quantum + 1 : quantum,
  };
}

function tooSmall(number: Exact, shape: FloatShape, rules: RoundingRules): Rounded {
  const { precision, least } = shape;
  const { sign } = number;
  if (rules.flush) return { value: { kind: 'zero', sign }, flags: UNDERFLOW | INEXACT, up: false };
  const quantum = least - precision + 1;
  const { count, exact, up } = toMultiple(number, quantum, rules.rounding);
  const flags = exact ? (rules.exactUnderflow ? UNDERFLOW : 0) : UNDERFLOW | INEXACT;
  return { value: encodable(sign, count, quantum, precision), flags, up };
}

function tooLarge(number: Exact, shape: FloatShape, rules: RoundingRules): Rounded {
  const { sign } = number;
  const by = rules.adjust?.overflow;
  if (by !== undefined) return adjusted(number, shape, rules, by, OVERFLOW);
  const away =
    rules.rounding === NEAREST || (rules.rounding !== ZERO && (sign === 1) === (rules.rounding === DOWN));
  const largest: Encodable = {
    kind: 'finite',
    sign,
    significand: (1n << BigInt(shape.precision)) - 1n,
    exponent: shape.most - shape.precision + 1,
  };
  return { value: away ? { kind: 'infinity', sign } : largest, flags: OVERFLOW | INEXACT, up: away };
}

function adjusted(number: Exact, shape: FloatShape, rules: RoundingRules, by: number, flag: number): Rounded {
  const inside = { ...number, exponent: number.exponent + by };
  const { rounding } = rules;
  const result = round(inside, shape, { rounding, exactUnderflow: false, flush: false });
  return { ...result, flags: result.flags | flag };
}
