import { at, type Draft } from './draft.js';
import { memoryText } from './loads-single.js';
import { general, generalOrSp } from './registers.js';
import type { Row } from './table.js';
import { move, type Transfer, transferName } from './transfers.js';
import { constant, register, unknown } from './values.js';

/** Loads and stores of a pair: Arm ARM C4.1.94. Two accesses, the lower address first. */

type Kind = Pick<Transfer, 'stem' | 'file' | 'bytes' | 'signed'>;
/** By opc:V, bits 31..30 and 26. */
export const PAIRS: readonly (Kind | undefined)[] = [
  { stem: '', file: 'w', bytes: 4, signed: false },
  { stem: '', file: 's', bytes: 4, signed: false },
  { stem: 'sw', file: 'x', bytes: 4, signed: true },
  { stem: '', file: 'd', bytes: 8, signed: false },
  { stem: '', file: 'x', bytes: 8, signed: false },
  { stem: '', file: 'q', bytes: 16, signed: false },
];

/** name: the addressing mode. `no` is the non-temporal form, an offset. */
const pair = (d: Draft, name: string): boolean => {
  const kind = PAIRS[d.bits(31, 30) * 2 + d.bits(26, 26)];
  const isLoad = d.bits(22, 22) === 1;
  // stp of signed words is another instruction (stgp); ldnp has no signed form.
  if (!kind || (kind.stem && (!isLoad || name === 'no'))) return false;
  // Constrained unpredictable; assemblers and objdump refuse it for this one instruction.
  const moves = name === 'pre' || name === 'post';
  if (kind.stem && (d.rd === d.ra || (moves && (d.rd === d.rn || d.ra === d.rn)))) return false;
  const transfer: Transfer = { ...kind, load: isLoad };
  const offset = d.signed(21, 15) * kind.bytes;
  const { rd, rn, ra } = d;
  const start = name === 'post' ? 0 : offset;
  move(d, transfer, rd, at(rn, start));
  move(d, transfer, ra, at(rn, start + kind.bytes));
  if (!isLoad) d.mark('split');
  const base = generalOrSp(rn, 1);
  let where = memoryText(rn, offset);
  if (moves) {
    d.writeback(rn, offset);
    where = name === 'pre' ? `[${base}, #${offset}]!` : `[${base}], #${offset}`;
  }
  const mnemonic = `${isLoad ? 'ld' : 'st'}${name === 'no' ? 'n' : ''}p${kind.stem}`;
  d.text = `${mnemonic} ${transferName(transfer, rd)}, ${transferName(transfer, ra)}, ${where}`;
  return true;
};

/** Memory tagging: stgp stores two registers and the tag of the granule (16 bytes). */
const tagPair = (d: Draft, name: string): boolean => {
  const offset = d.signed(21, 15) * 16;
  const { rd, rn, ra } = d;
  const transfer: Transfer = { load: false, stem: '', file: 'x', bytes: 8, signed: false };
  const start = name === 'post' ? 0 : offset;
  move(d, transfer, rd, at(rn, start));
  move(d, transfer, ra, at(rn, start + 8));
  d.mark('split');
  const base = generalOrSp(rn, 1);
  let where = memoryText(rn, offset);
  if (name !== 'offset') {
    d.writeback(rn, offset);
    where = name === 'pre' ? `[${base}, #${offset}]!` : `[${base}], #${offset}`;
  }
  d.text = `stgp ${transferName(transfer, rd)}, ${transferName(transfer, ra)}, ${where}`;
  return true;
};

/** stg, st2g write tags, stzg, stz2g zeros to the memory too; ldg reads a tag into the top of Rt. */
const tags = (d: Draft, name: string): boolean => {
  const { rd, rn } = d;
  const offset = d.signed(20, 12) * 16;
  const mode = d.bits(11, 10);
  const base = generalOrSp(rn, 1);
  if (name === 'ldg') {
    d.set(rd, unknown(d.get(rd, 64), register(rn, 64)));
    d.text = `${name} ${general(rd, 1)}, ${memoryText(rn, offset)}`;
    return true;
  }
  if (mode === 0) return false;
  d.use(register(rd, 64), register(rn, 64));
  if (name.startsWith('stz')) {
    d.store(at(rn, mode === 1 ? 0 : offset), name === 'stzg' ? 16 : 32, constant(0));
    d.mark('split');
  }
  if (mode !== 2) d.writeback(rn, offset);
  const where =
    mode === 1 ? `[${base}], #${offset}` : mode === 2 ? memoryText(rn, offset) : `[${base}, #${offset}]!`;
  d.text = `${name} ${generalOrSp(rd, 1)}, ${where}`;
  return true;
};

// biome-ignore format: a table
export const LOADS_PAIR: readonly Row[] = [
  ['cc 101 V 000 L iiiiiii aaaaa nnnnn ddddd', 'no',     pair],
  ['cc 101 V 001 L iiiiiii aaaaa nnnnn ddddd', 'post',   pair],
  ['cc 101 V 010 L iiiiiii aaaaa nnnnn ddddd', 'offset', pair],
  ['cc 101 V 011 L iiiiiii aaaaa nnnnn ddddd', 'pre',    pair],
  ['01 101 0 001 0 iiiiiii aaaaa nnnnn ddddd', 'post',   tagPair],
  ['01 101 0 010 0 iiiiiii aaaaa nnnnn ddddd', 'offset', tagPair],
  ['01 101 0 011 0 iiiiiii aaaaa nnnnn ddddd', 'pre',    tagPair],
  ['11011001 00 1 iiiiiiiii cc nnnnn ddddd',   'stg',    tags],
  ['11011001 01 1 iiiiiiiii 00 nnnnn ddddd',   'ldg',    tags],
  ['11011001 01 1 iiiiiiiii cc nnnnn ddddd',   'stzg',   tags],
  ['11011001 10 1 iiiiiiiii cc nnnnn ddddd',   'st2g',   tags],
  ['11011001 11 1 iiiiiiiii cc nnnnn ddddd',   'stz2g',  tags],
];
