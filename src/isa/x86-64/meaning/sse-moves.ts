import { Mnemonic } from 'iced-x86';
import { constant, load, register, truncate, zext } from '../../expressions.js';
import type { Expression, Width } from '../../meaning.js';
import { extract, insert, laneMask, shuffleLanes, vector } from '../../vectors.js';
import { RDI } from '../registers.js';
import type { Draft } from './draft.js';
import type { Row } from './integer.js';

export const ZERO: Expression = constant(128, 0);

/** movaps and the like: memory must be aligned. */
const aligned: Row = (d) => {
  if (!d.isMemory(0)) {
    d.write(0, d.vector(1));
    return;
  }
  d.aligned();
  d.store(d.address(), d.read(1));
};

const unaligned: Row = (d) => {
  if (d.isMemory(0)) d.store(d.address(), d.read(1));
  else d.write(0, d.isMemory(1) ? d.let(load(128, d.address())) : d.read(1));
};

/** movss, movsd: a register keeps what is above, memory clears it. movsd is also the name of a string instruction. */
const scalar =
  (width: 32 | 64): Row =>
  (d) => {
    if (d.isMemory(0)) d.store(d.address(), extract(width, 0, d.read(1)));
    else if (d.isMemory(1)) d.write(0, zext(128, d.let(load(width, d.address()))));
    else d.write(0, insert(0, d.read(0), extract(width, 0, d.read(1))));
  };

/** movd, movq: between vector and general registers or memory, zeros above. */
const between: Row = (d) => {
  const toVector = isVector(d, 0);
  if (toVector && isVector(d, 1)) {
    d.write(0, zext(128, extract(64, 0, d.read(1))));
    return;
  }
  const width = d.width(toVector ? 1 : 0);
  if (toVector) d.write(0, zext(128, d.isMemory(1) ? d.let(load(width, d.address())) : d.read(1)));
  else if (d.isMemory(0)) d.store(d.address(), extract(width, 0, d.read(1)));
  else d.set(d.registerNumber(0), extract(width, 0, d.read(1)));
};

const isVector = (d: Draft, n: number): boolean => !d.isMemory(n) && d.width(n) === 128;

/** movlps, movhps and their doubles: one half, to and from memory; the other one stays. */
const half =
  (lane: 0 | 1): Row =>
  (d) => {
    if (d.isMemory(0)) d.store(d.address(), extract(64, lane, d.read(1)));
    else d.write(0, insert(lane, d.read(0), d.let(load(64, d.address()))));
  };

const storeOnly =
  (width: Width): Row =>
  (d) => {
    if (width === 128) d.aligned();
    d.store(d.address(), d.read(1));
  };

const mask =
  (lanes: 8 | 32 | 64): Row =>
  (d) => {
    d.write(0, zext(d.width(0), laneMask(lanes, d.read(1))));
  };

/** unpcklps and the like take lanes in turn from the two operands: the low halves, or the high ones. */
const unpack =
  (width: number, high: boolean): Row =>
  (d) => {
    const [a, b] = [d.read(0), d.vector(1)];
    const lanes = 128 / width;
    const first = high ? lanes / 2 : 0;
    const order = Array.from({ length: lanes }, (_, n) => first + (n >> 1) + (n & 1) * lanes);
    d.write(0, shuffleLanes(width, a, b, order));
  };

const select2 = (control: number, n: number): number => (control >> (2 * n)) & 3;

/** shufps, shufpd: the lower lanes from the first operand, the upper ones from the second. */
const shuffleTwo =
  (width: 32 | 64): Row =>
  (d) => {
    const control = Number(d.instruction.immediate(2));
    const [a, b] = [d.read(0), d.vector(1)];
    const order =
      width === 32
        ? [0, 1, 2, 3].map((n) => select2(control, n) + (n >= 2 ? 4 : 0))
        : [control & 1, 2 + ((control >> 1) & 1)];
    d.write(0, shuffleLanes(width, a, b, order));
  };

/** pshufd, pshuflw, pshufhw: lanes of the source alone; `first` is the lane that the control begins with. */
const shuffleOne =
  (width: 16 | 32, first: number): Row =>
  (d) => {
    const control = Number(d.instruction.immediate(2));
    const source = d.vector(1);
    const order = Array.from({ length: 128 / width }, (_, n) => n);
    for (let n = 0; n < 4; n++) order[first + n] = first + select2(control, n);
    d.write(0, shuffleLanes(width, source, source, order));
  };

const extractWord: Row = (d) => {
  d.write(0, zext(d.width(0), extract(16, Number(d.instruction.immediate(2)) & 7, d.read(1))));
};

const insertWord: Row = (d) => {
  const word = d.isMemory(1) ? d.let(load(16, d.address())) : truncate(16, d.read(1));
  d.write(0, insert(Number(d.instruction.immediate(2)) & 7, d.read(0), word));
};

/**
 * maskmovdqu: the bytes whose mask has its top bit set. All 16 bytes must be there, to read and to write, where a processor may do with
 * those that it writes (Intel SDM vol. 2, MASKMOVDQU, leaves it open).
 */
const maskedStore: Row = (d) => {
  const address = d.let(d.stringSource(register(64, RDI)));
  const before = d.let(load(128, address));
  const chosen = vector('i8x16.gt_s', ZERO, d.read(d.operands.length - 1));
  d.store(address, vector('v128.bitselect', d.read(d.operands.length - 2), before, chosen));
};

/** Moves and rearrangements of SSE and SSE2. */
export const SSE_MOVES: readonly (readonly [Mnemonic, Row])[] = [
  [Mnemonic.Movaps, aligned],
  [Mnemonic.Movapd, aligned],
  [Mnemonic.Movdqa, aligned],
  [Mnemonic.Movups, unaligned],
  [Mnemonic.Movupd, unaligned],
  [Mnemonic.Movdqu, unaligned],
  [Mnemonic.Movss, scalar(32)],
  [Mnemonic.Movsd, scalar(64)],
  [Mnemonic.Movd, between],
  [Mnemonic.Movq, between],
  [Mnemonic.Movlps, half(0)],
  [Mnemonic.Movlpd, half(0)],
  [Mnemonic.Movhps, half(1)],
  [Mnemonic.Movhpd, half(1)],
  [Mnemonic.Movhlps, (d) => d.write(0, insert(0, d.read(0), extract(64, 1, d.read(1))))],
  [Mnemonic.Movlhps, (d) => d.write(0, insert(1, d.read(0), extract(64, 0, d.read(1))))],
  [Mnemonic.Movntps, storeOnly(128)],
  [Mnemonic.Movntpd, storeOnly(128)],
  [Mnemonic.Movntdq, storeOnly(128)],
  [Mnemonic.Movnti, storeOnly(64)],
  [Mnemonic.Movmskps, mask(32)],
  [Mnemonic.Movmskpd, mask(64)],
  [Mnemonic.Pmovmskb, mask(8)],
  [Mnemonic.Unpcklps, unpack(32, false)],
  [Mnemonic.Unpckhps, unpack(32, true)],
  [Mnemonic.Unpcklpd, unpack(64, false)],
  [Mnemonic.Unpckhpd, unpack(64, true)],
  [Mnemonic.Punpcklbw, unpack(8, false)],
  [Mnemonic.Punpckhbw, unpack(8, true)],
  [Mnemonic.Punpcklwd, unpack(16, false)],
  [Mnemonic.Punpckhwd, unpack(16, true)],
  [Mnemonic.Punpckldq, unpack(32, false)],
  [Mnemonic.Punpckhdq, unpack(32, true)],
  [Mnemonic.Punpcklqdq, unpack(64, false)],
  [Mnemonic.Punpckhqdq, unpack(64, true)],
  [Mnemonic.Shufps, shuffleTwo(32)],
  [Mnemonic.Shufpd, shuffleTwo(64)],
  [Mnemonic.Pshufd, shuffleOne(32, 0)],
  [Mnemonic.Pshuflw, shuffleOne(16, 0)],
  [Mnemonic.Pshufhw, shuffleOne(16, 4)],
  [Mnemonic.Pextrw, extractWord],
  [Mnemonic.Pinsrw, insertWord],
  [Mnemonic.Maskmovdqu, maskedStore],
];
