import type { Binary, Compare, Expression, Unary, Width } from '../isa/meaning.js';

/** Arithmetic of expressions on unsigned numbers below 2^width. Results of `eachBinary` are cut to the width by the caller. */

const bits = (width: Width): bigint => BigInt(width);
const ones = (width: Width): bigint => (1n << bits(width)) - 1n;

export const eachUnary: Readonly<Record<Unary, (a: bigint, width: Width) => bigint>> = {
  not: (a, width) => a ^ ones(width),
  neg: (a, width) => BigInt.asUintN(width, -a),
  clz: (a, width) => bits(width) - BigInt(a === 0n ? 0 : a.toString(2).length),
  ctz: (a, width) => (a === 0n ? bits(width) : BigInt((a & -a).toString(2).length - 1)),
  popcnt: (a) => {
    let count = 0n;
    for (let rest = a; rest > 0n; rest &= rest - 1n) count++;
    return count;
  },
};

const signed = (a: bigint, width: Width): bigint => BigInt.asIntN(width, a);
const rotate = (a: bigint, left: bigint, width: Width): bigint => (a << left) | (a >> (bits(width) - left));

export const eachBinary: Readonly<Record<Binary, (a: bigint, b: bigint, width: Width) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  divu: (a, b) => a / b,
  remu: (a, b) => a % b,
  divs: (a, b, width) => signed(a, width) / signed(b, width),
  rems: (a, b, width) => signed(a, width) % signed(b, width),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr: (a, b) => a >> b,
  sar: (a, b, width) => signed(a, width) >> b,
  rol: (a, b, width) => rotate(a, b, width),
  ror: (a, b, width) => (b === 0n ? a : rotate(a, bits(width) - b, width)),
  mulhu: (a, b, width) => (a * b) >> bits(width),
  mulhs: (a, b, width) => (signed(a, width) * signed(b, width)) >> bits(width),
};

export const eachCompare: Readonly<Record<Compare, (a: bigint, b: bigint, width: Width) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  ltu: (a, b) => a < b,
  leu: (a, b) => a <= b,
  lts: (a, b, width) => signed(a, width) < signed(b, width),
  les: (a, b, width) => signed(a, width) <= signed(b, width),
};

/** Made of constants and named values alone, which stay as they are while registers and memory change? */
export function isSelfContained(e: Expression): boolean {
  switch (e.op) {
    case 'constant':
    case 'temporary':
      return true;
    case 'unary':
    case 'extend':
    case 'truncate':
      return isSelfContained(e.a);
    case 'binary':
    case 'compare':
      return isSelfContained(e.a) && isSelfContained(e.b);
    case 'select':
      return isSelfContained(e.condition) && isSelfContained(e.a) && isSelfContained(e.b);
    default:
      return false;
  }
}
