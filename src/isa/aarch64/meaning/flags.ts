import { add, and, constant, eq, isZero, ltu, nonZero, sign, xor, zext } from '../../expressions.js';
import type { Expression, Flag } from '../../meaning.js';

type Flags = Readonly<Partial<Record<Flag, Expression>>>;

const NONE = constant(8, 0);
/** Flags that AArch64 does not have: a statement that writes all flags need not look at those before it. */
const OTHERS: Flags = { pf: NONE, af: NONE };

const leu = (a: Expression, b: Expression): Expression => ({ op: 'compare', width: 8, fn: 'leu', a, b });

/** NZCV by four expressions of width 8, 1 or 0. */
export const nzcv = (n: Expression, z: Expression, c: Expression, v: Expression): Flags => ({
  sf: n,
  zf: z,
  cf: c,
  of: v,
  ...OTHERS,
});

/** r = a + b (Arm ARM, AddWithCarry). */
export const addFlags = (a: Expression, b: Expression, r: Expression): Flags =>
  nzcv(sign(r), isZero(r), ltu(r, a), sign(and(xor(a, r), xor(b, r))));

/** r = a - b: C where nothing is borrowed. */
export const subFlags = (a: Expression, b: Expression, r: Expression): Flags =>
  nzcv(sign(r), isZero(r), leu(b, a), sign(and(xor(a, b), xor(a, r))));

/** r = a + b + carry. */
export const adcFlags = (a: Expression, b: Expression, carry: Expression, r: Expression): Flags => ({
  ...addFlags(a, b, r),
  // A carry in turns "less" into "less or equal".
  cf: nonZero(add(ltu(r, a), and(carry, eq(r, a)))),
});

export const logicFlags = (r: Expression): Flags => nzcv(sign(r), isZero(r), NONE, NONE);

const flag = (name: Flag): Expression => ({ op: 'flag', width: 8, flag: name });
const [N, Z, C, V] = [flag('sf'), flag('zf'), flag('cf'), flag('of')];

/** Arm ARM C1.2.4: the even conditions; an odd one is the opposite of the one before, but for 15, which is always too. */
const CONDITIONS: readonly Expression[] = [
  Z,
  C,
  N,
  V,
  and(C, isZero(Z)),
  eq(N, V),
  and(isZero(Z), eq(N, V)),
  constant(8, 1),
];

/** 1 where the condition holds, width 8. */
export function condition(code: number): Expression {
  const holds = CONDITIONS[code >> 1]!;
  return (code & 1) === 0 || code === 15 ? holds : isZero(holds);
}

/** The carry as a number of a width. */
export const carry = (width: 32 | 64): Expression => zext(width, C);
