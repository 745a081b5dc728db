import { addExact, divideExact, multiplyExact, rootExact } from './arithmetic.js';
import {
  DENORMAL,
  DIVIDE_BY_ZERO,
  type Encodable,
  type Exact,
  INDEFINITE,
  INVALID,
  type Sign,
  type Value,
} from './value.js';

/** A result before it is encoded, and the exceptions found. `up`: rounded away from 0. */
export interface Outcome {
  readonly value: Encodable;
  readonly flags: number;
  readonly up: boolean;
}

/** What SSE and x87 do differently. */
export interface Context {
  /** Rounds, and adds what it finds to `flags`. */
  finish(number: Exact, flags: number): Outcome;
  /** The result where an operand is a NaN, or nothing that can be computed with; undefined where none is. */
  nan(...values: readonly Value[]): Outcome | undefined;
  /** Of a difference that is exactly 0: 1 where rounded downwards. */
  readonly zeroSign: Sign;
}

/** What is left when there are no NaNs. */
export type Signed = Extract<Value, { kind: 'finite' | 'zero' | 'infinity' }>;
export type Operation = (context: Context, a: Value, b: Value) => Outcome;

export const INVALID_OUTCOME: Outcome = { value: INDEFINITE, flags: INVALID, up: false };
export const exactly = (value: Encodable, flags = 0): Outcome => ({ value, flags, up: false });

export const denormals = (...values: readonly Value[]): number =>
  values.some((value) => value.kind === 'finite' && value.denormal) ? DENORMAL : 0;

const negated = (value: Signed): Signed => ({ ...value, sign: value.sign === 1 ? 0 : 1 });
const signOfProduct = (a: Signed, b: Signed): Sign => (a.sign === b.sign ? 0 : 1);

const sum =
  (subtracts: boolean): Operation =>
  (context, a, given) => {
    const nan = context.nan(a, given);
    if (nan !== undefined) return nan;
    const [x, y] = [a as Signed, subtracts ? negated(given as Signed) : (given as Signed)];
    const flags = denormals(x, y);
    if (x.kind === 'infinity' || y.kind === 'infinity') {
      if (x.kind === y.kind && x.sign !== y.sign) return INVALID_OUTCOME;
      return exactly({ kind: 'infinity', sign: x.kind === 'infinity' ? x.sign : y.sign }, flags);
    }
    if (x.kind === 'zero' && y.kind === 'zero')
      return exactly({ kind: 'zero', sign: x.sign === y.sign ? x.sign : context.zeroSign }, flags);
    const exact = x.kind === 'zero' ? (y as Exact) : y.kind === 'zero' ? x : addExact(x, y);
    if (exact === undefined) return exactly({ kind: 'zero', sign: context.zeroSign }, flags);
    return context.finish(exact, flags);
  };

export const add = sum(false);
export const subtract = sum(true);

export const multiply: Operation = (context, a, b) => {
  const nan = context.nan(a, b);
  if (nan !== undefined) return nan;
  const [x, y] = [a as Signed, b as Signed];
  const sign = signOfProduct(x, y);
  if (x.kind === 'infinity' || y.kind === 'infinity') {
    if (x.kind === 'zero' || y.kind === 'zero') return INVALID_OUTCOME;
    return exactly({ kind: 'infinity', sign }, denormals(a, b));
  }
  if (x.kind !== 'finite' || y.kind !== 'finite') return exactly({ kind: 'zero', sign }, denormals(a, b));
  return context.finish(multiplyExact(x, y), denormals(a, b));
};

export const divide: Operation = (context, a, b) => {
  const nan = context.nan(a, b);
  if (nan !== undefined) return nan;
  const [x, y] = [a as Signed, b as Signed];
  const sign = signOfProduct(x, y);
  if (x.kind === y.kind && x.kind !== 'finite') return INVALID_OUTCOME;
  if (x.kind === 'infinity') return exactly({ kind: 'infinity', sign }, denormals(b));
  if (y.kind === 'zero') return exactly({ kind: 'infinity', sign }, DIVIDE_BY_ZERO);
  if (x.kind !== 'finite' || y.kind !== 'finite') return exactly({ kind: 'zero', sign }, denormals(a, b));
  return context.finish(divideExact(x, y), denormals(a, b));
};

export const squareRoot: Operation = (context, a) => {
  const nan = context.nan(a);
  if (nan !== undefined) return nan;
  const x = a as Signed;
  if (x.kind === 'zero') return exactly(x);
  if (x.sign === 1) return INVALID_OUTCOME;
  if (x.kind === 'infinity') return exactly(x);
  return context.finish(rootExact(x), denormals(a));
};

/** -1, 0, 1; undefined where one is no number. */
export function compare(a: Value, b: Value): -1 | 0 | 1 | undefined {
  if (a.kind === 'nan' || b.kind === 'nan' || a.kind === 'unsupported' || b.kind === 'unsupported')
    return undefined;
  const rank = (value: Signed): number =>
    (value.kind === 'zero' ? 0 : value.kind === 'finite' ? 1 : 2) * (value.sign === 1 ? -1 : 1);
  const [x, y] = [rank(a), rank(b)];
  if (x !== y) return x < y ? -1 : 1;
  if (a.kind !== 'finite' || b.kind !== 'finite') return 0;
  const difference = addExact(a, { ...b, sign: b.sign === 1 ? 0 : 1 });
  return difference === undefined ? 0 : difference.sign === 1 ? -1 : 1;
}
