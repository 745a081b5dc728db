import { Mnemonic } from 'iced-x86';
import {
  binary,
  constant,
  eq,
  isZero,
  mul,
  ne,
  or,
  register,
  sext,
  shl,
  shr,
  truncate,
  xor,
  zext,
} from '../../expressions.js';
import type { Expression, Width } from '../../meaning.js';
import { RAX, RDX } from '../registers.js';
import type { Draft } from './draft.js';
import { resultFlags } from './flags.js';
import type { Row } from './integer.js';

/** Both halves of a product: CF and OF where the upper one says more than the lower; the others are undefined. */
function product(
  d: Draft,
  a: Expression,
  b: Expression,
  signed: boolean,
): { low: Expression; high: Expression } {
  if (a.width === 64) {
    return { low: d.let(mul(a, b)), high: d.let(binary(signed ? 'mulhs' : 'mulhu', a, b)) };
  }
  const widen = (e: Expression): Expression => (signed ? sext(64, e) : zext(64, e));
  const whole = d.let(mul(widen(a), widen(b)));
  return {
    low: d.let(truncate(a.width, whole)),
    high: d.let(truncate(a.width, shr(whole, constant(64, a.width)))),
  };
}

/** mul r/m, imul r/m: rdx:rax. */
const wideMultiply =
  (signed: boolean): Row =>
  (d) => {
    const b = d.let(d.read(0));
    const { width } = b;
    const { low, high } = product(d, d.let(register(width, RAX)), b, signed);
    if (width === 8) d.set(RAX, d.let(or(zext(16, low), shl(zext(16, high), constant(16, 8)))));
    else {
      d.set(RAX, low);
      d.set(RDX, high);
    }
    overflowFlags(d, low, high, signed);
  };

/** SF, ZF, PF and AF are undefined behind a multiplication; processors leave those of the lower half. */
function overflowFlags(d: Draft, low: Expression, high: Expression, signed: boolean): void {
  const filled = signed ? binary('sar', low, constant(low.width, low.width - 1)) : constant(low.width, 0);
  const over = d.let(ne(high, filled));
  d.flags({ ...resultFlags(low), cf: over, of: over, af: constant(8, 0) });
}

const multiply: Row = (d) => {
  if (d.operands.length === 1) {
    wideMultiply(true)(d);
    return;
  }
  const three = d.operands.length === 3;
  const a = d.let(d.read(three ? 1 : 0));
  const b = d.let(d.read(three ? 2 : 1));
  const { low, high } = product(d, a, b, true);
  d.write(0, low);
  overflowFlags(d, low, high, true);
};

/**
 * div, idiv: the dividend is twice as wide as the divisor. Traps where the divisor is 0 or the quotient does not fit. All flags are
 * undefined: they stay.
 */
const divide =
  (signed: boolean): Row =>
  (d) => {
    const divisor = d.let(d.read(0));
    const { width } = divisor;
    d.trap('divide', isZero(divisor));
    if (width === 64) {
      d.statements.push({ do: 'helper', name: signed ? 'idiv' : 'div', operands: [divisor] });
      return;
    }
    const dividend = d.let(narrowDividend(width, signed));
    const by = d.let(signed ? sext(64, divisor) : zext(64, divisor));
    // -2^63 / -1 does not fit a 64-bit division either.
    if (signed && width === 32)
      d.trap('divide', isZero(or(xor(dividend, constant(64, 1n << 63n)), xor(by, constant(64, -1)))));
    const quotient = d.let(binary(signed ? 'divs' : 'divu', dividend, by));
    const remainder = d.let(binary(signed ? 'rems' : 'remu', dividend, by));
    const fits = signed
      ? eq(sext(64, truncate(width, quotient)), quotient)
      : eq(zext(64, truncate(width, quotient)), quotient);
    d.trap('divide', isZero(fits));
    if (width === 8) {
      const low = zext(16, truncate(8, quotient));
      d.set(RAX, d.let(or(low, shl(zext(16, truncate(8, remainder)), constant(16, 8)))));
      return;
    }
    d.set(RAX, truncate(width, quotient));
    d.set(RDX, truncate(width, remainder));
  };

/** ax, dx:ax or edx:eax as 64 bits. */
function narrowDividend(width: Width, signed: boolean): Expression {
  if (width === 8) return signed ? sext(64, register(16, RAX)) : zext(64, register(16, RAX));
  const whole = or(zext(64, register(width, RAX)), shl(zext(64, register(width, RDX)), constant(64, width)));
  if (width === 32) return whole;
  return signed ? sext(64, truncate(32, whole)) : zext(64, truncate(32, whole));
}

export const MULTIPLY: readonly (readonly [Mnemonic, Row])[] = [
  [Mnemonic.Mul, wideMultiply(false)],
  [Mnemonic.Imul, multiply],
  [Mnemonic.Div, divide(false)],
  [Mnemonic.Idiv, divide(true)],
];
