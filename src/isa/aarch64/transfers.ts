import type { AddressExpression, Value } from '../instruction.js';
import type { Draft } from './draft.js';
import { general, vector } from './registers.js';
import { bigConstant, bit, load, operation, register, unknown } from './values.js';

/**
 * What a load or store moves. Legend:
 *   stem      what follows `ldr`, `str`, `ldur` ... in the mnemonic
 *   file      x, w: a general register of 64 or 32 bits; b h s d q: a part of a vector register; p: a prefetch
 *   bytes     size of the access
 *   signed    the loaded value is sign-extended to the register
 */
export interface Transfer {
  readonly load: boolean;
  readonly stem: string;
  readonly file: 'x' | 'w' | 'b' | 'h' | 's' | 'd' | 'q' | 'p';
  readonly bytes: number;
  readonly signed: boolean;
}
const row = (
  load: boolean,
  stem: string,
  file: Transfer['file'],
  bytes: number,
  signed = false,
): Transfer => ({
  load,
  stem,
  file,
  bytes,
  signed,
});
const STORE = false;
const LOAD = true;

/** By size:V:opc, bits 31..30, 26 and 23..22 (Arm ARM C4.1.94, loads and stores of one register). */
// biome-ignore format: a table
const TRANSFERS: readonly (Transfer | undefined)[] = [
  row(STORE, 'b', 'w', 1), row(LOAD, 'b', 'w', 1), row(LOAD, 'sb', 'x', 1, true), row(LOAD, 'sb', 'w', 1, true),
  row(STORE, '', 'b', 1),  row(LOAD, '', 'b', 1),  row(STORE, '', 'q', 16),       row(LOAD, '', 'q', 16),
  row(STORE, 'h', 'w', 2), row(LOAD, 'h', 'w', 2), row(LOAD, 'sh', 'x', 2, true), row(LOAD, 'sh', 'w', 2, true),
  row(STORE, '', 'h', 2),  row(LOAD, '', 'h', 2),  undefined,                     undefined,
  row(STORE, '', 'w', 4),  row(LOAD, '', 'w', 4),  row(LOAD, 'sw', 'x', 4, true), undefined,
  row(STORE, '', 's', 4),  row(LOAD, '', 's', 4),  undefined,                     undefined,
  row(STORE, '', 'x', 8),  row(LOAD, '', 'x', 8),  row(LOAD, '', 'p', 8),         undefined,
  row(STORE, '', 'd', 8),  row(LOAD, '', 'd', 8),  undefined,                     undefined,
];

export const transferOf = (d: Pick<Draft, 'bits'>): Transfer | undefined =>
  TRANSFERS[d.bits(31, 30) * 8 + d.bits(26, 26) * 4 + d.bits(23, 22)];

/** pld/pli/pst, cache level, keep or stream (C6.2.247); others by number. */
export const prefetchName = (code: number): string => {
  const kind = ['pld', 'pli', 'pst'][code >> 3];
  const level = (code >> 1) & 3;
  return kind && level < 3
    ? `${kind}l${level + 1}${code & 1 ? 'strm' : 'keep'}`
    : `#0x${code.toString(16).padStart(2, '0')}`;
};

export const transferName = (transfer: Transfer, n: number): string => {
  if (transfer.file === 'p') return prefetchName(n);
  if (transfer.file === 'x' || transfer.file === 'w') return general(n, transfer.file === 'x');
  return `${transfer.file}${n}`;
};

/** A vector register as a value: a part of up to 64 bits, or something of the whole. */
export const vectorValue = (n: number, bytes: number): Value =>
  bytes === 16 ? unknown(register(vector(n), 64)) : register(vector(n), (bytes * 8) as 8 | 16 | 32 | 64);

/** Moves between memory and register `n`: the access, the effect and the sets. */
export const move = (d: Draft, transfer: Transfer, n: number, address: AddressExpression): void => {
  const { bytes, file } = transfer;
  const isGeneral = file === 'x' || file === 'w';
  if (!transfer.load) {
    if (!isGeneral) d.mark('simd');
    if (bytes === 16) d.mark('split');
    d.store(address, bytes, isGeneral ? d.get(n, (bytes * 8) as 8 | 16 | 32 | 64) : vectorValue(n, bytes));
    return;
  }
  const memory = d.access(address, bytes, 'read');
  if (!isGeneral) {
    d.mark('simd');
    d.writes |= bit(vector(n));
    d.effects.push({ kind: 'register', register: vector(n), value: load(memory) });
    return;
  }
  const value = load(memory, transfer.signed);
  // Sign-extended to 32 bits, then zero-extended to 64.
  d.set(
    n,
    transfer.signed && file === 'w' ? operation('and', value, bigConstant(0xffff_ffffn, 32), 64) : value,
  );
};
