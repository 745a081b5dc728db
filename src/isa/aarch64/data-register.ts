import type { Value } from '../instruction.js';
import type { Draft } from './draft.js';
import { condition, EXTENDS, hexImmediate, SHIFTS } from './fields.js';
import { general, generalOrSp } from './registers.js';
import type { Row } from './table.js';
import { type Bits, bigConstant, constant, operation, register, unknown, ZERO } from './values.js';

/** Data processing on registers: Arm ARM C4.1.89 (op0 = x101), but for the wide multiplies of C4.1.89.12. */

/** `, lsl #3`, or nothing for the shift that is none. */
const shiftText = (kind: number, amount: number): string =>
  kind === 0 && amount === 0 ? '' : `, ${SHIFTS[kind]} #${amount}`;

const shifted = (value: Value, kind: number, amount: number, size: Bits): Value => {
  if (amount === 0) return value;
  if (kind === 0) return operation('shl', value, constant(amount), size);
  if (kind === 1) return operation('shr', value, constant(amount), size);
  return unknown(value);
};

/** name -> operation, whether the second operand is inverted, whether it sets the flags */
const LOGICAL: Readonly<Record<string, readonly ['and' | 'or' | 'xor', boolean, boolean]>> = {
  and: ['and', false, false],
  bic: ['and', true, false],
  orr: ['or', false, false],
  orn: ['or', true, false],
  eor: ['xor', false, false],
  eon: ['xor', true, false],
  ands: ['and', false, true],
  bics: ['and', true, true],
};

const logicalShifted = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn, rm } = d;
  const kind = d.bits(23, 22);
  const amount = d.bits(15, 10);
  if (amount >= size) return false;
  const [op, inverted, flags] = LOGICAL[name]!;
  const first = d.get(rn, size);
  const operand = shifted(d.get(rm, size), kind, amount, size);
  const second = inverted ? operation('xor', operand, bigConstant(-1n, size), size) : operand;
  const value = rn === 31 && op !== 'and' ? second : operation(op, first, second, size);
  if (flags) {
    d.writeFlags();
    d.compare(value, ZERO);
  }
  d.set(rd, value);
  const last = `${general(rm, wide)}${shiftText(kind, amount)}`;
  const [to, from] = [general(rd, wide), general(rn, wide)];
  if (name === 'orr' && rn === 31 && kind === 0 && amount === 0) d.text = `mov ${to}, ${last}`;
  else if (name === 'orn' && rn === 31) d.text = `mvn ${to}, ${last}`;
  else if (name === 'ands' && rd === 31) d.text = `tst ${from}, ${last}`;
  else d.text = `${name} ${to}, ${from}, ${last}`;
  return true;
};

/** add, adds, sub, subs of two values: the effect, the flags and what they compare. */
const sum = (d: Draft, name: string, first: Value, second: Value): Value => {
  const { size } = d;
  const subtract = name.startsWith('sub');
  if (name.length === 4) {
    d.writeFlags();
    d.compare(first, subtract ? second : operation('sub', ZERO, second, size));
  }
  return operation(subtract ? 'sub' : 'add', first, second, size);
};

const addShifted = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn, rm } = d;
  const kind = d.bits(23, 22);
  const amount = d.bits(15, 10);
  if (kind === 3 || amount >= size) return false;
  d.set(rd, sum(d, name, d.get(rn, size), shifted(d.get(rm, size), kind, amount, size)));
  const last = `${general(rm, wide)}${shiftText(kind, amount)}`;
  const [to, from] = [general(rd, wide), general(rn, wide)];
  if (name.length === 4 && rd === 31) d.text = `${name === 'subs' ? 'cmp' : 'cmn'} ${from}, ${last}`;
  else if (name.startsWith('sub') && rn === 31) d.text = `neg${name.slice(3)} ${to}, ${last}`;
  else d.text = `${name} ${to}, ${from}, ${last}`;
  return true;
};

const EXTEND_BITS = [8, 16, 32, 64] as const;

const addExtended = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn, rm } = d;
  const option = d.bits(15, 13);
  const amount = d.bits(12, 10);
  if (amount > 4) return false;
  const raw = d.get(rm, EXTEND_BITS[option & 3]!);
  // uxt* is the low part as it is; sxt* of a part is not computed.
  const extended = option < 4 || (option & 3) === 3 || rm === 31 ? raw : unknown(raw);
  const value = sum(d, name, register(rn, size), shifted(extended, 0, amount, size));
  const flags = name.length === 4;
  if (flags) d.set(rd, value);
  else d.setOrSp(rd, value);
  const last = general(rm, wide && (option & 3) === 3);
  const asShift = option === (wide ? 3 : 2) && (rn === 31 || (rd === 31 && !flags));
  const how = asShift ? shiftText(0, amount) : `, ${EXTENDS[option]}${amount ? ` #${amount}` : ''}`;
  const from = generalOrSp(rn, wide);
  d.text =
    flags && rd === 31
      ? `${name === 'subs' ? 'cmp' : 'cmn'} ${from}, ${last}${how}`
      : `${name} ${(flags ? general : generalOrSp)(rd, wide)}, ${from}, ${last}${how}`;
  return true;
};

const addCarry = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn, rm } = d;
  d.readFlags();
  if (name.length === 4) d.writeFlags();
  d.set(rd, unknown(d.get(rn, size), d.get(rm, size)));
  const [to, from, last] = [general(rd, wide), general(rn, wide), general(rm, wide)];
  d.text =
    name.startsWith('sbc') && rn === 31
      ? `ngc${name.slice(3)} ${to}, ${last}`
      : `${name} ${to}, ${from}, ${last}`;
  return true;
};

const rotateFlags = (d: Draft, name: string): boolean => {
  d.use(d.get(d.rn, 64));
  d.readFlags();
  d.writeFlags();
  d.text = `${name} ${general(d.rn, 1)}, #${d.bits(20, 15)}, #${d.bits(3, 0)}`;
  return true;
};
const setFlags = (d: Draft, name: string): boolean => {
  d.use(d.get(d.rn, 32));
  d.readFlags();
  d.writeFlags();
  d.text = `${name} ${general(d.rn, 0)}`;
  return true;
};

const compareConditional = (d: Draft, name: string): boolean => {
  const { wide, size, rn, rm } = d;
  const immediate = d.bits(11, 11) === 1;
  const second = immediate ? constant(rm) : d.get(rm, size);
  const negated = immediate ? bigConstant(-BigInt(rm), size) : operation('sub', ZERO, second, size);
  d.readFlags();
  d.writeFlags();
  // Where the condition does not hold the flags come from the immediate: what decides is named, not that it is so.
  d.compare(unknown(d.get(rn, size)), name === 'ccmp' ? second : negated);
  const last = immediate ? hexImmediate(rm) : general(rm, wide);
  d.text = `${name} ${general(rn, wide)}, ${last}, ${hexImmediate(d.bits(3, 0))}, ${condition(d.bits(15, 12))}`;
  return true;
};

/** name -> alias of two equal operands, alias of two zero registers (C6.2.83 and on) */
const SELECT_ALIASES: Readonly<Record<string, readonly [string, string]>> = {
  csinc: ['cinc', 'cset'],
  csinv: ['cinv', 'csetm'],
  csneg: ['cneg', ''],
};

const select = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn, rm } = d;
  const code = d.bits(15, 12);
  d.readFlags();
  const isSet = name === 'csinc' && rn === 31 && rm === 31 && code < 14;
  d.set(rd, isSet ? { op: 'condition', condition: code ^ 1 } : unknown(d.get(rn, size), d.get(rm, size)));
  const [equal, zero] = (code < 14 && SELECT_ALIASES[name]) || ['', ''];
  const to = general(rd, wide);
  if (zero && rn === 31 && rm === 31) d.text = `${zero} ${to}, ${condition(code ^ 1)}`;
  else if (equal && rn === rm && (rn !== 31 || !zero)) {
    d.text = `${equal} ${to}, ${general(rn, wide)}, ${condition(code ^ 1)}`;
  } else d.text = `${name} ${to}, ${general(rn, wide)}, ${general(rm, wide)}, ${condition(code)}`;
  return true;
};

const oneSource = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn } = d;
  d.set(rd, unknown(d.get(rn, size)));
  d.text = `${name} ${general(rd, wide)}, ${general(rn, wide)}`;
  return true;
};

/** Pointer authentication of a register; the modifier is a register or sp, or zero in the z forms. */
const authenticate = (d: Draft, name: string): boolean => {
  const zero = name.includes('z') || name.startsWith('xpac');
  if (zero && d.rn !== 31) return false;
  const pointer = d.get(d.rd, 64);
  d.set(d.rd, zero ? unknown(pointer) : unknown(pointer, register(d.rn, 64)));
  d.text = `${name} ${general(d.rd, 1)}${zero ? '' : `, ${generalOrSp(d.rn, 1)}`}`;
  return true;
};

const twoSources = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn, rm } = d;
  const [first, second] = [d.get(rn, size), d.get(rm, size)];
  // Shifts take their amount modulo the size (C6.2.182): exact once the amount is cut down.
  const amount = operation('and', second, constant(size - 1), size);
  const op = name === 'lsl' ? 'shl' : name === 'lsr' ? 'shr' : undefined;
  d.set(rd, op ? operation(op, first, amount, size) : unknown(first, second));
  d.text = `${name} ${general(rd, wide)}, ${general(rn, wide)}, ${general(rm, wide)}`;
  return true;
};

const checksum = (d: Draft, name: string): boolean => {
  const wide = name.endsWith('x');
  d.set(d.rd, unknown(d.get(d.rn, 32), d.get(d.rm, wide ? 64 : 32)));
  d.text = `${name} ${general(d.rd, 0)}, ${general(d.rn, 0)}, ${general(d.rm, wide)}`;
  return true;
};

/** Memory tagging and pacga: [rd may be sp, rn may be sp, rm may be sp] by name. */
const TAG_OPERANDS: Readonly<Record<string, readonly [boolean, boolean, boolean]>> = {
  subp: [false, true, true],
  subps: [false, true, true],
  irg: [true, true, false],
  gmi: [false, true, false],
  pacga: [false, false, true],
};
const tagged = (d: Draft, name: string): boolean => {
  const { rd, rn, rm } = d;
  const [toSp, firstSp, secondSp] = TAG_OPERANDS[name]!;
  const first = firstSp ? register(rn, 64) : d.get(rn, 64);
  const second = secondSp ? register(rm, 64) : d.get(rm, 64);
  const value = unknown(first, second);
  if (toSp) d.setOrSp(rd, value);
  else d.set(rd, value);
  const pick = (sp: boolean) => (sp ? generalOrSp : general);
  const [to, from, last] = [pick(toSp)(rd, 1), pick(firstSp)(rn, 1), pick(secondSp)(rm, 1)];
  if (name === 'subps') {
    d.writeFlags();
    d.compare(first, second);
  }
  if (name === 'subps' && rd === 31) d.text = `cmpp ${from}, ${last}`;
  else d.text = name === 'irg' && rm === 31 ? `${name} ${to}, ${from}` : `${name} ${to}, ${from}, ${last}`;
  return true;
};

const multiplyAdd = (d: Draft, name: string): boolean => {
  const { wide, size, rd, rn, rm, ra } = d;
  const product = operation('mul', d.get(rn, size), d.get(rm, size), size);
  const add = name === 'madd';
  d.set(rd, add && ra === 31 ? product : operation(add ? 'add' : 'sub', d.get(ra, size), product, size));
  const operands = `${general(rd, wide)}, ${general(rn, wide)}, ${general(rm, wide)}`;
  d.text = ra === 31 ? `${add ? 'mul' : 'mneg'} ${operands}` : `${name} ${operands}, ${general(ra, wide)}`;
  return true;
};

const multiplyLong = (d: Draft, name: string): boolean => {
  const { rd, rn, rm, ra } = d;
  const add = name.endsWith('addl');
  const factors = [d.get(rn, 32), d.get(rm, 32)] as const;
  const sum = d.get(ra, 64);
  // Two zero-extended words multiply exactly; the sign extension of the signed forms is not computed.
  const product = name.startsWith('u') ? operation('mul', ...factors, 64) : unknown(...factors);
  d.set(rd, add && ra === 31 ? product : operation(add ? 'add' : 'sub', sum, product, 64));
  const operands = `${general(rd, 1)}, ${general(rn, 0)}, ${general(rm, 0)}`;
  d.text =
    ra === 31 ? `${name[0]}m${add ? 'ul' : 'neg'}l ${operands}` : `${name} ${operands}, ${general(ra, 1)}`;
  return true;
};

const multiplyHigh = (d: Draft, name: string): boolean => {
  d.set(d.rd, unknown(d.get(d.rn, 64), d.get(d.rm, 64)));
  d.text = `${name} ${general(d.rd, 1)}, ${general(d.rn, 1)}, ${general(d.rm, 1)}`;
  return true;
};

const rows = (names: string, pattern: (index: number) => string, form: Row[2]): Row[] =>
  names.split(' ').map((name, index) => [pattern(index), name, form] as const);
const two = (value: number): string => value.toString(2).padStart(2, '0');
const three = (value: number): string => value.toString(2).padStart(3, '0');

// biome-ignore format: a table
export const DATA_REGISTER: readonly Row[] = [
  ['f00 01010 ss 0 mmmmm iiiiii nnnnn ddddd', 'and',  logicalShifted],
  ['f00 01010 ss 1 mmmmm iiiiii nnnnn ddddd', 'bic',  logicalShifted],
  ['f01 01010 ss 0 mmmmm iiiiii nnnnn ddddd', 'orr',  logicalShifted],
  ['f01 01010 ss 1 mmmmm iiiiii nnnnn ddddd', 'orn',  logicalShifted],
  ['f10 01010 ss 0 mmmmm iiiiii nnnnn ddddd', 'eor',  logicalShifted],
  ['f10 01010 ss 1 mmmmm iiiiii nnnnn ddddd', 'eon',  logicalShifted],
  ['f11 01010 ss 0 mmmmm iiiiii nnnnn ddddd', 'ands', logicalShifted],
  ['f11 01010 ss 1 mmmmm iiiiii nnnnn ddddd', 'bics', logicalShifted],
  ...rows('add adds sub subs', (n) => `f${two(n)} 01011 ss 0 mmmmm iiiiii nnnnn ddddd`, addShifted),
  ...rows('add adds sub subs', (n) => `f${two(n)} 01011 00 1 mmmmm ooo iii nnnnn ddddd`, addExtended),
  ...rows('adc adcs sbc sbcs', (n) => `f${two(n)} 11010000 mmmmm 000000 nnnnn ddddd`, addCarry),
  ['101 11010000 iiiiii 00001 nnnnn 0 iiii',     'rmif',   rotateFlags],
  ['001 11010000 000000 0 0010 nnnnn 0 1101',    'setf8',  setFlags],
  ['001 11010000 000000 1 0010 nnnnn 0 1101',    'setf16', setFlags],
  ['f01 11010010 mmmmm cccc i 0 nnnnn 0 iiii',   'ccmn',   compareConditional],
  ['f11 11010010 mmmmm cccc i 0 nnnnn 0 iiii',   'ccmp',   compareConditional],
  ['f00 11010100 mmmmm cccc 00 nnnnn ddddd',     'csel',   select],
  ['f00 11010100 mmmmm cccc 01 nnnnn ddddd',     'csinc',  select],
  ['f10 11010100 mmmmm cccc 00 nnnnn ddddd',     'csinv',  select],
  ['f10 11010100 mmmmm cccc 01 nnnnn ddddd',     'csneg',  select],
  ['f10 11010110 00000 000000 nnnnn ddddd',      'rbit',   oneSource],
  ['f10 11010110 00000 000001 nnnnn ddddd',      'rev16',  oneSource],
  ['010 11010110 00000 000010 nnnnn ddddd',      'rev',    oneSource],
  ['110 11010110 00000 000010 nnnnn ddddd',      'rev32',  oneSource],
  ['110 11010110 00000 000011 nnnnn ddddd',      'rev',    oneSource],
  ['f10 11010110 00000 000100 nnnnn ddddd',      'clz',    oneSource],
  ['f10 11010110 00000 000101 nnnnn ddddd',      'cls',    oneSource],
  ...rows('pacia pacib pacda pacdb autia autib autda autdb',
    (n) => `110 11010110 00001 000${three(n)} nnnnn ddddd`, authenticate),
  ...rows('paciza pacizb pacdza pacdzb autiza autizb autdza autdzb',
    (n) => `110 11010110 00001 001${three(n)} nnnnn ddddd`, authenticate),
  ['110 11010110 00001 010000 nnnnn ddddd',      'xpaci',  authenticate],
  ['110 11010110 00001 010001 nnnnn ddddd',      'xpacd',  authenticate],
  ['f00 11010110 mmmmm 000010 nnnnn ddddd',      'udiv',   twoSources],
  ['f00 11010110 mmmmm 000011 nnnnn ddddd',      'sdiv',   twoSources],
  ...rows('lsl lsr asr ror', (n) => `f00 11010110 mmmmm 0010${two(n)} nnnnn ddddd`, twoSources),
  ...rows('crc32b crc32h crc32w', (n) => `000 11010110 mmmmm 0100${two(n)} nnnnn ddddd`, checksum),
  ...rows('crc32cb crc32ch crc32cw', (n) => `000 11010110 mmmmm 0101${two(n)} nnnnn ddddd`, checksum),
  ['100 11010110 mmmmm 010011 nnnnn ddddd',      'crc32x',  checksum],
  ['100 11010110 mmmmm 010111 nnnnn ddddd',      'crc32cx', checksum],
  ['100 11010110 mmmmm 000000 nnnnn ddddd',      'subp',   tagged],
  ['101 11010110 mmmmm 000000 nnnnn ddddd',      'subps',  tagged],
  ['100 11010110 mmmmm 000100 nnnnn ddddd',      'irg',    tagged],
  ['100 11010110 mmmmm 000101 nnnnn ddddd',      'gmi',    tagged],
  ['100 11010110 mmmmm 001100 nnnnn ddddd',      'pacga',  tagged],
  ['f00 11011 000 mmmmm 0 aaaaa nnnnn ddddd',    'madd',   multiplyAdd],
  ['f00 11011 000 mmmmm 1 aaaaa nnnnn ddddd',    'msub',   multiplyAdd],
  ['100 11011 001 mmmmm 0 aaaaa nnnnn ddddd',    'smaddl', multiplyLong],
  ['100 11011 001 mmmmm 1 aaaaa nnnnn ddddd',    'smsubl', multiplyLong],
  ['100 11011 010 mmmmm 0 aaaaa nnnnn ddddd',    'smulh',  multiplyHigh],
  ['100 11011 101 mmmmm 0 aaaaa nnnnn ddddd',    'umaddl', multiplyLong],
  ['100 11011 101 mmmmm 1 aaaaa nnnnn ddddd',    'umsubl', multiplyLong],
  ['100 11011 110 mmmmm 0 aaaaa nnnnn ddddd',    'umulh',  multiplyHigh],
];
