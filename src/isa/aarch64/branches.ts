import { type Addr, hex } from '../../abi/address.js';
import type { Flow } from '../instruction.js';
import type { Draft } from './draft.js';
import { condition, hexImmediate } from './fields.js';
import { general, generalOrSp, LINK } from './registers.js';
import type { Row } from './table.js';
import { bit, constant, operation, register, ZERO } from './values.js';

/** Branches and exceptions: Arm ARM C4.1.88 (op0 = 101x). */

/** Sets the target `words` instructions from here and returns its text. */
const to = (d: Draft, words: number): string => {
  const target = d.address + words * 4;
  d.target = target as Addr;
  // Addresses wrap at 2^64; below zero is the top of the address space, shown as such.
  return hex(target < 0 ? BigInt.asUintN(64, BigInt(target)) : target);
};
const link = (d: Draft): void => d.set(LINK, constant(d.address + 4));

const direct = (d: Draft, name: string): boolean => {
  d.flow = name === 'bl' ? 'call' : 'jump';
  if (name === 'bl') link(d);
  d.text = `${name} ${to(d, d.signed(25, 0))}`;
  return true;
};

const conditional = (d: Draft, name: string): boolean => {
  d.flow = 'branch';
  d.readFlags();
  // 1110 and 1111 both mean always (Arm ARM C1.2.4).
  if (d.bits(3, 0) < 14) d.condition = d.bits(3, 0);
  d.text = `${name}.${condition(d.bits(3, 0))} ${to(d, d.signed(23, 5))}`;
  return true;
};

const compareZero = (d: Draft, name: string): boolean => {
  d.flow = 'branch';
  d.compare(d.get(d.rd, d.size), ZERO);
  d.text = `${name} ${general(d.rd, d.wide)}, ${to(d, d.signed(23, 5))}`;
  return true;
};

const testBit = (d: Draft, name: string): boolean => {
  const number = d.bits(31, 31) * 32 + d.bits(23, 19);
  const size = d.wide ? 64 : 32;
  d.flow = 'branch';
  // 2^63 as a signed constant, like every constant of 64 bits.
  d.compare(
    operation('and', d.get(d.rd, size), constant(number === 63 ? -(2 ** 63) : 2 ** number), size),
    ZERO,
  );
  d.text = `${name} ${general(d.rd, d.wide)}, #${number}, ${to(d, d.signed(18, 5))}`;
  return true;
};

const REGISTER_FLOW: Readonly<Record<string, Flow>> = {
  br: 'indirect-jump',
  blr: 'indirect-call',
  ret: 'return',
};

const indirect = (d: Draft, name: string): boolean => {
  d.flow = REGISTER_FLOW[name]!;
  d.use(d.get(d.rn, 64));
  if (name === 'blr') link(d);
  d.text = name === 'ret' && d.rn === LINK ? name : `${name} ${general(d.rn, 1)}`;
  return true;
};

/** braa, blraa: the target in Rn authenticated with Rm (or sp); the z forms with zero. */
const authenticated = (d: Draft, name: string): boolean => {
  const zero = name.endsWith('z');
  if (zero && d.rd !== 31) return false;
  d.flow = name.startsWith('bl') ? 'indirect-call' : 'indirect-jump';
  d.use(d.get(d.rn, 64));
  if (!zero) d.use(register(d.rd, 64));
  if (d.flow === 'indirect-call') link(d);
  d.text = `${name} ${general(d.rn, 1)}${zero ? '' : `, ${generalOrSp(d.rd, 1)}`}`;
  return true;
};

const authenticatedReturn = (d: Draft, name: string): boolean => {
  d.flow = 'return';
  d.use(register(LINK, 64), register(31, 64));
  d.text = name;
  return true;
};

/** eret and drps are undefined at EL0 (C6.2.123, C6.2.122). */
const trap = (d: Draft, name: string): boolean => {
  d.flow = 'trap';
  d.text = name;
  return true;
};

/** svc enters Linux whatever its immediate says; hvc, smc, dcps are undefined at EL0, brk and hlt stop. */
const exception = (d: Draft, name: string): boolean => {
  const imm = d.bits(20, 5);
  d.flow = name === 'svc' ? 'syscall' : 'trap';
  // The kernel returns in x0 and keeps every other register (arch/arm64/kernel/syscall.c, syscall_set_return_value).
  if (name === 'svc') d.writes |= bit(0);
  d.text = name.startsWith('dcps') && imm === 0 ? name : `${name} ${hexImmediate(imm)}`;
  return true;
};

const undefinedByDesign = (d: Draft, name: string): boolean => {
  d.flow = 'trap';
  d.text = `${name} #${d.bits(15, 0)}`;
  return true;
};

// biome-ignore format: a table
export const BRANCHES: readonly Row[] = [
  ['000 101 iiiiiiiiiiiiiiiiiiiiiiiiii',            'b',      direct],
  ['100 101 iiiiiiiiiiiiiiiiiiiiiiiiii',            'bl',     direct],
  ['0101010 0 iiiiiiiiiiiiiiiiiii 0 cccc',          'b',      conditional],
  ['0101010 0 iiiiiiiiiiiiiiiiiii 1 cccc',          'bc',     conditional],
  ['f011010 0 iiiiiiiiiiiiiiiiiii ddddd',           'cbz',    compareZero],
  ['f011010 1 iiiiiiiiiiiiiiiiiii ddddd',           'cbnz',   compareZero],
  ['f011011 0 iiiii iiiiiiiiiiiiii ddddd',          'tbz',    testBit],
  ['f011011 1 iiiii iiiiiiiiiiiiii ddddd',          'tbnz',   testBit],
  ['1101011 0000 11111 000000 nnnnn 00000',         'br',     indirect],
  ['1101011 0001 11111 000000 nnnnn 00000',         'blr',    indirect],
  ['1101011 0010 11111 000000 nnnnn 00000',         'ret',    indirect],
  ['1101011 0000 11111 000010 nnnnn 11111',         'braaz',  authenticated],
  ['1101011 0000 11111 000011 nnnnn 11111',         'brabz',  authenticated],
  ['1101011 0001 11111 000010 nnnnn 11111',         'blraaz', authenticated],
  ['1101011 0001 11111 000011 nnnnn 11111',         'blrabz', authenticated],
  ['1101011 1000 11111 000010 nnnnn ddddd',         'braa',   authenticated],
  ['1101011 1000 11111 000011 nnnnn ddddd',         'brab',   authenticated],
  ['1101011 1001 11111 000010 nnnnn ddddd',         'blraa',  authenticated],
  ['1101011 1001 11111 000011 nnnnn ddddd',         'blrab',  authenticated],
  ['1101011 0010 11111 000010 11111 11111',         'retaa',  authenticatedReturn],
  ['1101011 0010 11111 000011 11111 11111',         'retab',  authenticatedReturn],
  ['1101011 0100 11111 000000 11111 00000',         'eret',   trap],
  ['1101011 0100 11111 000010 11111 11111',         'eretaa', trap],
  ['1101011 0100 11111 000011 11111 11111',         'eretab', trap],
  ['1101011 0101 11111 000000 11111 00000',         'drps',   trap],
  ['11010100 000 iiiiiiiiiiiiiiii 000 01',          'svc',    exception],
  ['11010100 000 iiiiiiiiiiiiiiii 000 10',          'hvc',    exception],
  ['11010100 000 iiiiiiiiiiiiiiii 000 11',          'smc',    exception],
  ['11010100 001 iiiiiiiiiiiiiiii 000 00',          'brk',    exception],
  ['11010100 010 iiiiiiiiiiiiiiii 000 00',          'hlt',    exception],
  ['11010100 101 iiiiiiiiiiiiiiii 000 01',          'dcps1',  exception],
  ['11010100 101 iiiiiiiiiiiiiiii 000 10',          'dcps2',  exception],
  ['11010100 101 iiiiiiiiiiiiiiii 000 11',          'dcps3',  exception],
  ['0000000000000000 iiiiiiiiiiiiiiii',             'udf',    undefinedByDesign],
];
