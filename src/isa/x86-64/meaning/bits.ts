import { Mnemonic, OpKind } from 'iced-x86';
import {
  add,
  and,
  binary,
  clz,
  constant,
  ctz,
  isZero,
  load,
  not,
  or,
  popcnt,
  resize,
  select,
  sext,
  shl,
  sub,
  truncate,
  xor,
  zext,
} from '../../expressions.js';
import type { Expression } from '../../meaning.js';
import type { Draft } from './draft.js';
import type { Row } from './integer.js';

type Change = (value: Expression, bitMask: Expression) => Expression;

/**
 * bt, bts, btr, btc: only CF is defined. With a register as the bit offset and memory as the base the offset reaches beyond the operand: the
 * word that holds the bit is taken (Intel SDM vol. 2, 3.1.1.9).
 */
const bitTest =
  (change?: Change): Row =>
  (d) => {
    const width = d.width(0);
    const fromRegister = d.operands[1]?.kind === OpKind.Register;
    const index = d.let(fromRegister ? d.read(1) : resize(width, d.read(1)));
    const address = d.isMemory(0) ? d.let(bitAddress(d, index, fromRegister)) : undefined;
    const value = d.let(address === undefined ? d.read(0) : load(width, address));
    const within = d.let(and(index, constant(width, width - 1)));
    const carry = d.let(truncateTo8(and(binary('shr', value, within), constant(width, 1))));
    if (change !== undefined) {
      const result = d.let(change(value, d.let(shl(constant(width, 1), within))));
      if (address === undefined) d.write(0, result);
      else d.store(address, result);
    }
    d.flags({ cf: carry });
  };

function bitAddress(d: Draft, index: Expression, fromRegister: boolean): Expression {
  if (!fromRegister) return d.address();
  const bytes = index.width / 8;
  const words = binary('sar', sext(64, index), constant(64, Math.log2(index.width)));
  return add(d.address(), shl(words, constant(64, Math.log2(bytes))));
}

const truncateTo8 = (a: Expression): Expression => (a.width === 8 ? a : truncate(8, a));

/** bsf, bsr: a source of 0 leaves the destination (Intel says undefined; processors and AMD's manual leave it), and sets ZF. */
const scan =
  (index: (a: Expression) => Expression): Row =>
  (d) => {
    const a = d.let(d.read(1));
    const none = d.let(isZero(a));
    const before = d.read(0);
    // A 32-bit destination that is left keeps its upper half too.
    if (a.width === 32) d.set(d.registerNumber(0), select(none, d.wholeRegister(0), zext(64, index(a))));
    else d.write(0, select(none, before, index(a)));
    d.flags({ zf: none });
  };

const highest = (a: Expression): Expression => sub(constant(a.width, a.width - 1), clz(a));

/** tzcnt, lzcnt: the width where there is no bit. CF: the source was 0, ZF: the result is. */
const countZeros =
  (count: (a: Expression) => Expression): Row =>
  (d) => {
    const a = d.let(d.read(1));
    const result = d.let(count(a));
    d.write(0, result);
    d.flags({ cf: isZero(a), zf: isZero(result) });
  };

const countOnes: Row = (d) => {
  const a = d.let(d.read(1));
  d.write(0, popcnt(a));
  const zero = constant(8, 0);
  d.flags({ cf: zero, of: zero, sf: zero, af: zero, pf: zero, zf: isZero(a) });
};

/** Bytes in the opposite order. Of a 16-bit register: undefined; processors clear it. */
const swapBytes: Row = (d) => {
  const a = d.let(d.read(0));
  const { width } = a;
  let sum: Expression = constant(width, 0);
  for (let byte = 0; byte < width / 8 && width > 16; byte++) {
    const part = and(binary('shr', a, constant(width, 8 * byte)), constant(width, 0xff));
    sum = or(sum, shl(part, constant(width, width - 8 - 8 * byte)));
  }
  d.write(0, sum);
};

export const BITS: readonly (readonly [Mnemonic, Row])[] = [
  [Mnemonic.Bt, bitTest()],
  [Mnemonic.Bts, bitTest((value, one) => or(value, one))],
  [Mnemonic.Btr, bitTest((value, one) => and(value, not(one)))],
  [Mnemonic.Btc, bitTest((value, one) => xor(value, one))],
  [Mnemonic.Bsf, scan(ctz)],
  [Mnemonic.Bsr, scan(highest)],
  [Mnemonic.Tzcnt, countZeros(ctz)],
  [Mnemonic.Lzcnt, countZeros(clz)],
  [Mnemonic.Popcnt, countOnes],
  [Mnemonic.Bswap, swapBytes],
];
