import { constant, zext } from '../../expressions.js';
import type { Expression, Width } from '../../meaning.js';
import { extract, shuffle, vector } from '../../vectors.js';
import type { Draft } from './draft.js';

/** Words for vectors of 8 or 16 bytes: bit 30, Q, says which; the upper half of a short result is zeros. */

export const isWhole = (d: Draft): boolean => d.isSet(30);
export const bytesOf = (d: Draft): 8 | 16 => (isWhole(d) ? 16 : 8);

/** Size of an element by its number 0..3, and WebAssembly's name of the lanes. */
export const widthOf = (size: number): Width => (8 << size) as Width;
const LANES = ['i8x16', 'i16x8', 'i32x4', 'i64x2'] as const;
export const lanesOf = (size: number): string => LANES[size]!;

export const lowHalf = (value: Expression): Expression => zext(128, extract(64, 0, value));

/** Writes Vd, cut to the vector's length. */
export const setVector = (d: Draft, value: Expression): void =>
  d.setVector(d.rd, isWhole(d) ? value : lowHalf(value));

export const splat = (value: Expression, size: number): Expression => vector(`${lanesOf(size)}.splat`, value);

export const ZEROS = constant(128, 0);

/** Bytes by number, 0..15 of `a` and 16..31 of `b`, those of one element after those of another; `undefined` is 0 where b is zeros. */
export const elements = (
  a: Expression,
  b: Expression,
  size: number,
  picks: readonly number[],
): Expression => {
  const bytes = 1 << size;
  const all = picks.flatMap((pick) => Array.from({ length: bytes }, (_, n) => pick * bytes + n));
  while (all.length < 16) all.push(0);
  return shuffle(a, b, all);
};
