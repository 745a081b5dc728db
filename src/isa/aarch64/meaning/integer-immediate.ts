import { add, and, binary, constant, or, shl, sub, xor } from '../../expressions.js';
import type { Expression } from '../../meaning.js';
import { bitmask } from '../fields.js';
import { addFlags, logicFlags, subFlags } from './flags.js';
import type { Form, Row } from './row.js';

/** Data processing with an immediate: Arm ARM C4.1.86 (op0 = 100x). */

const pcRelative =
  (page: boolean): Form =>
  (d) => {
    const offset = BigInt(d.signed(23, 5) * 4 + d.bits(30, 29));
    d.set(d.rd, constant(64, page ? (d.address & ~0xfffn) + offset * 4096n : d.address + offset));
  };

const addSubtract =
  (subtracts: boolean, setsFlags: boolean): Form =>
  (d) => {
    const { size: width } = d;
    const b = constant(width, d.bits(21, 10) * (d.isSet(22) ? 4096 : 1));
    const a = d.let(d.getOrSp(d.rn, width));
    const result = d.let(subtracts ? sub(a, b) : add(a, b));
    if (!setsFlags) {
      d.setOrSp(d.rd, result);
      return;
    }
    d.set(d.rd, result);
    d.flags((subtracts ? subFlags : addFlags)(a, b, result));
  };

const logical =
  (operation: (a: Expression, b: Expression) => Expression, setsFlags = false): Form =>
  (d) => {
    const { size: width } = d;
    const mask = bitmask(d.bits(22, 22), d.bits(15, 10), d.bits(21, 16), width === 64);
    if (mask === undefined) return d.reserve();
    const result = d.let(operation(d.get(d.rn, width), constant(width, mask)));
    if (!setsFlags) {
      d.setOrSp(d.rd, result);
      return;
    }
    d.set(d.rd, result);
    d.flags(logicFlags(result));
  };

const moveWide =
  (how: 'zero' | 'not' | 'keep'): Form =>
  (d) => {
    const { size: width } = d;
    const at = 16 * d.bits(22, 21);
    if (at >= width) return d.reserve();
    const value = constant(width, BigInt(d.bits(20, 5)) << BigInt(at));
    if (how === 'zero') d.set(d.rd, value);
    else if (how === 'not') d.set(d.rd, xor(value, constant(width, -1)));
    else d.set(d.rd, or(and(d.get(d.rd, width), constant(width, ~(0xffffn << BigInt(at)))), value));
  };

const ones = (count: number): bigint => (1n << BigInt(count)) - 1n;

/**
 * sbfm, bfm, ubfm (Arm ARM C6.2.397 and others): bits immr..imms to the bottom, or bits imms..0 up to where immr, turned, puts them.
 */
const bitfield =
  (how: 'signed' | 'insert' | 'unsigned'): Form =>
  (d) => {
    const { size: width } = d;
    const [turn, last] = [d.bits(21, 16), d.bits(15, 10)];
    if (d.isSet(22) !== (width === 64) || turn >= width || last >= width) return d.reserve();
    const extracts = last >= turn;
    const [from, at] = extracts ? [turn, 0] : [0, width - turn];
    const count = last - from + 1;
    const source = d.get(d.rn, width);
    if (how === 'insert') {
      const field = and(binary('shr', source, constant(width, from)), constant(width, ones(count)));
      const kept = and(d.get(d.rd, width), constant(width, ~(ones(count) << BigInt(at))));
      d.set(d.rd, or(kept, shl(field, constant(width, at))));
      return;
    }
    // Up to the top, and down again with what is to come in.
    const top = shl(source, constant(width, width - from - count));
    d.set(d.rd, binary(how === 'signed' ? 'sar' : 'shr', top, constant(width, width - count - at)));
  };

/** extr: bits from the middle of two registers. */
const extract: Form = (d) => {
  const { size: width } = d;
  const from = d.bits(15, 10);
  if (d.isSet(22) !== (width === 64) || from >= width) return d.reserve();
  const [high, below] = [d.get(d.rn, width), d.get(d.rm, width)];
  if (from === 0) d.set(d.rd, below);
  else d.set(d.rd, or(binary('shr', below, constant(width, from)), shl(high, constant(width, width - from))));
};

// biome-ignore format: a table
export const INTEGER_IMMEDIATE: readonly Row[] = [
  ['0 ii 10000 iiiiiiiiiiiiiiiiiii ddddd',   'adr',  pcRelative(false)],
  ['1 ii 10000 iiiiiiiiiiiiiiiiiii ddddd',   'adrp', pcRelative(true)],
  ['f 0 0 100010 s iiiiiiiiiiii nnnnn ddddd', 'add',  addSubtract(false, false)],
  ['f 0 1 100010 s iiiiiiiiiiii nnnnn ddddd', 'adds', addSubtract(false, true)],
  ['f 1 0 100010 s iiiiiiiiiiii nnnnn ddddd', 'sub',  addSubtract(true, false)],
  ['f 1 1 100010 s iiiiiiiiiiii nnnnn ddddd', 'subs', addSubtract(true, true)],
  ['f 00 100100 c iiiiii iiiiii nnnnn ddddd', 'and',  logical(and)],
  ['f 01 100100 c iiiiii iiiiii nnnnn ddddd', 'orr',  logical(or)],
  ['f 10 100100 c iiiiii iiiiii nnnnn ddddd', 'eor',  logical(xor)],
  ['f 11 100100 c iiiiii iiiiii nnnnn ddddd', 'ands', logical(and, true)],
  ['f 00 100101 ii iiiiiiiiiiiiiiii ddddd',   'movn', moveWide('not')],
  ['f 10 100101 ii iiiiiiiiiiiiiiii ddddd',   'movz', moveWide('zero')],
  ['f 11 100101 ii iiiiiiiiiiiiiiii ddddd',   'movk', moveWide('keep')],
  ['f 00 100110 c iiiiii iiiiii nnnnn ddddd', 'sbfm', bitfield('signed')],
  ['f 01 100110 c iiiiii iiiiii nnnnn ddddd', 'bfm',  bitfield('insert')],
  ['f 10 100110 c iiiiii iiiiii nnnnn ddddd', 'ubfm', bitfield('unsigned')],
  ['f 00 100111 c 0 mmmmm iiiiii nnnnn ddddd', 'extr', extract],
];
