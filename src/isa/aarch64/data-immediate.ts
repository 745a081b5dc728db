import type { Value } from '../instruction.js';
import type { Draft } from './draft.js';
import { bitmask, hexImmediate, moveWidePreferred } from './fields.js';
import { general, generalOrSp } from './registers.js';
import type { Row } from './table.js';
import { bigConstant, constant, mask, operation, register, unknown, ZERO } from './values.js';

/** Data processing with an immediate: Arm ARM C4.1.86 (op0 = 100x). */

/** adr, adrp (C6.2.10, C6.2.11): the address itself, known now. */
const pcRelative = (d: Draft, name: string): boolean => {
  const offset = d.signed(23, 5) * 4 + d.bits(30, 29);
  const page = name === 'adrp';
  const target = page ? d.address - (d.address % 4096) + offset * 4096 : d.address + offset;
  // Addresses wrap at 2^64; below zero is the top of the address space, shown as such.
  const shown = target < 0 ? BigInt.asUintN(64, BigInt(target)) : target;
  d.text = `${name} ${general(d.rd, 1)}, 0x${shown.toString(16)}`;
  d.set(d.rd, constant(target));
  return true;
};

const addSub = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn } = d;
  const imm = d.bits(21, 10);
  const shifted = d.bits(22, 22) === 1;
  const amount = shifted ? imm * 4096 : imm;
  const operand = `${hexImmediate(imm)}${shifted ? ', lsl #12' : ''}`;
  const source = register(rn, size);
  const subtract = name.startsWith('sub');
  const value = operation(subtract ? 'sub' : 'add', source, constant(amount), size);
  if (name.length === 4) {
    d.writeFlags();
    d.compare(source, subtract ? constant(amount) : bigConstant(-BigInt(amount), size));
    d.set(rd, value);
    d.text =
      rd === 31
        ? `${subtract ? 'cmp' : 'cmn'} ${generalOrSp(rn, wide)}, ${operand}`
        : `${name} ${general(rd, wide)}, ${generalOrSp(rn, wide)}, ${operand}`;
    return true;
  }
  const move = name === 'add' && imm === 0 && !shifted && (rd === 31 || rn === 31);
  d.setOrSp(rd, amount === 0 ? source : value);
  d.text = move
    ? `mov ${generalOrSp(rd, wide)}, ${generalOrSp(rn, wide)}`
    : `${name} ${generalOrSp(rd, wide)}, ${generalOrSp(rn, wide)}, ${operand}`;
  return true;
};

/** addg, subg (memory tagging): the tag they put into the address is not computed. */
const addTag = (d: Draft, name: string): boolean => {
  d.setOrSp(d.rd, unknown(register(d.rn, 64)));
  const offset = hexImmediate(d.bits(21, 16) * 16);
  d.text = `${name} ${generalOrSp(d.rd, 1)}, ${generalOrSp(d.rn, 1)}, ${offset}, ${hexImmediate(d.bits(13, 10))}`;
  return true;
};

const LOGICAL = { and: 'and', orr: 'or', eor: 'xor', ands: 'and' } as const;

const logical = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn } = d;
  const imm = bitmask(d.bits(22, 22), d.bits(15, 10), d.bits(21, 16), wide);
  if (imm === undefined) return false;
  const source = d.get(rn, size);
  const operand = bigConstant(imm, size);
  const op = LOGICAL[name as keyof typeof LOGICAL];
  const value =
    operand.op === 'unknown'
      ? unknown(source)
      : rn === 31 && op !== 'and'
        ? operand
        : operation(op, source, operand, size);
  const operands = `${general(rn, wide)}, ${hexImmediate(imm)}`;
  if (name === 'ands') {
    d.writeFlags();
    d.compare(value, ZERO);
    d.set(rd, value);
    d.text = rd === 31 ? `tst ${operands}` : `ands ${general(rd, wide)}, ${operands}`;
    return true;
  }
  d.setOrSp(rd, value);
  const move = name === 'orr' && rn === 31 && (rd === 31 || !moveWidePreferred(imm, wide));
  d.text = `${move ? 'mov' : name} ${generalOrSp(rd, wide)}, ${move ? hexImmediate(imm) : operands}`;
  return true;
};

const moveWide = (d: Draft, name: string): boolean => {
  const { wide, size, rd } = d;
  const imm = d.bits(20, 5);
  const shift = d.bits(22, 21) * 16;
  if (shift >= size) return false;
  const moved = BigInt(imm) << BigInt(shift);
  const raw = `${name} ${general(rd, wide)}, ${hexImmediate(imm)}${shift ? `, lsl #${shift}` : ''}`;
  if (name === 'movk') {
    const kept = operation('and', d.get(rd, size), bigConstant(~mask(16, shift), size), size);
    d.set(rd, operation('or', kept, bigConstant(moved, size), size));
    d.text = raw;
    return true;
  }
  const value = name === 'movn' ? BigInt.asUintN(size, ~moved) : moved;
  d.set(rd, bigConstant(value, size));
  // C6.2.211, C6.2.212: no `mov` for a shifted zero, nor for movn of what movz makes.
  const plain = (imm === 0 && shift !== 0) || (name === 'movn' && !wide && imm === 0xffff);
  d.text = plain ? raw : `mov ${general(rd, wide)}, ${hexImmediate(value)}`;
  return true;
};

/** Bits of a field as a value: `width` bits of `from` that start at `lsb`. */
const field = (from: Value, lsb: number, width: number, size: 32 | 64): Value => {
  const low = lsb === 0 ? from : operation('shr', from, constant(lsb), size);
  if (lsb + width === size) return low;
  // A mask above 2^53 is no exact number; up and down again says the same.
  if (width > 53) {
    const up = operation('shl', from, constant(size - lsb - width), size);
    return operation('shr', up, constant(size - width), size);
  }
  return operation('and', low, bigConstant(mask(width, 0), size), size);
};

interface Field {
  readonly immr: number;
  readonly imms: number;
  /** The form that puts the low bits of the source up (sbfiz, ubfiz, bfi), not a field of it down. */
  readonly up: boolean;
  readonly lsb: number;
  readonly width: number;
}
const fieldOf = (d: Draft): Field | undefined => {
  const { size } = d;
  const immr = d.bits(21, 16);
  const imms = d.bits(15, 10);
  if (d.bits(22, 22) !== d.bits(31, 31) || immr >= size || imms >= size) return undefined;
  const up = imms < immr;
  return { immr, imms, up, lsb: up ? size - immr : immr, width: up ? imms + 1 : imms - immr + 1 };
};

const EXTENSIONS: Readonly<Record<number, string>> = { 7: 'b', 15: 'h', 31: 'w' };

const signedField = (d: Draft): boolean => {
  const f = fieldOf(d);
  if (!f) return false;
  const { wide, size, rd, rn } = d;
  d.set(rd, unknown(d.get(rn, size)));
  const extension = f.immr === 0 ? EXTENSIONS[f.imms] : undefined;
  if (f.imms === size - 1) d.text = `asr ${general(rd, wide)}, ${general(rn, wide)}, #${f.immr}`;
  else if (extension) d.text = `sxt${extension} ${general(rd, wide)}, ${general(rn, 0)}`;
  else
    d.text = `${f.up ? 'sbfiz' : 'sbfx'} ${general(rd, wide)}, ${general(rn, wide)}, #${f.lsb}, #${f.width}`;
  return true;
};

const unsignedField = (d: Draft): boolean => {
  const f = fieldOf(d);
  if (!f) return false;
  const { wide, size, rd, rn } = d;
  const source = d.get(rn, size);
  const operands = `${general(rd, wide)}, ${general(rn, wide)}`;
  if (f.up) {
    const whole = f.width + f.lsb === size;
    const low = whole ? source : field(source, 0, f.width, size);
    d.set(rd, operation('shl', low, constant(f.lsb), size));
    d.text = whole ? `lsl ${operands}, #${f.lsb}` : `ubfiz ${operands}, #${f.lsb}, #${f.width}`;
    return true;
  }
  d.set(rd, field(source, f.lsb, f.width, size));
  if (f.imms === size - 1) d.text = `lsr ${operands}, #${f.immr}`;
  else if (f.immr === 0 && !wide && f.imms < 31 && EXTENSIONS[f.imms])
    d.text = `uxt${EXTENSIONS[f.imms]} ${operands}`;
  else d.text = `ubfx ${operands}, #${f.lsb}, #${f.width}`;
  return true;
};

const insertField = (d: Draft): boolean => {
  const f = fieldOf(d);
  if (!f) return false;
  const { wide, size, rd, rn } = d;
  const old = d.get(rd, size);
  const source = d.get(rn, size);
  const place = f.up ? f.lsb : 0;
  const keep = bigConstant(~mask(f.width, place), size);
  const part = field(source, f.up ? 0 : f.lsb, f.width, size);
  const moved = place ? operation('shl', part, constant(place), size) : part;
  d.set(
    rd,
    keep.op === 'unknown'
      ? unknown(old, source)
      : operation('or', operation('and', old, keep, size), moved, size),
  );
  const clear = f.up && rn === 31;
  const operands = clear ? general(rd, wide) : `${general(rd, wide)}, ${general(rn, wide)}`;
  d.text = `${clear ? 'bfc' : f.up ? 'bfi' : 'bfxil'} ${operands}, #${f.lsb}, #${f.width}`;
  return true;
};

const extract = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn, rm } = d;
  const lsb = d.bits(15, 10);
  if (d.bits(22, 22) !== d.bits(31, 31) || lsb >= size) return false;
  d.set(rd, unknown(d.get(rn, size), d.get(rm, size)));
  const operands = `${general(rd, wide)}, ${general(rn, wide)}`;
  d.text = rn === rm ? `ror ${operands}, #${lsb}` : `${name} ${operands}, ${general(rm, wide)}, #${lsb}`;
  return true;
};

// biome-ignore format: a table
export const DATA_IMMEDIATE: readonly Row[] = [
  ['0ii 10000 iiiiiiiiiiiiiiiiiii ddddd',        'adr',  pcRelative],
  ['1ii 10000 iiiiiiiiiiiiiiiiiii ddddd',        'adrp', pcRelative],
  ['f00 100010 h iiiiiiiiiiii nnnnn ddddd',      'add',  addSub],
  ['f01 100010 h iiiiiiiiiiii nnnnn ddddd',      'adds', addSub],
  ['f10 100010 h iiiiiiiiiiii nnnnn ddddd',      'sub',  addSub],
  ['f11 100010 h iiiiiiiiiiii nnnnn ddddd',      'subs', addSub],
  ['100 100011 0 iiiiii 00 iiii nnnnn ddddd',    'addg', addTag],
  ['110 100011 0 iiiiii 00 iiii nnnnn ddddd',    'subg', addTag],
  ['f00 100100 N rrrrrr ssssss nnnnn ddddd',     'and',  logical],
  ['f01 100100 N rrrrrr ssssss nnnnn ddddd',     'orr',  logical],
  ['f10 100100 N rrrrrr ssssss nnnnn ddddd',     'eor',  logical],
  ['f11 100100 N rrrrrr ssssss nnnnn ddddd',     'ands', logical],
  ['f00 100101 hh iiiiiiiiiiiiiiii ddddd',       'movn', moveWide],
  ['f10 100101 hh iiiiiiiiiiiiiiii ddddd',       'movz', moveWide],
  ['f11 100101 hh iiiiiiiiiiiiiiii ddddd',       'movk', moveWide],
  ['f00 100110 N rrrrrr ssssss nnnnn ddddd',     'sbfm', signedField],
  ['f01 100110 N rrrrrr ssssss nnnnn ddddd',     'bfm',  insertField],
  ['f10 100110 N rrrrrr ssssss nnnnn ddddd',     'ubfm', unsignedField],
  ['f00 100111 N 0 mmmmm iiiiii nnnnn ddddd',    'extr', extract],
];
