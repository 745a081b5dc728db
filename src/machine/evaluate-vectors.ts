import type { Width } from '../isa/meaning.js';

/** Vectors of expressions as unsigned numbers of 128 bits, the first lane in the lowest: what programs do with them outside of loops. */

const BITS = 128;
const lane = (a: bigint, number: number, width: number): bigint =>
  BigInt.asUintN(width, a >> BigInt(number * width));

export const extractLane = (a: bigint, number: number, width: Width): bigint => lane(a, number, width);

export function insertLane(a: bigint, number: number, width: Width, value: bigint): bigint {
  const at = BigInt(number * width);
  return a ^ ((lane(a, number, width) ^ value) << at);
}

/** The highest bit of each lane. */
export function laneMask(a: bigint, width: number): bigint {
  let mask = 0n;
  for (let n = 0; n < BITS / width; n++) mask |= ((a >> BigInt(n * width + width - 1)) & 1n) << BigInt(n);
  return mask;
}

/** The bytes of these numbers; 16 and up are those of `b`. */
export function shuffleBytes(a: bigint, b: bigint, bytes: readonly number[]): bigint {
  const both = a | (b << BigInt(BITS));
  return bytes.reduce((sum, from, to) => sum | (lane(both, from, 8) << BigInt(8 * to)), 0n);
}

type Evaluate = (operands: readonly bigint[]) => bigint;

const lanes =
  (width: number, each: (a: bigint, b: bigint) => bigint): Evaluate =>
  ([a, b]) => {
    let made = 0n;
    for (let n = 0; n < BITS / width; n++)
      made |= BigInt.asUintN(width, each(lane(a!, n, width), lane(b!, n, width))) << BigInt(n * width);
    return made;
  };

/** The same in every lane. */
function splatOf(width: number, value: bigint): bigint {
  let all = 0n;
  for (let at = 0; at < BITS; at += width) all |= value << BigInt(at);
  return all;
}

const WIDTHS = [
  ['i8x16', 8],
  ['i16x8', 16],
  ['i32x4', 32],
  ['i64x2', 64],
] as const;

/** By WebAssembly's names. */
export const eachVector: ReadonlyMap<string, Evaluate> = new Map<string, Evaluate>([
  ['v128.and', ([a, b]) => a! & b!],
  ['v128.or', ([a, b]) => a! | b!],
  ['v128.xor', ([a, b]) => a! ^ b!],
  ['v128.andnot', ([a, b]) => a! & ~b!],
  ['v128.not', ([a]) => BigInt.asUintN(BITS, ~a!)],
  ['v128.bitselect', ([a, b, mask]) => (a! & mask!) | (b! & ~mask!)],
  ...WIDTHS.flatMap(([name, width]): [string, Evaluate][] => [
    [`${name}.add`, lanes(width, (a, b) => a + b)],
    [`${name}.sub`, lanes(width, (a, b) => a - b)],
    [`${name}.eq`, lanes(width, (a, b) => (a === b ? -1n : 0n))],
    [`${name}.gt_u`, lanes(width, (a, b) => (a > b ? -1n : 0n))],
    [`${name}.ge_u`, lanes(width, (a, b) => (a >= b ? -1n : 0n))],
    [`${name}.max_u`, lanes(width, (a, b) => (a - b > 0n ? a : b))],
    [`${name}.splat`, ([a]) => splatOf(width, a!)],
  ]),
  ['i8x16.min_u', lanes(8, (a, b) => (a - b < 0n ? a : b))],
]);
