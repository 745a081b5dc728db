import { addExact, divideExact, multiplyExact } from '../float/arithmetic.js';
import {
  arcTangent,
  cosine,
  logTwo,
  logTwoOnePlus,
  piTimes,
  powerMinusOne,
  sine,
} from '../float/functions.js';
import { denormals, exactly, INVALID_OUTCOME, type Outcome, type Signed } from '../float/operations.js';
import { lengthOf, NEAREST, toMultiple } from '../float/round.js';
import {
  DIVIDE_BY_ZERO,
  type Encodable,
  type Exact,
  INDEFINITE,
  INVALID,
  pack80,
  type Sign,
  type Value,
} from '../float/value.js';
import type { Row } from './row.js';
import { C2, chooseNaN, normal, STACK_FAULT, type Unit } from './unit.js';

/**
 * Functions without end, exact to the last bit in every rounding. Processors differ from them, and from each other, by less than a unit in
 * the last place (Intel SDM vol. 1, 8.3.10).
 */
const stackFault: Outcome = { value: INDEFINITE, flags: INVALID | STACK_FAULT, up: false };

const zero = (sign: Sign): Encodable => ({ kind: 'zero', sign });
const infinity = (sign: Sign): Encodable => ({ kind: 'infinity', sign });
const not = (sign: Sign): Sign => (sign === 1 ? 0 : 1);
const ONE: Exact = { sign: 0, significand: 1n, exponent: 0 };

/** The order of a positive number and 1. */
function againstOne(x: Exact): -1 | 0 | 1 {
  const rest = addExact(x, { ...ONE, sign: 1 });
  return rest === undefined ? 0 : rest.sign === 1 ? -1 : 1;
}

type Two = (unit: Unit, x: Signed, y: Signed) => Outcome;

/** Of ST(0) and ST(1), into ST(1), and pops. */
const ofTwo =
  (compute: Two): Row =>
  (unit) => {
    if (unit.isEmpty(0) || unit.isEmpty(1)) {
      unit.deliver(1, stackFault, 1);
      return;
    }
    const [x, y] = [unit.value(0), unit.value(1)];
    unit.deliver(1, chooseNaN(x, y) ?? compute(unit, x as Signed, y as Signed), 1);
  };

/** y * log2(x) (Intel SDM vol. 2, table 3-46). */
const yTimesLog: Two = (unit, x, y) => {
  const flags = denormals(x, y);
  if (x.kind === 'zero') {
    if (y.kind === 'zero') return INVALID_OUTCOME;
    if (y.kind === 'infinity') return exactly(infinity(not(y.sign)), flags);
    return exactly(infinity(not(y.sign)), flags | DIVIDE_BY_ZERO);
  }
  if (x.sign === 1) return INVALID_OUTCOME;
  const order = x.kind === 'infinity' ? 1 : againstOne(x);
  if (x.kind === 'infinity' || y.kind === 'infinity') {
    if (y.kind === 'zero' || order === 0) return INVALID_OUTCOME;
    return exactly(infinity(order === -1 ? not(y.sign) : y.sign), flags);
  }
  if (order === 0 || y.kind === 'zero') return exactly(zero(order === -1 ? not(y.sign) : y.sign), flags);
  return unit.context(64).finish(multiplyExact(y, logTwo(x)), flags);
};

/** y * log2(x + 1), x near 0 (table 3-47); further away nothing is said, and this takes what it can. */
const yTimesLogOnePlus: Two = (unit, x, y) => {
  const flags = denormals(x, y);
  if (x.kind === 'zero') {
    if (y.kind === 'infinity') return INVALID_OUTCOME;
    return exactly(zero(x.sign === y.sign ? 0 : 1), flags);
  }
  const sign: Sign = x.sign === y.sign ? 0 : 1;
  if (x.kind === 'infinity')
    return x.sign === 1 || y.kind === 'zero' ? INVALID_OUTCOME : exactly(infinity(sign), flags);
  if (y.kind === 'infinity') return exactly(infinity(sign), flags);
  if (y.kind === 'zero') return exactly(zero(sign), flags);
  if (x.sign === 1 && againstOne({ ...x, sign: 0 }) !== -1) return INVALID_OUTCOME;
  return unit.context(64).finish(multiplyExact(y, logTwoOnePlus(x)), flags);
};

/** The angle of the point (x, y) (Intel SDM vol. 2, table 3-30). */
const angle: Two = (unit, x, y) => {
  const flags = denormals(x, y);
  const { sign } = y;
  const part = (numerator: bigint, denominator: bigint): Outcome =>
    unit.context(64).finish({ ...piTimes(numerator, denominator), sign }, flags);
  if (y.kind === 'infinity') {
    if (x.kind !== 'infinity') return part(1n, 2n);
    return x.sign === 0 ? part(1n, 4n) : part(3n, 4n);
  }
  if (x.kind === 'infinity' || y.kind === 'zero')
    return x.sign === 1 ? part(1n, 1n) : exactly(zero(sign), flags);
  if (x.kind === 'zero') return part(1n, 2n);
  const arc = arcTangent(y, x);
  const turned = x.sign === 1 ? addExact(piTimes(1n, 1n), { ...arc, sign: 1 })! : arc;
  return unit.context(64).finish({ ...turned, sign }, flags);
};

const one =
  (compute: (unit: Unit, x: Signed) => Outcome): Row =>
  (unit) => {
    if (unit.isEmpty(0)) {
      unit.deliver(0, stackFault, 0);
      return;
    }
    const x = unit.value(0);
    unit.deliver(0, chooseNaN(x) ?? compute(unit, x as Signed), 0);
  };

/** 2^x - 1, x between -1 and 1; further away nothing is said, and x stays. */
const power = (unit: Unit, x: Signed): Outcome => {
  const flags = denormals(x);
  if (x.kind === 'zero') return exactly(x);
  if (x.kind === 'infinity') return exactly(x.sign === 1 ? normal(minusOne) : x);
  const order = againstOne({ ...x, sign: 0 });
  if (order === 1) return exactly(normal(x), flags);
  if (order === 0) return x.sign === 0 ? exactly(normal(x)) : exactly(normal({ ...minusOne, exponent: -1 }));
  return unit.context(64).finish(powerMinusOne(x), flags);
};
const minusOne = { kind: 'finite', sign: 1, significand: 1n, exponent: 0, denormal: false } as const;

/** pi as the processor has it: 66 bits (Intel SDM vol. 1, 8.3.8). */
const PI_BITS = 0xc90f_daa2_2168_c234_cn;
const HALF_PI: Exact = { sign: 0, significand: PI_BITS, exponent: -67 };

/** A number as quarters of a turn and what is left, between -pi/4 and pi/4; undefined from 2^63 on. */
function reduced(x: Exact): { quarters: number; rest: Exact | undefined } | undefined {
  if (x.exponent + lengthOf(x.significand) > 63) return undefined;
  const { count } = toMultiple(divideExact({ ...x, sign: 0 }, HALF_PI), 0, NEAREST);
  const signed = x.sign === 1 ? -count : count;
  if (count === 0n) return { quarters: 0, rest: x };
  const whole: Exact = { ...HALF_PI, significand: HALF_PI.significand * count, sign: not(x.sign) };
  return { quarters: Number(BigInt.asUintN(2, signed)), rest: addExact(x, whole) };
}

/** sin of a number of quarters, and a rest. */
function sineOf(quarters: number, rest: Exact | undefined): Exact | undefined {
  const value = quarters % 2 === 0 ? rest && sine(rest) : rest === undefined ? ONE : cosine(rest);
  return value && quarters >= 2 ? { ...value, sign: not(value.sign) } : value;
}

const finishOr = (unit: Unit, value: Exact | undefined, flags: number): Outcome =>
  value === undefined ? exactly(zero(0), flags) : unit.context(64).finish(value, flags);

/** Where x is too large C2 is set and nothing else done. */
function inRange(unit: Unit, x: Value): boolean {
  const large = x.kind === 'finite' && x.exponent + lengthOf(x.significand) > 63;
  if (large) {
    unit.raise(0);
    unit.status |= C2;
  }
  return !large;
}

const circular =
  (shift: 0 | 1): Row =>
  (unit) => {
    unit.status &= ~C2;
    if (unit.isEmpty(0)) {
      unit.deliver(0, stackFault, 0);
      return;
    }
    const x = unit.value(0);
    if (inRange(unit, x)) unit.deliver(0, circle(unit, x, shift), 0);
  };

/** sin, or cos, which is a quarter further. */
function circle(unit: Unit, x: Value, shift: 0 | 1): Outcome {
  const nan = chooseNaN(x);
  if (nan !== undefined) return nan;
  if (x.kind === 'infinity') return INVALID_OUTCOME;
  if (x.kind !== 'finite') return shift === 0 ? exactly(x as Encodable) : exactly(normal(plusOne));
  const { quarters, rest } = reduced(x)!;
  return finishOr(unit, sineOf((quarters + shift) % 4, rest), denormals(x));
}
const plusOne = { ...minusOne, sign: 0 } as const;

/** fsincos and fptan push a second result above the first. */
const pushing =
  (both: (unit: Unit, x: Value) => readonly [below: Outcome, above: Outcome]): Row =>
  (unit) => {
    unit.status &= ~C2;
    if (unit.isEmpty(0) || !unit.isEmpty(-1)) {
      const c1 = !unit.isEmpty(0);
      if (!unit.raise(INVALID | STACK_FAULT, c1)) return;
      unit.write(0, pack80(INDEFINITE));
      unit.push(pack80(INDEFINITE));
      return;
    }
    const x = unit.value(0);
    if (!inRange(unit, x)) return;
    const [below, above] = both(unit, x);
    if (!unit.raise(below.flags | above.flags, above.up)) return;
    unit.write(0, pack80(below.value));
    unit.push(pack80(above.value));
  };

function tangent(unit: Unit, x: Value): Outcome {
  const nan = chooseNaN(x);
  if (nan !== undefined) return nan;
  if (x.kind === 'infinity') return INVALID_OUTCOME;
  if (x.kind !== 'finite') return exactly(x as Encodable);
  const { quarters, rest } = reduced(x)!;
  const [s, c] = [sineOf(quarters, rest), sineOf((quarters + 1) % 4, rest)];
  if (c === undefined) return exactly(infinity(0), DIVIDE_BY_ZERO);
  return finishOr(unit, s && divideExact(s, c), denormals(x));
}

export const TRANSCENDENTAL: readonly (readonly [string, Row])[] = [
  ['yl2x', ofTwo(yTimesLog)],
  ['yl2xp1', ofTwo(yTimesLogOnePlus)],
  ['patan', ofTwo(angle)],
  ['2xm1', one(power)],
  ['sin', circular(0)],
  ['cos', circular(1)],
  ['sincos', pushing((unit, x) => [circle(unit, x, 0), circle(unit, x, 1)])],
  [
    'ptan',
    pushing((unit, x) => {
      const result = tangent(unit, x);
      const isNaN80 = result.value.kind === 'nan';
      return [result, isNaN80 ? result : exactly(normal(plusOne))];
    }),
  ],
];
