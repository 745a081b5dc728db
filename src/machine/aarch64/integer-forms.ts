import { type Execute, type Execution, join, split } from './execution.js';

/** How instructions on lanes of integers read and write their vectors. U, bit 29, says without sign. Scalar forms have one lane. */

export const isUnsigned = (x: Execution): boolean => x.isSet(29);
export const sizeOf = (x: Execution): number => x.bits(23, 22);
export const asSigned = (x: Execution, width: number, value: bigint): bigint =>
  isUnsigned(x) ? value : BigInt.asIntN(width, value);

/** A number as one of `width` bits, or the nearest there is. */
export function saturate(x: Execution, width: number, value: bigint, unsigned = isUnsigned(x)): bigint {
  const bits = BigInt(width);
  const [least, most] = unsigned ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  if (value >= least && value <= most) return value;
  x.saturated();
  return value < least ? least : most;
}

/** `sizes`: those that vectors have, then those of scalars, as bits by number. */
export const BHS = 0b0111;
export const BHSD = 0b1111;
export const HS = 0b0110;
export const D = 0b1000;

function isReserved(x: Execution, sizes: number, scalars: number): boolean {
  const size = sizeOf(x);
  if (x.isScalar) return ((scalars >> size) & 1) === 0;
  return ((sizes >> size) & 1) === 0 || (size === 3 && !x.isWhole);
}

type Lane = (x: Execution, width: number, a: bigint, b: bigint, d: bigint) => bigint;

/** Lanes of Vn, Vm and Vd: the first two with their sign where the form has one. */
export const lanes =
  (each: Lane, sizes = BHS, scalars = 0): Execute =>
  (x) => {
    if (isReserved(x, sizes, scalars)) return 'undefined';
    const width = 8 << sizeOf(x);
    const count = x.isScalar ? 1 : x.length / width;
    const [n, m, d] = [x.rn, x.rm, x.rd].map((number) => split(x.vector(number), width, count));
    x.setVector(
      x.rd,
      join(
        n!.map((a, index) =>
          each(x, width, asSigned(x, width, a), asSigned(x, width, m![index]!), d![index]!),
        ),
        width,
      ),
    );
    return undefined;
  };

export const abs = (a: bigint): bigint => (a < 0n ? -a : a);
export const ones = (width: number): bigint => (1n << BigInt(width)) - 1n;
export const truth = (holds: boolean): bigint => (holds ? -1n : 0n);

/** A shift by the signed low byte of the other lane: to the right where it is negative. */
export const shiftBy =
  (rounds: boolean, saturates: boolean): Lane =>
  (x, width, a, b) => {
    const by = Number(BigInt.asIntN(8, b));
    if (by >= 0) {
      // Far beyond the width nothing but saturation is left.
      const moved = a << BigInt(Math.min(by, 2 * width));
      return saturates ? saturate(x, width, moved) : moved;
    }
    const down = BigInt(Math.min(-by, 2 * width));
    return (rounds ? a + (1n << (down - 1n)) : a) >> down;
  };

/** The product doubled, its upper half: with the only one that does not fit cut. */
export const doubledHigh =
  (rounds: boolean): Lane =>
  (x, width, a, b) => {
    const product = 2n * BigInt.asIntN(width, a) * BigInt.asIntN(width, b);
    const bits = BigInt(width);
    return saturate(x, width, (product + (rounds ? 1n << (bits - 1n) : 0n)) >> bits, false);
  };

/** Polynomials over {0, 1}. */
export function polynomial(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let n = 0n, rest = b; rest > 0n; n++, rest >>= 1n) if ((rest & 1n) === 1n) product ^= a << n;
  return product;
}

export const SCALAR_SHIFTS = ['1iii', '01ii', '001i', '0001'];

/** Of shifts by an immediate: the size is that of the highest one of immh. */
export const immediateSize = (x: Execution): number => 31 - Math.clz32(x.bits(22, 19));

export const shiftLanes =
  (
    each: (x: Execution, width: number, a: bigint, by: bigint, d: bigint) => bigint,
    left: boolean,
    scalars: number,
  ): Execute =>
  (x) => {
    const size = immediateSize(x);
    const width = 8 << size;
    if (x.isScalar ? ((scalars >> size) & 1) === 0 : size === 3 && !x.isWhole) return 'undefined';
    const by = BigInt(left ? x.bits(22, 16) - width : 2 * width - x.bits(22, 16));
    const count = x.isScalar ? 1 : x.length / width;
    const [n, d] = [x.rn, x.rd].map((number) => split(x.vector(number), width, count));
    x.setVector(
      x.rd,
      join(
        n!.map((a, index) => each(x, width, asSigned(x, width, a), by, d![index]!)),
        width,
      ),
    );
    return undefined;
  };

export const rounded = (a: bigint, by: bigint): bigint => (a + (1n << (by - 1n))) >> by;

/** The lower or the upper half of a vector, by Q. */
export const half = (x: Execution, number: number): bigint =>
  x.isWhole ? x.vector(number) >> 64n : BigInt.asUintN(64, x.vector(number));

/** Writes what is narrow to the lower half, or with Q to the upper one. Of scalar forms it is all there is. */
function setHalf(x: Execution, value: bigint): void {
  x.setVector(x.rd, !x.isScalar && x.isWhole ? BigInt.asUintN(64, x.vector(x.rd)) | (value << 64n) : value);
}

/** Two narrow vectors to a wide one; `wide`: Vn is wide already. */
export const long =
  (each: Lane, sizes = BHS, wide = false, scalars = 0): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (x.isScalar ? ((scalars >> size) & 1) === 0 : ((sizes >> size) & 1) === 0) return 'undefined';
    const width = 8 << size;
    const count = x.isScalar ? 1 : 64 / width;
    const narrow = (number: number): bigint[] =>
      split(x.isScalar ? x.vector(number) : half(x, number), width, count);
    const n = wide ? split(x.vector(x.rn), 2 * width, count) : narrow(x.rn);
    const m = narrow(x.rm);
    const d = split(x.vector(x.rd), 2 * width, count);
    const firstWidth = wide ? 2 * width : width;
    x.setVector(
      x.rd,
      join(
        n.map((a, index) =>
          each(x, 2 * width, asSigned(x, firstWidth, a), asSigned(x, width, m[index]!), d[index]!),
        ),
        2 * width,
      ),
    );
    return undefined;
  };

/** Vn and Vm of wide elements to the upper halves of what comes out. */
export const highNarrow =
  (each: (a: bigint, b: bigint) => bigint): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (size === 3) return 'undefined';
    const width = 8 << size;
    const [n, m] = [x.rn, x.rm].map((number) => split(x.vector(number), 2 * width, 64 / width));
    const round = isUnsigned(x) ? 1n << BigInt(width - 1) : 0n;
    const made = n!.map((a, index) => (each(a, m![index]!) + round) >> BigInt(width));
    setHalf(x, join(made, width));
    return undefined;
  };

/** Wide elements to narrow ones by size. */
export const narrowing =
  (each: (x: Execution, width: number, a: bigint) => bigint): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (size === 3) return 'undefined';
    const width = 8 << size;
    const n = split(x.vector(x.rn), 2 * width, x.isScalar ? 1 : 64 / width);
    setHalf(
      x,
      join(
        n.map((a) => each(x, width, a)),
        width,
      ),
    );
    return undefined;
  };

/** The same with a shift. `from`: are wide elements signed? `to`: are narrow ones not? */
export const shiftNarrowing =
  (
    rounds: boolean,
    signed: (x: Execution) => boolean,
    unsigned: ((x: Execution) => boolean) | undefined,
  ): Execute =>
  (x) => {
    const size = immediateSize(x);
    if (size > 2) return 'undefined';
    const width = 8 << size;
    const by = BigInt(2 * width - x.bits(22, 16));
    const n = split(x.vector(x.rn), 2 * width, x.isScalar ? 1 : 64 / width);
    const made = n.map((a) => {
      const value = signed(x) ? BigInt.asIntN(2 * width, a) : a;
      const moved = rounds ? rounded(value, by) : value >> by;
      return unsigned === undefined ? moved : saturate(x, width, moved, unsigned(x));
    });
    setHalf(x, join(made, width));
    return undefined;
  };

/** Neighbours of Vn added, to elements twice as wide. */
export const addPairs =
  (accumulates: boolean): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (size === 3) return 'undefined';
    const width = 8 << size;
    const n = split(x.vector(x.rn), width, x.length / width).map((a) => asSigned(x, width, a));
    const d = split(x.vector(x.rd), 2 * width, x.length / width / 2);
    x.setVector(
      x.rd,
      join(
        d.map((sum, index) => n[2 * index]! + n[2 * index + 1]! + (accumulates ? sum : 0n)),
        2 * width,
      ),
    );
    return undefined;
  };

/** All lanes to one. */
export const across =
  (combine: (a: bigint, b: bigint) => bigint, wide = false): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (size === 3 || (size === 2 && !x.isWhole)) return 'undefined';
    const width = 8 << size;
    const all = split(x.vector(x.rn), width, x.length / width).map((a) => asSigned(x, width, a));
    x.setVector(x.rd, BigInt.asUintN(wide ? 2 * width : width, all.reduce(combine)));
    return undefined;
  };

/** Vm's element by H, L and M. */
export const byElement =
  (each: Lane, scalars: number, isLong = false): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (size === 0 || size === 3 || (x.isScalar && ((scalars >> size) & 1) === 0)) return 'undefined';
    const width = 8 << size;
    const [high, low, middle] = [x.bits(11, 11), x.bits(21, 21), x.bits(20, 20)];
    const number = size === 1 ? x.rm & 15 : x.rm;
    const index = size === 1 ? high * 4 + low * 2 + middle : high * 2 + low;
    const signed = (value: bigint): bigint =>
      isLong ? asSigned(x, width, value) : BigInt.asIntN(width, value);
    const element = signed(BigInt.asUintN(width, x.vector(number) >> BigInt(index * width)));
    const to = isLong ? 2 * width : width;
    const count = x.isScalar ? 1 : isLong ? 64 / width : x.length / width;
    const source = isLong && !x.isScalar ? half(x, x.rn) : x.vector(x.rn);
    const [n, d] = [split(source, width, count), split(x.vector(x.rd), to, count)];
    x.setVector(
      x.rd,
      join(
        n.map((a, lane) => each(x, to, signed(a), element, d[lane]!)),
        to,
      ),
    );
    return undefined;
  };

/** sqdmull and its kind: the doubled product, and added or subtracted, saturated both times. `width`: the wide one. */
export const doubled = (x: Execution, width: number, a: bigint, b: bigint): bigint =>
  saturate(x, width, 2n * a * b, false);
export const doubledInto =
  (sign: bigint): Lane =>
  (x, width, a, b, d) =>
    saturate(x, width, BigInt.asIntN(width, d) + sign * doubled(x, width, a, b), false);

/** tbl, tbx: bytes by number from one to four registers; numbers beyond give 0, or leave what was there. */
export const lookUp =
  (leaves: boolean): Execute =>
  (x) => {
    const count = x.bits(14, 13) + 1;
    const all = Array.from({ length: count }, (_, n) => split(x.vector((x.rn + n) % 32), 8, 16)).flat();
    const bytes = x.length / 8;
    const [m, d] = [split(x.vector(x.rm), 8, bytes), split(x.vector(x.rd), 8, bytes)];
    x.setVector(
      x.rd,
      join(
        m.map((at, n) => all[Number(at)] ?? (leaves ? d[n]! : 0n)),
        8,
      ),
    );
    return undefined;
  };

export const lengthOf = (a: bigint): number => (a === 0n ? 0 : a.toString(2).length);
export const turnBits: Lane = (_x, width, a) => {
  let turned = 0n;
  for (let n = 0, rest = a; n < width; n++, rest >>= 1n) turned = (turned << 1n) | (rest & 1n);
  return turned;
};
