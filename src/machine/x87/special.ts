import { denormals, exactly, INVALID_OUTCOME, type Outcome, type Signed } from '../float/operations.js';
import { lengthOf, NEAREST, toMultiple, ZERO } from '../float/round.js';
import {
  DIVIDE_BY_ZERO,
  type Encodable,
  INDEFINITE,
  INEXACT,
  INVALID,
  pack80,
  type Value,
} from '../float/value.js';
import { integer } from './arithmetic.js';
import type { Row } from './row.js';
import { C0, C1, C2, C3, chooseNaN, INDEFINITE_BITS, normal, STACK_FAULT, type Unit } from './unit.js';

const stackFault: Outcome = { value: INDEFINITE, flags: INVALID | STACK_FAULT, up: false };

/** To an integer, still as a number. */
const roundToInteger: Row = (unit) => {
  if (unit.isEmpty(0)) {
    unit.deliver(0, stackFault, 0);
    return;
  }
  const value = unit.value(0);
  const nan = chooseNaN(value);
  if (nan !== undefined || value.kind !== 'finite') {
    unit.deliver(0, nan ?? exactly(value as Encodable), 0);
    return;
  }
  const { count, exact, up } = toMultiple(value, 0, unit.rounding);
  const flags = denormals(value) | (exact ? 0 : INEXACT);
  if (exact) unit.deliver(0, exactly(normal(value), flags), 0);
  else if (count === 0n) unit.deliver(0, { value: { kind: 'zero', sign: value.sign }, flags, up }, 0);
  else unit.deliver(0, { value: normal({ ...value, significand: count, exponent: 0 }), flags, up }, 0);
};

/** ST(0) * 2^ST(1), ST(1) cut to an integer (Intel SDM vol. 2, FSCALE). */
const scale: Row = (unit) => {
  if (unit.isEmpty(0) || unit.isEmpty(1)) {
    unit.deliver(0, stackFault, 0);
    return;
  }
  unit.deliver(0, scaled(unit, unit.value(0), unit.value(1)), 0);
};

function scaled(unit: Unit, a: Value, b: Value): Outcome {
  const nan = chooseNaN(a, b);
  if (nan !== undefined) return nan;
  const [x, y] = [a as Signed, b as Signed];
  const flags = denormals(x, y);
  if (y.kind === 'infinity') {
    if (y.sign === 0 && x.kind === 'zero') return INVALID_OUTCOME;
    if (y.sign === 1 && x.kind === 'infinity') return INVALID_OUTCOME;
    return exactly({ kind: y.sign === 0 ? 'infinity' : 'zero', sign: x.sign }, flags);
  }
  if (x.kind !== 'finite') return exactly(x, flags);
  if (y.kind === 'zero') return unit.context(64).finish(x, flags);
  // Further than this everything is too large or too small.
  const whole = y.exponent > 0 ? 1n << 20n : toMultiple(y, 0, ZERO).count;
  const by = Number(whole > 0x1_0000n ? 0x1_0000n : whole) * (y.sign === 1 ? -1 : 1);
  return unit.context(64).finish({ ...x, exponent: x.exponent + by }, flags);
}

/** The exponent to ST(0), and the significand pushed above it. */
const takeApart: Row = (unit) => {
  if (unit.isEmpty(0) || !unit.isEmpty(-1)) {
    // Of both, the empty one counts.
    const c1 = !unit.isEmpty(0);
    if (!unit.raise(INVALID | STACK_FAULT, c1)) return;
    unit.write(0, INDEFINITE_BITS);
    unit.push(INDEFINITE_BITS);
    return;
  }
  const value = unit.value(0);
  const nan = chooseNaN(value);
  const both = (exponent: Encodable, significand: Encodable, flags: number): void => {
    if (!unit.raise(flags)) return;
    unit.write(0, pack80(exponent));
    unit.push(pack80(significand));
  };
  if (nan !== undefined) both(nan.value, nan.value, nan.flags);
  else if (value.kind === 'zero') both({ kind: 'infinity', sign: 1 }, value, DIVIDE_BY_ZERO);
  else if (value.kind === 'infinity') both({ kind: 'infinity', sign: 0 }, value, 0);
  else if (value.kind === 'finite') {
    const exponent = value.exponent + lengthOf(value.significand) - 1;
    const full = normal(value) as Extract<Encodable, { kind: 'finite' }>;
    both(normal(integer(BigInt(exponent)) as Signed), { ...full, exponent: -63 }, denormals(value));
  }
};

/**
 * fprem and fprem1: the remainder of ST(0) by ST(1), the quotient cut or rounded to nearest. Where the exponents are 64 or more apart it is
 * reduced by a part only, and C2 says so (Intel SDM vol. 2, FPREM).
 */
const remainder =
  (rounding: typeof ZERO | typeof NEAREST): Row =>
  (unit) => {
    unit.status &= ~C2;
    if (unit.isEmpty(0) || unit.isEmpty(1)) {
      unit.deliver(0, stackFault, 0);
      return;
    }
    const [a, b] = [unit.value(0), unit.value(1)];
    const nan = chooseNaN(a, b);
    const outcome = nan ?? special(unit, a as Signed, b as Signed);
    if (outcome === undefined) reduce(unit, a as Finite, b as Finite, rounding);
    else {
      // A quotient of 0; what is invalid leaves the codes (measured on AMD).
      if (nan === undefined && outcome !== INVALID_OUTCOME) unit.status &= ~(C0 | C3);
      unit.deliver(0, outcome, 0);
    }
  };
type Finite = Extract<Value, { kind: 'finite' }>;

function special(unit: Unit, a: Signed, b: Signed): Outcome | undefined {
  if (a.kind === 'infinity' || b.kind === 'zero') return INVALID_OUTCOME;
  if (a.kind === 'zero') return exactly(a, denormals(b));
  if (b.kind === 'infinity') return unit.context(64).finish(a, denormals(a));
  return undefined;
}

function reduce(unit: Unit, a: Finite, b: Finite, rounding: typeof ZERO | typeof NEAREST): void {
  const flags = denormals(a, b);
  const [top, topOfB] = [a, b].map((value) => value.exponent + lengthOf(value.significand));
  const distance = top! - topOfB!;
  const partial = distance >= 64;
  // Of a partial reduction the multiple of b is a large one: this many bits of the quotient are taken off.
  const step = partial ? distance - ((distance & 31) | 32) : 0;
  const at = Math.min(a.exponent, b.exponent + step);
  const x = a.significand << BigInt(a.exponent - at);
  const y = b.significand << BigInt(b.exponent + step - at);
  let quotient = x / y;
  let rest = x - quotient * y;
  if (!partial && rounding === NEAREST && (2n * rest > y || (2n * rest === y && (quotient & 1n) === 1n))) {
    quotient += 1n;
    rest -= y;
  }
  const sign = rest < 0n === (a.sign === 0) && rest !== 0n ? 1 : rest === 0n ? a.sign : 0;
  const outcome: Outcome =
    rest === 0n
      ? exactly({ kind: 'zero', sign: a.sign }, flags)
      : unit.context(64).finish({ sign, significand: rest < 0n ? -rest : rest, exponent: at }, flags);
  unit.deliver(0, outcome, 0);
  if ((outcome.flags & ~unit.control & 7) !== 0) return;
  unit.status &= ~(C0 | C1 | C3);
  if (partial) unit.status |= C2;
  else
    unit.status |=
      ((quotient & 4n) !== 0n ? C0 : 0) |
      ((quotient & 2n) !== 0n ? C3 : 0) |
      ((quotient & 1n) !== 0n ? C1 : 0);
}

export const SPECIAL: readonly (readonly [string, Row])[] = [
  ['rndint', roundToInteger],
  ['scale', scale],
  ['xtract', takeApart],
  ['prem', remainder(ZERO)],
  ['prem1', remainder(NEAREST)],
];
