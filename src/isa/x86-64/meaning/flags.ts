import {
  add,
  and,
  bit,
  constant,
  eq,
  isZero,
  ltu,
  nonZero,
  popcnt,
  resize,
  sign,
  truncate,
  xor,
} from '../../expressions.js';
import type { Expression, Flag } from '../../meaning.js';

type Flags = Readonly<Partial<Record<Flag, Expression>>>;

/** Zero, sign and parity of a result (Intel SDM vol. 1, 3.4.3.1). Parity is that of the low byte: 1 where even. */
export const resultFlags = (result: Expression): Flags => ({
  zf: isZero(result),
  sf: sign(result),
  pf: isZero(and(popcnt(resize(32, truncate8(result))), constant(32, 1))),
});

const truncate8 = (a: Expression): Expression => (a.width === 8 ? a : truncate(8, a));

/** A carry out of bit 3. */
const adjust = (a: Expression, b: Expression, result: Expression): Expression =>
  bit(xor(xor(a, b), result), 4);

/** r = a + b. Overflow: both of one sign, the result of the other. */
export const addFlags = (a: Expression, b: Expression, result: Expression): Flags => ({
  ...resultFlags(result),
  cf: ltu(result, a),
  af: adjust(a, b, result),
  of: sign(and(xor(a, result), xor(b, result))),
});

/** r = a + b + carry. */
export const adcFlags = (a: Expression, b: Expression, carry: Expression, result: Expression): Flags => ({
  ...addFlags(a, b, result),
  // A carry in turns "less" into "less or equal".
  cf: or8(ltu(result, a), and(carry, eq(result, a))),
});

/** r = a - b. */
export const subFlags = (a: Expression, b: Expression, result: Expression): Flags => ({
  ...resultFlags(result),
  cf: ltu(a, b),
  af: adjust(a, b, result),
  of: sign(and(xor(a, b), xor(a, result))),
});

/** r = a - b - borrow. */
export const sbbFlags = (a: Expression, b: Expression, borrow: Expression, result: Expression): Flags => ({
  ...subFlags(a, b, result),
  cf: or8(ltu(a, b), and(borrow, eq(a, b))),
});

const or8 = (a: Expression, b: Expression): Expression => nonZero(add(a, b));

/** and, or, xor, test: carry and overflow cleared. AF is undefined; processors clear it. */
export const logicFlags = (result: Expression): Flags => ({
  ...resultFlags(result),
  cf: constant(8, 0),
  of: constant(8, 0),
  af: constant(8, 0),
});

/** inc and dec leave the carry alone. */
export function withoutCarry({ cf: _, ...others }: Flags): Flags {
  return others;
}

/** Conditions by their number (Intel SDM vol. 2, B.1.4.7): the even ones; an odd one is the opposite of the one before. */
const CONDITIONS: readonly ((flag: (name: Flag) => Expression) => Expression)[] = [
  (f) => f('of'),
  (f) => f('cf'),
  (f) => f('zf'),
  (f) => or8(f('cf'), f('zf')),
  (f) => f('sf'),
  (f) => f('pf'),
  (f) => xor(f('sf'), f('of')),
  (f) => or8(f('zf'), xor(f('sf'), f('of'))),
];

export function condition(number: number, flag: (name: Flag) => Expression): Expression {
  const holds = CONDITIONS[number >> 1]!(flag);
  return (number & 1) === 0 ? holds : isZero(holds);
}
