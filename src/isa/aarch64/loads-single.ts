import { type Addr, hex } from '../../abi/address.js';
import { absolute, at, type Draft } from './draft.js';
import { EXTENDS } from './fields.js';
import { general, generalOrSp } from './registers.js';
import type { Row } from './table.js';
import { move, prefetchName, type Transfer, transferName, transferOf } from './transfers.js';
import { register, unknown } from './values.js';

/** Loads and stores of one register: Arm ARM C4.1.94, by addressing mode. */

const mnemonic = (
  transfer: Transfer,
  plain: readonly [load: string, store: string, prefetch: string],
): string => (transfer.file === 'p' ? plain[2] : `${transfer.load ? plain[0] : plain[1]}${transfer.stem}`);

/** `[x1]`, `[x1, #8]` */
export const memoryText = (base: number, offset: number): string =>
  offset === 0 ? `[${generalOrSp(base, 1)}]` : `[${generalOrSp(base, 1)}, #${offset}]`;

const transferAt = (d: Draft, transfer: Transfer, offset: number): void => {
  if (transfer.file === 'p') d.use(register(d.rn, 64));
  else move(d, transfer, d.rd, at(d.rn, offset));
};

const unsignedOffset = (d: Draft): boolean => {
  const transfer = transferOf(d);
  if (!transfer) return false;
  const offset = d.bits(21, 10) * transfer.bytes;
  transferAt(d, transfer, offset);
  d.text = `${mnemonic(transfer, ['ldr', 'str', 'prfm'])} ${transferName(transfer, d.rd)}, ${memoryText(d.rn, offset)}`;
  return true;
};

/** The name of the row is the infix: ldur, sttr, stlur ... */
const UNSCALED = {
  u: ['ldur', 'stur', 'prfum'],
  t: ['ldtr', 'sttr', ''],
} as const;

const unscaled = (d: Draft, name: string): boolean => {
  const transfer = transferOf(d);
  const names = UNSCALED[name as 'u' | 't'];
  if (!transfer || (transfer.file === 'p' && !names[2])) return false;
  const offset = d.signed(20, 12);
  transferAt(d, transfer, offset);
  d.text = `${mnemonic(transfer, names)} ${transferName(transfer, d.rd)}, ${memoryText(d.rn, offset)}`;
  return true;
};

const writeback = (d: Draft, name: string): boolean => {
  const transfer = transferOf(d);
  if (!transfer || transfer.file === 'p') return false;
  const offset = d.signed(20, 12);
  const base = generalOrSp(d.rn, 1);
  move(d, transfer, d.rd, at(d.rn, name === 'pre' ? offset : 0));
  d.writeback(d.rn, offset);
  const where = name === 'pre' ? `[${base}, #${offset}]!` : `[${base}], #${offset}`;
  d.text = `${mnemonic(transfer, ['ldr', 'str', ''])} ${transferName(transfer, d.rd)}, ${where}`;
  return true;
};

/**
 * [base, index, extend #shift]. A 32-bit index (uxtw, sxtw) is given as the whole register: an
 * AddressExpression has no place for the extension.
 */
const registerOffset = (d: Draft): boolean => {
  const transfer = transferOf(d);
  const option = d.bits(15, 13);
  if (!transfer || (option & 2) === 0) return false;
  const scaled = d.bits(12, 12) === 1;
  const shift = Math.log2(transfer.bytes);
  const index = d.rm === 31 ? undefined : d.rm;
  const address = { ...at(d.rn), index, scale: scaled ? transfer.bytes : 1 };
  if (transfer.file === 'p') {
    d.use(register(d.rn, 64), d.get(d.rm, 64));
    // Prefetch hints of 0b11xxx are range prefetches (FEAT_RPRFM), another instruction.
    if (d.rd >= 24) return false;
  } else move(d, transfer, d.rd, address);
  const wide = (option & 1) === 1;
  const amount = scaled ? ` #${shift}` : '';
  const how = option === 3 ? (scaled ? `, lsl${amount}` : '') : `, ${EXTENDS[option]}${amount}`;
  d.text = `${mnemonic(transfer, ['ldr', 'str', 'prfm'])} ${transferName(transfer, d.rd)}, [${generalOrSp(d.rn, 1)}, ${general(d.rm, wide)}${how}]`;
  return true;
};

/** ldr of a literal: by opc:V, bits 31..30 and 26 (C4.1.94, load register literal). */
export const LITERALS: readonly (Transfer | undefined)[] = [
  { load: true, stem: '', file: 'w', bytes: 4, signed: false },
  { load: true, stem: '', file: 's', bytes: 4, signed: false },
  { load: true, stem: '', file: 'x', bytes: 8, signed: false },
  { load: true, stem: '', file: 'd', bytes: 8, signed: false },
  { load: true, stem: 'sw', file: 'x', bytes: 4, signed: true },
  { load: true, stem: '', file: 'q', bytes: 16, signed: false },
];
const literal = (d: Draft): boolean => {
  const code = d.bits(31, 30) * 2 + d.bits(26, 26);
  const target = d.address + d.signed(23, 5) * 4;
  const shown = hex(target < 0 ? BigInt.asUintN(64, BigInt(target)) : (target as Addr));
  if (code === 6) {
    d.text = `prfm ${prefetchName(d.rd)}, ${shown}`;
    return true;
  }
  const transfer = LITERALS[code];
  if (!transfer) return false;
  move(d, transfer, d.rd, absolute(target));
  d.text = `ldr${transfer.stem} ${transferName(transfer, d.rd)}, ${shown}`;
  return true;
};

/** ldapur, stlur (FEAT_LRCPC2): the transfers of unscaled loads with acquire and release. */
const acquireUnscaled = (d: Draft): boolean => {
  const transfer = transferOf(d);
  if (!transfer || transfer.file === 'p') return false;
  const offset = d.signed(20, 12);
  move(d, transfer, d.rd, at(d.rn, offset));
  d.text = `${mnemonic(transfer, ['ldapur', 'stlur', ''])} ${transferName(transfer, d.rd)}, ${memoryText(d.rn, offset)}`;
  return true;
};

/** ldraa, ldrab: the base is authenticated first, so the address is not a plain sum; the access is. */
const authenticatedLoad = (d: Draft, name: string): boolean => {
  const pre = d.bits(11, 11) === 1;
  const offset = d.signed(22, 22) * 4096 + d.bits(20, 12) * 8;
  const { rn, rd } = d;
  d.set(rd, unknown(d.read(at(rn, offset), 8)));
  if (pre) {
    d.setOrSp(rn, unknown(register(rn, 64)));
    if (rn === 31) d.mark(offset < 0 ? 'push' : 'pop');
  }
  const where = `${memoryText(rn, offset)}${pre ? '!' : ''}`;
  d.text = `${name} ${general(rd, 1)}, ${where}`;
  return true;
};

// biome-ignore format: a table
export const LOADS_SINGLE: readonly Row[] = [
  ['zz 111 V 01 cc iiiiiiiiiiii nnnnn ddddd',        '',     unsignedOffset],
  ['zz 111 V 00 cc 0 iiiiiiiii 00 nnnnn ddddd',      'u',    unscaled],
  ['zz 111 V 00 cc 0 iiiiiiiii 01 nnnnn ddddd',      'post', writeback],
  ['zz 111 0 00 cc 0 iiiiiiiii 10 nnnnn ddddd',      't',    unscaled],
  ['zz 111 V 00 cc 0 iiiiiiiii 11 nnnnn ddddd',      'pre',  writeback],
  ['zz 111 V 00 cc 1 mmmmm ooo s 10 nnnnn ddddd',    '',     registerOffset],
  ['cc 011 V 00 iiiiiiiiiiiiiiiiiii ddddd',          '',     literal],
  ['zz 011 0 01 cc 0 iiiiiiiii 00 nnnnn ddddd',      '',     acquireUnscaled],
  ['11 111 0 00 0 i 1 iiiiiiiii c1 nnnnn ddddd',     'ldraa', authenticatedLoad],
  ['11 111 0 00 1 i 1 iiiiiiiii c1 nnnnn ddddd',     'ldrab', authenticatedLoad],
];
