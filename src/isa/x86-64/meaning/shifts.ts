import { Mnemonic } from 'iced-x86';
import {
  and,
  binary,
  bit,
  constant,
  flag,
  isConstant,
  nonZero,
  or,
  resize,
  select,
  sext,
  shl,
  shr,
  sign,
  sub,
  truncate,
  xor,
  zext,
} from '../../expressions.js';
import type { Expression, Flag } from '../../meaning.js';
import type { Draft } from './draft.js';
import { resultFlags } from './flags.js';
import type { Row } from './integer.js';

type Flags = Readonly<Partial<Record<Flag, Expression>>>;

/** The count, masked to 5 or 6 bits (Intel SDM vol. 2, SAL/SAR/SHL/SHR), as a 64-bit value. */
function count(d: Draft, n: number, width: number): Expression {
  const raw = d.operands.length > n ? resize(64, d.read(n)) : constant(64, 1);
  return d.let(and(raw, constant(64, width === 64 ? 63 : 31)));
}

/** A count of 0 changes no flag. */
function flagsUnlessZero(d: Draft, by: Expression, flags: Flags): void {
  if (isConstant(by)) {
    if (by.value !== 0n) d.flags(flags);
    return;
  }
  const moved = d.let(nonZero(by));
  const kept = Object.entries(flags).map(([name, value]) => [
    name,
    d.let(select(moved, value, flag(name as Flag))),
  ]);
  d.flags(Object.fromEntries(kept));
}

/** A value of any width in 64 bits, where counts up to 31 push what is narrower out of sight. */
const wide = (a: Expression): Expression => zext(64, a);

const shiftLeft: Row = (d) => {
  const a = d.let(d.read(0));
  const by = count(d, 1, a.width);
  const whole = d.let(shl(wide(a), by));
  const result = d.let(a.width === 64 ? whole : truncate(a.width, whole));
  // The last bit out: bit 64 - count of a 64-bit value, bit `width` of the wide result of a narrower one.
  const carry = d.let(
    a.width === 64
      ? bit(binary('shr', a, and(sub(constant(64, 64), by), constant(64, 63))), 0)
      : bit(whole, a.width),
  );
  d.write(0, result);
  flagsUnlessZero(d, by, {
    ...resultFlags(result),
    cf: carry,
    of: xor(sign(result), carry),
    af: constant(8, 0),
  });
};

const shiftRight =
  (signed: boolean): Row =>
  (d) => {
    const a = d.let(d.read(0));
    const by = count(d, 1, a.width);
    const source = d.let(signed ? sext(64, a) : wide(a));
    const fn = signed ? 'sar' : 'shr';
    const whole = binary(fn, source, by);
    const result = d.let(a.width === 64 ? whole : truncate(a.width, whole));
    const carry = d.let(bit(binary(fn, source, and(sub(by, constant(64, 1)), constant(64, 63))), 0));
    d.write(0, result);
    flagsUnlessZero(d, by, {
      ...resultFlags(result),
      cf: carry,
      of: signed ? constant(8, 0) : sign(a),
      af: constant(8, 0),
    });
  };

const rotate =
  (fn: 'rol' | 'ror'): Row =>
  (d) => {
    const a = d.let(d.read(0));
    const masked = count(d, 1, a.width);
    const by = d.let(resize(a.width, and(masked, constant(64, a.width - 1))));
    const result = d.let(binary(fn, a, by));
    d.write(0, result);
    const carry = d.let(bit(result, fn === 'rol' ? 0 : a.width - 1));
    const of = xor(sign(result), fn === 'rol' ? carry : bit(result, a.width - 2));
    flagsUnlessZero(d, masked, { cf: carry, of });
  };

/** Through the carry: width + 1 bits go round. */
const rotateCarry =
  (left: boolean): Row =>
  (d) => {
    const a = d.let(d.read(0));
    const { width } = a;
    const masked = count(d, 1, width);
    const carry = d.let(wide(flag('cf')));
    const by = d.let(width < 32 ? binary('remu', masked, constant(64, width + 1)) : masked);
    const one = constant(64, 1);
    const back = d.let(and(sub(constant(64, width), by), constant(64, 63)));
    // left: a << n | carry << n - 1 | a >> width + 1 - n, the last in two steps, for n may be 1.
    const value = wide(a);
    const out = left
      ? or(or(shl(value, by), shl(carry, and(sub(by, one), constant(64, 63)))), shr(shr(value, one), back))
      : or(or(shr(value, by), shl(carry, back)), shl(shl(value, one), back));
    const moved = d.let(nonZero(by));
    const result = d.let(select(moved, width === 64 ? out : truncate(width, out), a));
    const last = left ? shr(value, back) : shr(value, and(sub(by, one), constant(64, 63)));
    const newCarry = d.let(select(moved, bit(last, 0), truncate(8, carry)));
    d.write(0, result);
    const of = left ? xor(sign(result), newCarry) : xor(sign(result), bit(result, width - 2));
    flagsUnlessZero(d, masked, { cf: newCarry, of });
  };

/** Two registers as one: bits of operand 1 come in. Undefined for 16 bits and counts above 16. */
const doubleShift =
  (left: boolean): Row =>
  (d) => {
    const a = d.let(d.read(0));
    const other = d.let(d.read(1));
    const { width } = a;
    const by = count(d, 2, width);
    const back = d.let(and(sub(constant(64, width), by), constant(64, 63)));
    const moved = d.let(nonZero(by));
    const [x, y] = [wide(a), wide(other)];
    const out = left ? or(shl(x, by), shr(y, back)) : or(shr(x, by), shl(y, back));
    const result = d.let(select(moved, width === 64 ? out : truncate(width, out), a));
    const carry = d.let(
      bit(left ? shr(x, back) : shr(x, and(sub(by, constant(64, 1)), constant(64, 63))), 0),
    );
    d.write(0, result);
    flagsUnlessZero(d, by, {
      ...resultFlags(result),
      cf: carry,
      of: xor(sign(result), sign(a)),
      af: constant(8, 0),
    });
  };

export const SHIFTS: readonly (readonly [Mnemonic, Row])[] = [
  [Mnemonic.Shl, shiftLeft],
  [Mnemonic.Sal, shiftLeft],
  [Mnemonic.Shr, shiftRight(false)],
  [Mnemonic.Sar, shiftRight(true)],
  [Mnemonic.Rol, rotate('rol')],
  [Mnemonic.Ror, rotate('ror')],
  [Mnemonic.Rcl, rotateCarry(true)],
  [Mnemonic.Rcr, rotateCarry(false)],
  [Mnemonic.Shld, doubleShift(true)],
  [Mnemonic.Shrd, doubleShift(false)],
];
