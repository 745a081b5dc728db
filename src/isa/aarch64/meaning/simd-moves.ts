import { and, constant, not, sext, xor } from '../../expressions.js';
import type { Expression } from '../../meaning.js';
import { extract, insert, shuffle, vector } from '../../vectors.js';
import type { Draft } from './draft.js';
import type { Form, Row } from './row.js';
import { bytesOf, elements, isWhole, setVector, splat, widthOf } from './simd.js';

/** Advanced SIMD: immediates, copies and permutations (Arm ARM C4.1.96). */

const repeat = (value: bigint, bits: number): bigint => {
  let whole = 0n;
  for (let at = 0n; at < 128n; at += BigInt(bits)) whole |= value << at;
  return whole;
};

/** A number of imm8's sign, exponent and fraction as bits (Arm ARM, VFPExpandImm). */
export function floatBits(imm8: number, width: 32 | 64): bigint {
  const exponentBits = width === 32 ? 8 : 11;
  const fractionBits = width - exponentBits - 1;
  const small = (imm8 >> 6) & 1;
  const exponent =
    (1 - small) * 2 ** (exponentBits - 1) + small * (2 ** (exponentBits - 1) - 4) + ((imm8 >> 4) & 3);
  const head = BigInt((imm8 >> 7) * 2 ** exponentBits + exponent);
  return (head << BigInt(fractionBits)) | (BigInt(imm8 & 15) << BigInt(fractionBits - 4));
}

/** 128 bits by cmode and op (Arm ARM, AdvSIMDExpandImm); undefined: reserved. */
function expanded(d: Draft): bigint | undefined {
  const imm8 = d.bits(18, 16) * 32 + d.bits(9, 5);
  const [cmode, op] = [d.bits(15, 12), d.isSet(29)];
  const byte = BigInt(imm8);
  if (cmode < 8) return repeat(byte << BigInt(8 * (cmode >> 1)), 32);
  if (cmode < 12) return repeat(byte << BigInt(8 * ((cmode >> 1) & 1)), 16);
  if (cmode === 12) return repeat((byte << 8n) | 0xffn, 32);
  if (cmode === 13) return repeat((byte << 16n) | 0xffffn, 32);
  if (cmode === 14) {
    if (!op) return repeat(byte, 8);
    let mask = 0n;
    for (let n = 0n; n < 8n; n++) if (((byte >> n) & 1n) === 1n) mask |= 0xffn << (8n * n);
    return repeat(mask, 64);
  }
  if (!op) return repeat(floatBits(imm8, 32), 32);
  return isWhole(d) ? repeat(floatBits(imm8, 64), 64) : undefined;
}

const immediate: Form = (d) => {
  const [cmode, op] = [d.bits(15, 12), d.isSet(29)];
  const bits = expanded(d);
  // With o2 it is an immediate of 16 bits' numbers (FEAT_FP16).
  if (bits === undefined || d.isSet(11)) return d.reserve();
  const value = constant(128, bits);
  const changes = cmode < 12 && (cmode & 1) === 1;
  if (changes && op) setVector(d, vector('v128.andnot', d.vector(d.rd), value));
  else if (changes) setVector(d, vector('v128.or', d.vector(d.rd), value));
  else if (op && cmode < 14) setVector(d, constant(128, ~bits));
  else setVector(d, value);
};

/** Size and number of an element by imm5: its lowest one bit says the size. Undefined: reserved. */
function elementOf(imm5: number): { size: number; index: number } | undefined {
  if ((imm5 & 15) === 0) return undefined;
  const size = 31 - Math.clz32(imm5 & -imm5);
  return { size, index: imm5 >> (size + 1) };
}

const onElement =
  (how: (d: Draft, size: number, index: number) => void): Form =>
  (d) => {
    const element = elementOf(d.bits(20, 16));
    if (element === undefined) d.reserve();
    else how(d, element.size, element.index);
  };

const isTooShort = (d: Draft, size: number): boolean => size === 3 && !isWhole(d);

const duplicateElement = onElement((d, size, index) => {
  if (isTooShort(d, size)) return d.reserve();
  const source = d.vector(d.rn);
  setVector(d, elements(source, source, size, Array(16 >> size).fill(index)));
});

const duplicateGeneral = onElement((d, size) => {
  if (isTooShort(d, size)) return d.reserve();
  setVector(d, splat(d.get(d.rn, widthOf(size)), size));
});

const duplicateScalar = onElement((d, size, index) =>
  d.setVector(d.rd, extract(widthOf(size), index, d.vector(d.rn))),
);

const moveUnsigned = onElement((d, size, index) => {
  if ((size === 3) !== isWhole(d)) return d.reserve();
  d.set(d.rd, extract(widthOf(size), index, d.vector(d.rn)));
});

const moveSigned = onElement((d, size, index) => {
  if (size === 3 || (size === 2 && !isWhole(d))) return d.reserve();
  d.set(d.rd, sext(isWhole(d) ? 64 : 32, extract(widthOf(size), index, d.vector(d.rn))));
});

const insertGeneral = onElement((d, size, index) =>
  d.setVector(d.rd, insert(index, d.vector(d.rd), d.get(d.rn, widthOf(size)))),
);

const insertElement = onElement((d, size, index) => {
  const value = extract(widthOf(size), d.bits(14, 11) >> size, d.vector(d.rn));
  d.setVector(d.rd, insert(index, d.vector(d.rd), value));
});

/** Bytes from the middle of two vectors. */
const extractBytes: Form = (d) => {
  const from = d.bits(14, 11);
  const length = bytesOf(d);
  if (from >= length) return d.reserve();
  const bytes = Array.from({ length: 16 }, (_, n) => {
    const at = (from + n) % 32;
    return at < length ? at : 16 + ((at - length) % 16);
  });
  setVector(d, shuffle(d.vector(d.rn), d.vector(d.rm), bytes));
};

/** Elements of two vectors by their numbers; those of Vm are 16 bytes on. */
const permute =
  (pick: (n: number, count: number) => number): Form =>
  (d) => {
    const size = d.bits(23, 22);
    if (isTooShort(d, size)) return d.reserve();
    const count = bytesOf(d) >> size;
    const picks = Array.from({ length: count }, (_, n) => {
      const at = pick(n, count);
      return at < count ? at : at - count + (16 >> size);
    });
    setVector(d, elements(d.vector(d.rn), d.vector(d.rm), size, picks));
  };

const unzip = (part: number) => permute((n) => 2 * n + part);
const transpose = (part: number) => permute((n, count) => n - (n % 2) + part + (n % 2) * count);
const zip = (part: number) => permute((n, count) => (n >> 1) + (part * count) / 2 + (n % 2) * count);

/** rev16, rev32, rev64: elements of each group of so many bytes in the opposite order. */
const reverse =
  (group: number): Form =>
  (d) => {
    const size = d.bits(23, 22);
    const count = group >> size;
    if (count < 2) return d.reserve();
    const picks = Array.from({ length: 16 >> size }, (_, n) => n - (n % count) + count - 1 - (n % count));
    setVector(d, elements(d.vector(d.rn), d.vector(d.rn), size, picks));
  };

/** fmov between general registers and vectors: bits as they are. */
const toGeneral =
  (width: 32 | 64, lane: number): Form =>
  (d) =>
    d.set(d.rd, extract(width, lane, d.vector(d.rn)));
const fromGeneral =
  (width: 32 | 64): Form =>
  (d) =>
    d.setVector(d.rd, d.get(d.rn, width));
const upperFromGeneral: Form = (d) => d.setVector(d.rd, insert(1, d.vector(d.rd), d.get(d.rn, 64)));

const scalarImmediate =
  (width: 32 | 64): Form =>
  (d) =>
    d.setVector(d.rd, constant(width, floatBits(d.bits(20, 13), width)));

/** fmov, fabs, fneg: of the bits alone, NaNs too. */
const scalarBits =
  (width: 32 | 64, change: (value: Expression, sign: Expression) => Expression): Form =>
  (d) => {
    const sign = constant(width, 1n << BigInt(width - 1));
    d.setVector(d.rd, change(extract(width, 0, d.vector(d.rn)), sign));
  };
const same = (value: Expression): Expression => value;
const absolute = (value: Expression, sign: Expression): Expression => and(value, not(sign));
const negated = (value: Expression, sign: Expression): Expression => xor(value, sign);

// biome-ignore format: a table
export const SIMD_MOVES: readonly Row[] = [
  ['0Qo 0111100000 iii cccc h 1 iiiii ddddd',   'movi', immediate],
  ['0Q0 01110000 iiiii 0 0000 1 nnnnn ddddd',   'dup',  duplicateElement],
  ['0Q0 01110000 iiiii 0 0001 1 nnnnn ddddd',   'dup',  duplicateGeneral],
  ['010 11110000 iiiii 0 0000 1 nnnnn ddddd',   'dup',  duplicateScalar],
  ['0Q0 01110000 iiiii 0 0101 1 nnnnn ddddd',   'smov', moveSigned],
  ['0Q0 01110000 iiiii 0 0111 1 nnnnn ddddd',   'umov', moveUnsigned],
  ['010 01110000 iiiii 0 0011 1 nnnnn ddddd',   'ins',  insertGeneral],
  ['011 01110000 iiiii 0 jjjj 1 nnnnn ddddd',   'ins',  insertElement],
  ['0Q1 01110000 mmmmm 0 iiii 0 nnnnn ddddd',   'ext',  extractBytes],
  ['0Q0 01110 zz 0 mmmmm 0 001 10 nnnnn ddddd', 'uzp1', unzip(0)],
  ['0Q0 01110 zz 0 mmmmm 0 101 10 nnnnn ddddd', 'uzp2', unzip(1)],
  ['0Q0 01110 zz 0 mmmmm 0 010 10 nnnnn ddddd', 'trn1', transpose(0)],
  ['0Q0 01110 zz 0 mmmmm 0 110 10 nnnnn ddddd', 'trn2', transpose(1)],
  ['0Q0 01110 zz 0 mmmmm 0 011 10 nnnnn ddddd', 'zip1', zip(0)],
  ['0Q0 01110 zz 0 mmmmm 0 111 10 nnnnn ddddd', 'zip2', zip(1)],
  ['0Q0 01110 zz 10000 00000 10 nnnnn ddddd',   'rev64', reverse(8)],
  ['0Q1 01110 zz 10000 00000 10 nnnnn ddddd',   'rev32', reverse(4)],
  ['0Q0 01110 zz 10000 00001 10 nnnnn ddddd',   'rev16', reverse(2)],
  ['00011110 001 00 110 000000 nnnnn ddddd',    'fmov', toGeneral(32, 0)],
  ['10011110 011 00 110 000000 nnnnn ddddd',    'fmov', toGeneral(64, 0)],
  ['10011110 101 01 110 000000 nnnnn ddddd',    'fmov', toGeneral(64, 1)],
  ['00011110 001 00 111 000000 nnnnn ddddd',    'fmov', fromGeneral(32)],
  ['10011110 011 00 111 000000 nnnnn ddddd',    'fmov', fromGeneral(64)],
  ['10011110 101 01 111 000000 nnnnn ddddd',    'fmov', upperFromGeneral],
  ['00011110 001 iiiiiiii 100 00000 ddddd',     'fmov', scalarImmediate(32)],
  ['00011110 011 iiiiiiii 100 00000 ddddd',     'fmov', scalarImmediate(64)],
  ['00011110 001 000000 10000 nnnnn ddddd',     'fmov', scalarBits(32, same)],
  ['00011110 011 000000 10000 nnnnn ddddd',     'fmov', scalarBits(64, same)],
  ['00011110 001 000001 10000 nnnnn ddddd',     'fabs', scalarBits(32, absolute)],
  ['00011110 011 000001 10000 nnnnn ddddd',     'fabs', scalarBits(64, absolute)],
  ['00011110 001 000010 10000 nnnnn ddddd',     'fneg', scalarBits(32, negated)],
  ['00011110 011 000010 10000 nnnnn ddddd',     'fneg', scalarBits(64, negated)],
];
