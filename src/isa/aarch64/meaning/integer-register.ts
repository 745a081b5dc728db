import {
  add,
  and,
  binary,
  clz,
  constant,
  eq,
  isZero,
  mul,
  neg,
  not,
  or,
  select,
  sext,
  shl,
  sub,
  xor,
  zext,
} from '../../expressions.js';
import type { Binary, Expression, Width } from '../../meaning.js';
import type { Bits } from '../values.js';
import { type Draft, low } from './draft.js';
import { adcFlags, addFlags, carry, condition, logicFlags, nzcv, subFlags } from './flags.js';
import type { Form, Row } from './row.js';

/** Data processing with registers: Arm ARM C4.1.95 (op0 = x101). */

type Two = (a: Expression, b: Expression) => Expression;

/** By bits 23..22. */
const SHIFTS: readonly Binary[] = ['shl', 'shr', 'sar', 'ror'];

/** Rm, shifted by an immediate. */
const shifted = (d: Draft): Expression =>
  binary(SHIFTS[d.bits(23, 22)]!, d.get(d.rm, d.size), constant(d.size, d.bits(15, 10)));

const isTooFar = (d: Draft): boolean => d.size === 32 && d.isSet(15);

const logical =
  (operation: Two, setsFlags = false): Form =>
  (d) => {
    if (isTooFar(d)) return d.reserve();
    const b = d.isSet(21) ? not(shifted(d)) : shifted(d);
    const result = d.let(operation(d.get(d.rn, d.size), b));
    d.set(d.rd, result);
    if (setsFlags) d.flags(logicFlags(result));
  };

/** add, adds, sub, subs by bits 30 and 29. */
function addOrSubtract(d: Draft, a: Expression, b: Expression, set: (result: Expression) => void): void {
  const subtracts = d.isSet(30);
  const result = d.let(subtracts ? sub(a, b) : add(a, b));
  set(result);
  if (d.isSet(29)) d.flags((subtracts ? subFlags : addFlags)(a, b, result));
}

const addShifted: Form = (d) => {
  if (isTooFar(d) || d.bits(23, 22) === 3) return d.reserve();
  const b = d.let(shifted(d));
  addOrSubtract(d, d.let(d.get(d.rn, d.size)), b, (result) => d.set(d.rd, result));
};

/** Rm's low bits by option: uxtb, uxth, uxtw, uxtx, sxtb ... (Arm ARM, ExtendReg). */
export function extended(d: Draft, width: Bits, option: number): Expression {
  const part = (8 << (option & 3)) as Width;
  const value = d.get(d.rm, Math.min(part, width) as Width);
  return option >= 4 ? sext(width, value) : zext(width, value);
}

const addExtended: Form = (d) => {
  const { size: width } = d;
  const by = d.bits(12, 10);
  if (by > 4) return d.reserve();
  const b = d.let(shl(extended(d, width, d.bits(15, 13)), constant(width, by)));
  addOrSubtract(d, d.let(d.getOrSp(d.rn, width)), b, (result) =>
    d.isSet(29) ? d.set(d.rd, result) : d.setOrSp(d.rd, result),
  );
};

const addCarry: Form = (d) => {
  const { size: width } = d;
  const a = d.let(d.get(d.rn, width));
  const other = d.get(d.rm, width);
  // a - b - 1 + C is a + ~b + C.
  const b = d.let(d.isSet(30) ? not(other) : other);
  const c = d.let(carry(width));
  const result = d.let(add(add(a, b), c));
  d.set(d.rd, result);
  if (d.isSet(29)) d.flags(adcFlags(a, b, low(8, c), result));
};

const compareConditional: Form = (d) => {
  const { size: width } = d;
  const subtracts = d.isSet(30);
  const holds = d.let(condition(d.bits(15, 12)));
  const a = d.let(d.get(d.rn, width));
  const b = d.let(d.isSet(11) ? constant(width, d.rm) : d.get(d.rm, width));
  const result = d.let(subtracts ? sub(a, b) : add(a, b));
  const compared = (subtracts ? subFlags : addFlags)(a, b, result);
  const otherwise = (bit: number): Expression => constant(8, d.isSet(bit) ? 1 : 0);
  const pick = (flag: 'sf' | 'zf' | 'cf' | 'of', bit: number): Expression =>
    select(holds, compared[flag]!, otherwise(bit));
  d.flags(nzcv(pick('sf', 3), pick('zf', 2), pick('cf', 1), pick('of', 0)));
};

const conditionalSelect =
  (change: (value: Expression) => Expression): Form =>
  (d) => {
    const holds = d.let(condition(d.bits(15, 12)));
    const otherwise = change(d.get(d.rm, d.size));
    d.set(d.rd, select(holds, d.get(d.rn, d.size), otherwise));
  };

/** Groups of `bits` swapped in pairs; `mask`: the lower of each pair, over 64 bits. */
const swap = (value: Expression, bits: number, mask: bigint): Expression => {
  const { width } = value;
  const [by, lower] = [constant(width, bits), constant(width, mask)];
  return or(shl(and(value, lower), by), and(binary('shr', value, by), lower));
};
const BYTES = 0x00ff_00ff_00ff_00ffn;
const HALVES = 0x0000_ffff_0000_ffffn;

/** Bytes of each element of so many bits in the opposite order. */
function reversed(d: Draft, value: Expression, element: 16 | 32 | 64): Expression {
  let result = d.let(swap(value, 8, BYTES));
  if (element >= 32) result = d.let(swap(result, 16, HALVES));
  return element === 64 ? binary('ror', result, constant(64, 32)) : result;
}

const reverse =
  (element: 16 | 32 | 64): Form =>
  (d) =>
    d.set(d.rd, reversed(d, d.let(d.get(d.rn, d.size)), element));

const reverseBits: Form = (d) => {
  let value = d.let(d.get(d.rn, d.size));
  value = d.let(swap(value, 1, 0x5555_5555_5555_5555n));
  value = d.let(swap(value, 2, 0x3333_3333_3333_3333n));
  value = d.let(swap(value, 4, 0x0f0f_0f0f_0f0f_0f0fn));
  d.set(d.rd, reversed(d, value, d.size));
};

const countZeros: Form = (d) => d.set(d.rd, clz(d.get(d.rn, d.size)));

/** How many bits below the sign are like it. */
const countSigns: Form = (d) => {
  const value = d.let(d.get(d.rn, d.size));
  const one = constant(d.size, 1);
  d.set(d.rd, sub(clz(xor(value, binary('sar', value, one))), one));
};

/** By 0 gives 0. */
const divideUnsigned: Form = (d) => {
  const { size: width } = d;
  const b = d.let(d.get(d.rm, width));
  const none = d.let(isZero(b));
  const quotient = binary('divu', d.get(d.rn, width), select(none, constant(width, 1), b));
  d.set(d.rd, select(none, constant(width, 0), quotient));
};

/** By 0 gives 0; the smallest number by -1 gives itself. */
const divideSigned: Form = (d) => {
  const { size: width } = d;
  const a = d.let(d.get(d.rn, width));
  const b = d.let(d.get(d.rm, width));
  const none = d.let(isZero(b));
  const minusOne = d.let(eq(b, constant(width, -1)));
  const divisor = select(or(none, minusOne), constant(width, 1), b);
  const quotient = d.let(binary('divs', a, divisor));
  d.set(d.rd, select(none, constant(width, 0), select(minusOne, neg(a), quotient)));
};

const shiftVariable =
  (fn: Binary): Form =>
  (d) => {
    const { size: width } = d;
    const by = and(d.get(d.rm, width), constant(width, width - 1));
    d.set(d.rd, binary(fn, d.get(d.rn, width), by));
  };

const multiplyAdd =
  (combine: Two): Form =>
  (d) => {
    const { size: width } = d;
    d.set(d.rd, combine(d.get(d.ra, width), mul(d.get(d.rn, width), d.get(d.rm, width))));
  };

const multiplyLong =
  (combine: Two, widen: (width: Width, value: Expression) => Expression): Form =>
  (d) => {
    const product = mul(widen(64, d.get(d.rn, 32)), widen(64, d.get(d.rm, 32)));
    d.set(d.rd, combine(d.get(d.ra, 64), product));
  };

const multiplyHigh =
  (fn: Binary): Form =>
  (d) =>
    d.set(d.rd, binary(fn, d.get(d.rn, 64), d.get(d.rm, 64)));

const checksum: Form = (d) => d.helper('crc32', constant(64, d.word));

const same = (value: Expression): Expression => value;
const increment = (value: Expression): Expression => add(value, constant(value.width, 1));

// biome-ignore format: a table
export const INTEGER_REGISTER: readonly Row[] = [
  ['f00 01010 ss c mmmmm iiiiii nnnnn ddddd', 'and',  logical(and)],
  ['f01 01010 ss c mmmmm iiiiii nnnnn ddddd', 'orr',  logical(or)],
  ['f10 01010 ss c mmmmm iiiiii nnnnn ddddd', 'eor',  logical(xor)],
  ['f11 01010 ss c mmmmm iiiiii nnnnn ddddd', 'ands', logical(and, true)],
  ['fcc 01011 ss 0 mmmmm iiiiii nnnnn ddddd', 'add',  addShifted],
  ['fcc 01011 00 1 mmmmm ooo iii nnnnn ddddd', 'add', addExtended],
  ['fcc 11010000 mmmmm 000000 nnnnn ddddd',   'adc',  addCarry],
  ['fc1 11010010 mmmmm cccc i 0 nnnnn 0 iiii', 'ccmp', compareConditional],
  ['f00 11010100 mmmmm cccc 00 nnnnn ddddd',  'csel',  conditionalSelect(same)],
  ['f00 11010100 mmmmm cccc 01 nnnnn ddddd',  'csinc', conditionalSelect(increment)],
  ['f10 11010100 mmmmm cccc 00 nnnnn ddddd',  'csinv', conditionalSelect(not)],
  ['f10 11010100 mmmmm cccc 01 nnnnn ddddd',  'csneg', conditionalSelect(neg)],
  ['f10 11010110 00000 000000 nnnnn ddddd',   'rbit',  reverseBits],
  ['f10 11010110 00000 000001 nnnnn ddddd',   'rev16', reverse(16)],
  ['f10 11010110 00000 000010 nnnnn ddddd',   'rev32', reverse(32)],
  ['110 11010110 00000 000011 nnnnn ddddd',   'rev',   reverse(64)],
  ['f10 11010110 00000 000100 nnnnn ddddd',   'clz',   countZeros],
  ['f10 11010110 00000 000101 nnnnn ddddd',   'cls',   countSigns],
  ['f00 11010110 mmmmm 000010 nnnnn ddddd',   'udiv',  divideUnsigned],
  ['f00 11010110 mmmmm 000011 nnnnn ddddd',   'sdiv',  divideSigned],
  ['f00 11010110 mmmmm 001000 nnnnn ddddd',   'lsl',   shiftVariable('shl')],
  ['f00 11010110 mmmmm 001001 nnnnn ddddd',   'lsr',   shiftVariable('shr')],
  ['f00 11010110 mmmmm 001010 nnnnn ddddd',   'asr',   shiftVariable('sar')],
  ['f00 11010110 mmmmm 001011 nnnnn ddddd',   'ror',   shiftVariable('ror')],
  ['000 11010110 mmmmm 010c00 nnnnn ddddd',   'crc32b', checksum],
  ['000 11010110 mmmmm 010c01 nnnnn ddddd',   'crc32h', checksum],
  ['000 11010110 mmmmm 010c10 nnnnn ddddd',   'crc32w', checksum],
  ['100 11010110 mmmmm 010c11 nnnnn ddddd',   'crc32x', checksum],
  ['f00 11011 000 mmmmm 0 aaaaa nnnnn ddddd', 'madd',   multiplyAdd(add)],
  ['f00 11011 000 mmmmm 1 aaaaa nnnnn ddddd', 'msub',   multiplyAdd(sub)],
  ['100 11011 001 mmmmm 0 aaaaa nnnnn ddddd', 'smaddl', multiplyLong(add, sext)],
  ['100 11011 001 mmmmm 1 aaaaa nnnnn ddddd', 'smsubl', multiplyLong(sub, sext)],
  ['100 11011 010 mmmmm 0 aaaaa nnnnn ddddd', 'smulh',  multiplyHigh('mulhs')],
  ['100 11011 101 mmmmm 0 aaaaa nnnnn ddddd', 'umaddl', multiplyLong(add, zext)],
  ['100 11011 101 mmmmm 1 aaaaa nnnnn ddddd', 'umsubl', multiplyLong(sub, zext)],
  ['100 11011 110 mmmmm 0 aaaaa nnnnn ddddd', 'umulh',  multiplyHigh('mulhu')],
];
