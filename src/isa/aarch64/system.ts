import type { Draft } from './draft.js';
import { hexImmediate } from './fields.js';
import { general, LINK, SP } from './registers.js';
import { systemRegister } from './system-registers.js';
import type { Row } from './table.js';
import { register, unknown } from './values.js';

/** System instructions: Arm ARM C4.1.88 (hints, barriers, PSTATE, sys, msr, mrs). */

// biome-ignore format: a table
const HINTS: Readonly<Record<number, string>> = {
  0: 'nop', 1: 'yield', 2: 'wfe', 3: 'wfi', 4: 'sev', 5: 'sevl', 6: 'dgh', 7: 'xpaclri',
  8: 'pacia1716', 10: 'pacib1716', 12: 'autia1716', 14: 'autib1716', 16: 'esb', 17: 'psb csync', 18: 'tsb csync',
  20: 'csdb', 24: 'paciaz', 25: 'paciasp', 26: 'pacibz', 27: 'pacibsp', 28: 'autiaz', 29: 'autiasp',
  30: 'autibz', 31: 'autibsp', 32: 'bti', 34: 'bti c', 36: 'bti j', 38: 'bti jc',
};

/** Hints are no-operations where the feature is missing; the pointer authentication ones change x30 or x17. */
const hint = (d: Draft): boolean => {
  const code = d.bits(11, 5);
  d.text = HINTS[code] ?? `hint ${hexImmediate(code)}`;
  if (code === 7) d.set(LINK, unknown(register(LINK, 64)));
  else if (code >= 8 && code <= 14 && HINTS[code]) d.set(17, unknown(register(17, 64), register(16, 64)));
  else if (code >= 24 && code <= 31) {
    d.set(LINK, code & 1 ? unknown(register(LINK, 64), register(SP, 64)) : unknown(register(LINK, 64)));
  }
  return true;
};

// biome-ignore format: a table
const BARRIER_OPTIONS = ['', 'oshld', 'oshst', 'osh', '', 'nshld', 'nshst', 'nsh', '', 'ishld', 'ishst', 'ish', '', 'ld', 'st', 'sy'];

const barrier = (d: Draft, name: string): boolean => {
  const option = d.bits(11, 8);
  if (name === 'dsb' && option === 0) d.text = 'ssbb';
  else if (name === 'dsb' && option === 4) d.text = 'pssbb';
  else d.text = `${name} ${BARRIER_OPTIONS[option] || `#0x${option.toString(16).padStart(2, '0')}`}`;
  return true;
};
const barrierNxs = (d: Draft, name: string): boolean => {
  d.text = `${name} ${['osh', 'nsh', 'ish', 'sy'][d.bits(11, 10)]}nxs`;
  return true;
};
/** clrex, isb: the immediate is shown when it is not the usual 15. */
const full = (d: Draft, name: string): boolean => {
  const option = d.bits(11, 8);
  d.text = option === 15 ? name : `${name} ${hexImmediate(option)}`;
  return true;
};
const plain = (d: Draft, name: string): boolean => {
  d.text = name;
  return true;
};
const flagsOnly = (d: Draft, name: string): boolean => {
  d.readFlags();
  d.writeFlags();
  d.text = name;
  return true;
};
const wait = (d: Draft, name: string): boolean => {
  d.use(d.get(d.rd, 64));
  d.text = `${name} ${general(d.rd, 1)}`;
  return true;
};

/** op1:op2 -> [field of PSTATE, largest immediate] (C5.1.3) */
const STATE_FIELDS: Readonly<Record<number, readonly [string, number]>> = {
  3: ['uao', 1],
  4: ['pan', 1],
  5: ['spsel', 1],
  25: ['ssbs', 1],
  26: ['dit', 1],
  28: ['tco', 1],
  30: ['daifset', 15],
  31: ['daifclr', 15],
};
const writeState = (d: Draft, name: string): boolean => {
  const [state, largest] = STATE_FIELDS[d.bits(18, 16) * 8 + d.bits(7, 5)] ?? ['', 0];
  const imm = d.bits(11, 8);
  if (!state || imm > largest) return false;
  d.text = `${name} ${state}, ${hexImmediate(imm)}`;
  return true;
};

/** op1, CRn, CRm, op2 of sys -> the name that says what it does (C5.4, cache maintenance by address) */
const CACHE_OPERATIONS: Readonly<Record<string, string>> = {
  '3_7_4_1': 'dc zva',
  '3_7_4_3': 'dc gva',
  '3_7_4_4': 'dc gzva',
  '3_7_5_1': 'ic ivau',
  '3_7_10_1': 'dc cvac',
  '3_7_11_1': 'dc cvau',
  '3_7_12_1': 'dc cvap',
  '3_7_13_1': 'dc cvadp',
  '3_7_14_1': 'dc civac',
  '0_7_6_1': 'dc ivac',
};

const system = (d: Draft, name: string): boolean => {
  const [op1, crn, crm, op2] = [d.bits(18, 16), d.bits(15, 12), d.bits(11, 8), d.bits(7, 5)];
  const alias = name === 'sys' ? CACHE_OPERATIONS[`${op1}_${crn}_${crm}_${op2}`] : undefined;
  const where = `#${op1}, C${crn}, C${crm}, #${op2}`;
  if (name === 'sysl') {
    d.set(d.rd, unknown());
    d.text = `${name} ${general(d.rd, 1)}, ${where}`;
    return true;
  }
  d.use(d.get(d.rd, 64));
  if (alias) {
    d.text = `${alias}, ${general(d.rd, 1)}`;
    // dc zva and its kind write zeros over a block whose size the processor tells (DCZID_EL0).
    if (crm === 4 && d.rd !== 31) {
      d.store(
        { threadPointer: false, base: d.rd, index: undefined, scale: 1, displacement: 0 },
        0,
        unknown(),
      );
      d.mark('split');
    }
  } else d.text = `${name} ${where}${d.rd === 31 ? '' : `, ${general(d.rd, 1)}`}`;
  return true;
};

const registerOf = (d: Draft): string =>
  systemRegister(d.bits(20, 19), d.bits(18, 16), d.bits(15, 12), d.bits(11, 8), d.bits(7, 5));

const readSystem = (d: Draft, name: string): boolean => {
  const from = registerOf(d);
  if (from === 'nzcv') d.readFlags();
  // Without FEAT_RNG's result in the flags the two random registers would be like any other.
  if (from.startsWith('rndr')) d.writeFlags();
  d.set(d.rd, from === 'tpidr_el0' ? { op: 'thread-pointer' } : unknown());
  d.text = `${name} ${general(d.rd, 1)}, ${from}`;
  return true;
};

const writeSystem = (d: Draft, name: string): boolean => {
  const to = registerOf(d);
  d.use(d.get(d.rd, 64));
  if (to === 'nzcv') d.writeFlags();
  if (to === 'fpcr' || to === 'fpsr') d.mark('control');
  d.text = `${name} ${to}, ${general(d.rd, 1)}`;
  return true;
};

// biome-ignore format: a table
export const SYSTEM: readonly Row[] = [
  ['1101010100 0 00 011 0010 iiii iii 11111', 'hint',   hint],
  ['1101010100 0 00 011 0011 iiii 010 11111', 'clrex',  full],
  ['1101010100 0 00 011 0011 iiii 100 11111', 'dsb',    barrier],
  ['1101010100 0 00 011 0011 ii10 001 11111', 'dsb',    barrierNxs],
  ['1101010100 0 00 011 0011 iiii 101 11111', 'dmb',    barrier],
  ['1101010100 0 00 011 0011 iiii 110 11111', 'isb',    full],
  ['1101010100 0 00 011 0011 0000 111 11111', 'sb',     plain],
  ['1101010100 0 00 011 0001 0000 000 ddddd', 'wfet',   wait],
  ['1101010100 0 00 011 0001 0000 001 ddddd', 'wfit',   wait],
  ['1101010100 0 00 000 0100 0000 000 11111', 'cfinv',  flagsOnly],
  ['1101010100 0 00 000 0100 0000 001 11111', 'xaflag', flagsOnly],
  ['1101010100 0 00 000 0100 0000 010 11111', 'axflag', flagsOnly],
  ['1101010100 0 00 iii 0100 iiii iii 11111', 'msr',    writeState],
  ['1101010100 0 01 iii iiii iiii iii ddddd', 'sys',    system],
  ['1101010100 1 01 iii iiii iiii iii ddddd', 'sysl',   system],
  ['1101010100 0 1i iii iiii iiii iii ddddd', 'msr',    writeSystem],
  ['1101010100 1 1i iii iiii iiii iii ddddd', 'mrs',    readSystem],
];
