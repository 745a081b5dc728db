import type { Binary, Compare, Expression, Flag, Unary, Width } from './meaning.js';

/** Short words for expressions, so that a row of a table reads like the manual. Constants fold. */

export const constant = (width: Width, value: bigint | number): Expression => ({
  op: 'constant',
  width,
  value: BigInt.asUintN(width, BigInt(value)),
});

export const isConstant = (e: Expression): e is Extract<Expression, { op: 'constant' }> =>
  e.op === 'constant';

export const register = (width: Width, number: number, high = false): Expression => ({
  op: 'register',
  width,
  register: number,
  high,
});

const FOLD: Readonly<Partial<Record<Binary, (a: bigint, b: bigint) => bigint>>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr: (a, b) => a >> b,
};

export function binary(fn: Binary, a: Expression, b: Expression): Expression {
  const fold = FOLD[fn];
  if (fold !== undefined && isConstant(a) && isConstant(b)) return constant(a.width, fold(a.value, b.value));
  if (isConstant(b) && b.value === 0n && NEUTRAL_ZERO.has(fn)) return a;
  return { op: 'binary', width: a.width, fn, a, b };
}

const NEUTRAL_ZERO: ReadonlySet<Binary> = new Set<Binary>([
  'add',
  'sub',
  'or',
  'xor',
  'shl',
  'shr',
  'sar',
  'rol',
  'ror',
]);

type Two = (a: Expression, b: Expression) => Expression;
const two =
  (fn: Binary): Two =>
  (a, b) =>
    binary(fn, a, b);
export const add = two('add');
export const sub = two('sub');
export const mul = two('mul');
export const and = two('and');
export const or = two('or');
export const xor = two('xor');
export const shl = two('shl');
export const shr = two('shr');

const one =
  (fn: Unary) =>
  (a: Expression): Expression => ({ op: 'unary', width: a.width, fn, a });
export const not = one('not');
export const neg = one('neg');
export const clz = one('clz');
export const ctz = one('ctz');
export const popcnt = one('popcnt');

const compare =
  (fn: Compare) =>
  (a: Expression, b: Expression): Expression => ({ op: 'compare', width: 8, fn, a, b });
export const eq = compare('eq');
export const ne = compare('ne');
export const ltu = compare('ltu');
export const lts = compare('lts');

export const isZero = (a: Expression): Expression => eq(a, constant(a.width, 0));
export const nonZero = (a: Expression): Expression => ne(a, constant(a.width, 0));

export function zext(width: Width, a: Expression): Expression {
  if (a.width === width) return a;
  return isConstant(a) ? constant(width, a.value) : { op: 'extend', width, signed: false, a };
}

export function sext(width: Width, a: Expression): Expression {
  if (a.width === width) return a;
  return isConstant(a)
    ? constant(width, BigInt.asIntN(a.width, a.value))
    : { op: 'extend', width, signed: true, a };
}

export function truncate(width: Width, a: Expression): Expression {
  if (a.width === width) return a;
  if (a.op === 'register' && !a.high) return register(width, a.register);
  return isConstant(a) ? constant(width, a.value) : { op: 'truncate', width, a };
}

/** To a width, whichever way. */
export const resize = (width: Width, a: Expression): Expression =>
  a.width > width ? truncate(width, a) : zext(width, a);

export const select = (condition: Expression, a: Expression, b: Expression): Expression => ({
  op: 'select',
  width: a.width,
  condition,
  a,
  b,
});

export const flag = (name: Flag): Expression => ({ op: 'flag', width: 8, flag: name });
export const load = (width: Width, address: Expression): Expression => ({ op: 'load', width, address });
export const segment = (name: 'fs' | 'gs'): Expression => ({ op: 'segment', width: 64, segment: name });

/** The most significant bit, 1 or 0. */
export const sign = (a: Expression): Expression => lts(a, constant(a.width, 0));
/** Bit `n` of a value, 1 or 0, width 8. */
export const bit = (a: Expression, n: number): Expression =>
  truncateOrSame(8, and(shr(a, constant(a.width, n)), constant(a.width, 1)));

const truncateOrSame = (width: Width, a: Expression): Expression =>
  a.width === width ? a : truncate(width, a);
