import type { Expression, FloatFn, Format, Width } from './meaning.js';

/** Short words for expressions on vectors and floating-point numbers. */

export const xmm = (register: number): Expression => ({ op: 'xmm', width: 128, register });

export const vector = (fn: string, ...operands: Expression[]): Expression => ({
  op: 'vector',
  width: 128,
  fn,
  operands,
});

export const shuffle = (a: Expression, b: Expression, bytes: readonly number[]): Expression => ({
  op: 'shuffle',
  width: 128,
  a,
  b,
  bytes,
});

/** A shuffle of whole lanes of `width` bits; lane numbers go on in `b`. */
export const shuffleLanes = (
  width: number,
  a: Expression,
  b: Expression,
  lanes: readonly number[],
): Expression => {
  const bytes = width / 8;
  return shuffle(
    a,
    b,
    lanes.flatMap((lane) => Array.from({ length: bytes }, (_, n) => lane * bytes + n)),
  );
};

export const extract = (width: Width, lane: number, a: Expression): Expression => ({
  op: 'extract',
  width,
  lane,
  a,
});

/** `a` with the lane of the value's width replaced. */
export const insert = (lane: number, a: Expression, value: Expression): Expression => ({
  op: 'insert',
  width: 128,
  lane,
  a,
  value,
});

export const laneMask = (lanes: 8 | 32 | 64, a: Expression): Expression => ({
  op: 'lane-mask',
  width: 32,
  lanes,
  a,
});

const FORMAT_WIDTH: Readonly<Record<Format, 32 | 64>> = { i32: 32, i64: 64, f32: 32, f64: 64 };
export const widthOf = (format: Format): 32 | 64 => FORMAT_WIDTH[format];

const FLAGS: ReadonlySet<FloatFn> = new Set<FloatFn>([
  'below',
  'same',
  'unordered',
  's-below',
  's-same',
  's-unordered',
]);

export const float = (fn: FloatFn, from: Format, to: Format, ...operands: Expression[]): Expression => ({
  op: 'float',
  width: FLAGS.has(fn) ? 8 : widthOf(to),
  fn,
  from,
  to,
  operands,
});

export const floats = (fn: FloatFn, from: Format, to: Format, ...operands: Expression[]): Expression => ({
  op: 'floats',
  width: 128,
  fn,
  from,
  to,
  operands,
});
