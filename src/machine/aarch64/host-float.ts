/**
 * Arithmetic on bits by the host's doubles, to nearest, where that is all there is to it: operands and result are normal numbers well within
 * the format. Undefined of all others.
 */

type Width = 32 | 64;

const view = new DataView(new ArrayBuffer(8));

function numberOf(width: Width, bits: bigint): number {
  if (width === 64) {
    view.setBigUint64(0, bits);
    return view.getFloat64(0);
  }
  view.setUint32(0, Number(bits));
  return view.getFloat32(0);
}

function bitsOf(width: Width, value: number): bigint {
  if (width === 64) {
    view.setFloat64(0, value);
    return view.getBigUint64(0);
  }
  view.setFloat32(0, value);
  return BigInt(view.getUint32(0));
}

/** Above the least normal number, to which something too small may have been rounded, and below infinity. */
const LEAST: Readonly<Record<Width, number>> = { 32: 2 ** -125, 64: 2 ** -1021 };
const MOST: Readonly<Record<Width, number>> = { 32: 2 ** 128, 64: Number.POSITIVE_INFINITY };
function normal(width: Width, value: number): bigint | undefined {
  const amount = Math.abs(value);
  return amount >= LEAST[width] && amount < MOST[width] ? bitsOf(width, value) : undefined;
}

/** A float's sum, product, quotient or root is right if it is made as a double's and rounded again: that has more than twice its bits. */
const rounded = (width: Width, value: number): number => (width === 32 ? Math.fround(value) : value);

const two =
  (operation: (a: number, b: number) => number) =>
  (width: Width, a: bigint, b: bigint): bigint | undefined =>
    normal(width, rounded(width, operation(numberOf(width, a), numberOf(width, b))));

export const HOST = {
  add: two((a, b) => a + b),
  subtract: two((a, b) => a - b),
  multiply: two((a, b) => a * b),
  divide: two((a, b) => a / b),
  root: (width: Width, a: bigint): bigint | undefined =>
    normal(width, rounded(width, Math.sqrt(numberOf(width, a)))),
  multiplyAdd,
} as const;

/** What a sum loses (Knuth's TwoSum). */
function lost(a: number, b: number, sum: number): number {
  const part = sum - a;
  return a - (sum - part) + (b - part);
}

/** a + b, and where that is not exact its neighbour with an odd last bit: rounded again to fewer bits it comes out right. */
function oddSum(a: number, b: number): number {
  const sum = a + b;
  const rest = lost(a, b, sum);
  if (rest === 0) return sum;
  view.setFloat64(0, sum);
  const bits = view.getBigUint64(0);
  if ((bits & 1n) === 1n) return sum;
  view.setBigUint64(0, sum > 0 === rest > 0 ? bits + 1n : bits - 1n);
  return view.getFloat64(0);
}

/** What a product loses (Dekker): halves of 26 bits multiply exactly. */
function lostProduct(a: number, b: number, product: number): number {
  const upper = (value: number): number => {
    const scaled = value * (2 ** 27 + 1);
    return scaled - (scaled - value);
  };
  const [high, other] = [upper(a), upper(b)];
  const [low, rest] = [a - high, b - other];
  return low * rest - (product - high * other - low * other - high * rest);
}

const isNear = (value: number): boolean => {
  const amount = Math.abs(value);
  return amount > 2 ** -400 && amount < 2 ** 400;
};

/** addend + a * b, rounded once. */
function multiplyAdd(width: Width, addend: bigint, a: bigint, b: bigint): bigint | undefined {
  const [c, x, y] = [numberOf(width, addend), numberOf(width, a), numberOf(width, b)];
  if (!isNear(c) || !isNear(x) || !isNear(y)) return undefined;
  const product = x * y;
  // Of floats the product is exact.
  if (width === 32) return normal(32, Math.fround(oddSum(c, product)));
  // S. Boldo, G. Melquiond, "Emulation of a FMA and Correctly Rounded Sums", 2008.
  const below = lostProduct(x, y, product);
  const first = c + below;
  const sum = product + first;
  return normal(64, sum + oddSum(lost(c, below, first), lost(product, first, sum)));
}
