import type { Value } from '../instruction.js';
import { at, type Draft } from './draft.js';
import { memoryText } from './loads-single.js';
import { general } from './registers.js';
import type { Row } from './table.js';
import { load, operation, unknown } from './values.js';

/** Exclusive, acquire/release and atomic accesses: Arm ARM C4.1.94, base register without an offset. */

type Width = 8 | 16 | 32 | 64;
/** size, bits 31..30: suffix of the mnemonic and bytes. */
const SUFFIX = ['b', 'h', '', ''] as const;
const sizeOf = (d: Draft) => {
  const code = d.bits(31, 30);
  return { suffix: SUFFIX[code]!, bytes: 1 << code, wide: code === 3, bits: (8 << code) as Width };
};

/** ldxr, ldaxr, ldar, ldlar, ldapr */
const loadOrdered = (d: Draft, name: string): boolean => {
  const { suffix, bytes, wide } = sizeOf(d);
  d.set(d.rd, d.read(at(d.rn), bytes));
  if (name.includes('x')) d.mark('exclusive');
  d.text = `${name}${suffix} ${general(d.rd, wide)}, ${memoryText(d.rn, 0)}`;
  return true;
};

/** stlr, stllr */
const storeOrdered = (d: Draft, name: string): boolean => {
  const { suffix, bytes, wide, bits } = sizeOf(d);
  d.store(at(d.rn), bytes, d.get(d.rd, bits));
  d.text = `${name}${suffix} ${general(d.rd, wide)}, ${memoryText(d.rn, 0)}`;
  return true;
};

/** stxr, stlxr: stores or not, and says which in Rs; so what memory holds after is made of the register, no more. */
const storeExclusive = (d: Draft, name: string): boolean => {
  const { suffix, bytes, wide, bits } = sizeOf(d);
  d.store(at(d.rn), bytes, unknown(d.get(d.rd, bits)));
  d.set(d.rm, unknown());
  d.mark('exclusive');
  d.text = `${name}${suffix} ${general(d.rm, 0)}, ${general(d.rd, wide)}, ${memoryText(d.rn, 0)}`;
  return true;
};

const pairText = (d: Draft, wide: boolean): string =>
  `${general(d.rd, wide)}, ${general(d.ra, wide)}, ${memoryText(d.rn, 0)}`;

const loadExclusivePair = (d: Draft, name: string): boolean => {
  const wide = d.bits(30, 30) === 1;
  const bytes = wide ? 8 : 4;
  d.set(d.rd, d.read(at(d.rn), bytes));
  d.set(d.ra, d.read(at(d.rn, bytes), bytes));
  d.mark('exclusive');
  d.text = `${name} ${pairText(d, wide)}`;
  return true;
};
const storeExclusivePair = (d: Draft, name: string): boolean => {
  const wide = d.bits(30, 30) === 1;
  const bytes = wide ? 8 : 4;
  const bits = wide ? 64 : 32;
  d.store(at(d.rn), bytes, unknown(d.get(d.rd, bits)));
  d.store(at(d.rn, bytes), bytes, unknown(d.get(d.ra, bits)));
  d.set(d.rm, unknown());
  d.mark('exclusive');
  d.text = `${name} ${general(d.rm, 0)}, ${pairText(d, wide)}`;
  return true;
};

/** cas: Rs is what to expect and gets what was there; Rt is stored when they are equal. */
const compareSwap = (d: Draft, name: string): boolean => {
  const { suffix, bytes, wide, bits } = sizeOf(d);
  const memory = d.access(at(d.rn), bytes, 'both');
  const old = load(memory);
  const stored = unknown(d.get(d.rm, bits), d.get(d.rd, bits), old);
  d.use(stored);
  d.effects.push({ kind: 'store', memory, value: stored });
  d.set(d.rm, old);
  d.mark('atomic');
  d.text = `${name}${suffix} ${general(d.rm, wide)}, ${general(d.rd, wide)}, ${memoryText(d.rn, 0)}`;
  return true;
};

const compareSwapPair = (d: Draft, name: string): boolean => {
  const { rm, rd } = d;
  if ((rm | rd) & 1) return false;
  const wide = d.bits(30, 30) === 1;
  const bytes = wide ? 8 : 4;
  const bits = wide ? 64 : 32;
  const all = [rm, rm + 1, rd, rd + 1].map((n) => d.get(n, bits));
  for (const [half, register] of [rm, rm + 1].entries()) {
    const memory = d.access(at(d.rn, half * bytes), bytes, 'both');
    const stored = unknown(...all, load(memory));
    d.use(stored);
    d.effects.push({ kind: 'store', memory, value: stored });
    d.set(register, load(memory));
  }
  d.mark('atomic');
  const names = [rm, rm + 1, rd, rd + 1].map((n) => general(n, wide)).join(', ');
  d.text = `${name} ${names}, ${memoryText(d.rn, 0)}`;
  return true;
};

/** What an LSE operation leaves in memory, where that is plain: by stem of the mnemonic (C6.2.131 and on). */
const LEAVES: Readonly<Record<string, (old: Value, operand: Value, size: 32 | 64) => Value>> = {
  add: (old, operand, size) => operation('add', old, operand, size),
  eor: (old, operand, size) => operation('xor', old, operand, size),
  set: (old, operand, size) => operation('or', old, operand, size),
  swp: (_old, operand) => operand,
};

/** ldadd ... swp; `st` in place of `ld` where the old value is thrown away and nothing is acquired. */
const atomic = (d: Draft, name: string): boolean => {
  const { suffix, bytes, wide, bits } = sizeOf(d);
  const { rm, rn, rd } = d;
  const acquire = d.bits(23, 23) === 1;
  const release = d.bits(22, 22) === 1;
  const memory = d.access(at(rn), bytes, 'both');
  const old = load(memory);
  const operand = d.get(rm, bits);
  const leaves = LEAVES[name === 'swp' ? name : name.slice(2)];
  d.use(operand);
  d.effects.push({
    kind: 'store',
    memory,
    value: leaves ? leaves(old, operand, wide ? 64 : 32) : unknown(old, operand),
  });
  d.set(rd, old);
  d.mark('atomic');
  const order = `${acquire ? 'a' : ''}${release ? 'l' : ''}${suffix}`;
  if (rd === 31 && !acquire && name !== 'swp') {
    d.text = `st${name.slice(2)}${order} ${general(rm, wide)}, ${memoryText(rn, 0)}`;
  } else d.text = `${name}${order} ${general(rm, wide)}, ${general(rd, wide)}, ${memoryText(rn, 0)}`;
  return true;
};

// biome-ignore format: a table
export const ATOMICS: readonly Row[] = [
  ['zz 001000 000 mmmmm 0 11111 nnnnn ddddd', 'stxr',   storeExclusive],
  ['zz 001000 000 mmmmm 1 11111 nnnnn ddddd', 'stlxr',  storeExclusive],
  ['1z 001000 001 mmmmm 0 aaaaa nnnnn ddddd', 'stxp',   storeExclusivePair],
  ['1z 001000 001 mmmmm 1 aaaaa nnnnn ddddd', 'stlxp',  storeExclusivePair],
  ['zz 001000 010 11111 0 11111 nnnnn ddddd', 'ldxr',   loadOrdered],
  ['zz 001000 010 11111 1 11111 nnnnn ddddd', 'ldaxr',  loadOrdered],
  ['1z 001000 011 11111 0 aaaaa nnnnn ddddd', 'ldxp',   loadExclusivePair],
  ['1z 001000 011 11111 1 aaaaa nnnnn ddddd', 'ldaxp',  loadExclusivePair],
  ['0z 001000 001 mmmmm 0 11111 nnnnn ddddd', 'casp',   compareSwapPair],
  ['0z 001000 001 mmmmm 1 11111 nnnnn ddddd', 'caspl',  compareSwapPair],
  ['0z 001000 011 mmmmm 0 11111 nnnnn ddddd', 'caspa',  compareSwapPair],
  ['0z 001000 011 mmmmm 1 11111 nnnnn ddddd', 'caspal', compareSwapPair],
  ['zz 001000 100 11111 0 11111 nnnnn ddddd', 'stllr',  storeOrdered],
  ['zz 001000 100 11111 1 11111 nnnnn ddddd', 'stlr',   storeOrdered],
  ['zz 001000 110 11111 0 11111 nnnnn ddddd', 'ldlar',  loadOrdered],
  ['zz 001000 110 11111 1 11111 nnnnn ddddd', 'ldar',   loadOrdered],
  ['zz 001000 101 mmmmm 0 11111 nnnnn ddddd', 'cas',    compareSwap],
  ['zz 001000 101 mmmmm 1 11111 nnnnn ddddd', 'casl',   compareSwap],
  ['zz 001000 111 mmmmm 0 11111 nnnnn ddddd', 'casa',   compareSwap],
  ['zz 001000 111 mmmmm 1 11111 nnnnn ddddd', 'casal',  compareSwap],
  ['zz 111000 101 11111 1 100 00 nnnnn ddddd', 'ldapr',  loadOrdered],
  ['zz 111000 AR1 mmmmm 0 000 00 nnnnn ddddd', 'ldadd',  atomic],
  ['zz 111000 AR1 mmmmm 0 001 00 nnnnn ddddd', 'ldclr',  atomic],
  ['zz 111000 AR1 mmmmm 0 010 00 nnnnn ddddd', 'ldeor',  atomic],
  ['zz 111000 AR1 mmmmm 0 011 00 nnnnn ddddd', 'ldset',  atomic],
  ['zz 111000 AR1 mmmmm 0 100 00 nnnnn ddddd', 'ldsmax', atomic],
  ['zz 111000 AR1 mmmmm 0 101 00 nnnnn ddddd', 'ldsmin', atomic],
  ['zz 111000 AR1 mmmmm 0 110 00 nnnnn ddddd', 'ldumax', atomic],
  ['zz 111000 AR1 mmmmm 0 111 00 nnnnn ddddd', 'ldumin', atomic],
  ['zz 111000 AR1 mmmmm 1 000 00 nnnnn ddddd', 'swp',    atomic],
];
