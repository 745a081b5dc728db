import type { Signed } from '../float/operations.js';
import { round, toMultiple } from '../float/round.js';
import {
  type Bits80,
  DOUBLE,
  EXTENDED,
  type Exact,
  type FloatShape,
  INDEFINITE,
  INEXACT,
  INVALID,
  pack,
  pack80,
  quieted,
  SINGLE,
  UNDERFLOW,
} from '../float/value.js';
import { integer, MEMORY } from './arithmetic.js';
import { fromDecimal, INDEFINITE_DECIMAL, toDecimal } from './decimal.js';
import { type Row, resultStatus, setResult } from './row.js';
import { C1, INDEFINITE_BITS, normal, STACK_FAULT, type Unit } from './unit.js';

/** Pushes a float, a double or an integer: all fit. */
const load =
  (format: string): Row =>
  (unit, a) => {
    if (!unit.reserve()) return;
    const value = MEMORY[format]!(a);
    const denormal = value.kind === 'finite' && value.denormal ? 2 : 0;
    if (value.kind === 'nan') {
      if (unit.raise(value.signaling ? INVALID : 0)) unit.push(pack80(quieted(value)));
    } else {
      // A denormal is there even where its exception is unmasked (measured on AMD).
      unit.raise(denormal);
      unit.push(pack80(normal(value as Signed)));
    }
  };

const pushBits = (unit: Unit, bits: Bits80): void => {
  if (!unit.reserve()) return;
  unit.raise(0);
  unit.push(bits);
};

/**
 * Constants of fldl2t, fldl2e, fldpi, fldlg2 and fldln2: log2(10), log2(e), pi, log10(2), ln(2), to 128 bits behind the first one, and
 * rounded as the control word says (Intel SDM vol. 1, 8.3.8).
 */
const CONSTANTS: readonly Exact[] = [
  { sign: 0, significand: 1n, exponent: 0 },
  { sign: 0, significand: 0xd49a784bcd1b8afe492bf6ff4dafdb4cn, exponent: -126 },
  { sign: 0, significand: 0xb8aa3b295c17f0bbbe87fed0691d3e88n, exponent: -127 },
  { sign: 0, significand: 0xc90fdaa22168c234c4c6628b80dc1cd1n, exponent: -126 },
  { sign: 0, significand: 0x9a209a84fbcff7988f8959ac0b7c9178n, exponent: -129 },
  { sign: 0, significand: 0xb17217f7d1cf79abc9e3b39803f2f6afn, exponent: -128 },
];
/** fldz. */
const ZERO = 6n;

const loadConstant: Row = (unit, a) => {
  if (!unit.reserve()) return;
  unit.raise(0);
  if (a === ZERO) {
    unit.push({ significand: 0n, head: 0 });
    return;
  }
  const rules = { rounding: unit.rounding, exactUnderflow: false, flush: false };
  unit.push(pack80(round(CONSTANTS[Number(a)]!, EXTENDED, rules).value));
};

/** What a store would write goes to the result, and what it finds waits for `commit`: the access may fault in between. */
function peek(unit: Unit, bits: Bits80, flags: number, up = false): 'unsupported' | undefined {
  // An unmasked exception keeps the store from being made; only one that is found afterwards does not.
  if ((flags & ~unit.control & (0x3f & ~INEXACT)) !== 0) return 'unsupported';
  setResult(unit, bits.significand, bits.head, flags | (up ? C1 : 0));
  return undefined;
}

const low = (bits: bigint): Bits80 => ({ significand: bits, head: 0 });
const EMPTY = INVALID | STACK_FAULT;

const peekFloat =
  (shape: FloatShape): Row =>
  (unit) => {
    const indefinite = low(pack(shape, INDEFINITE));
    if (unit.isEmpty(0)) return peek(unit, indefinite, EMPTY);
    const value = unit.value(0);
    if (value.kind === 'unsupported') return peek(unit, indefinite, INVALID);
    if (value.kind === 'nan')
      return peek(unit, low(pack(shape, quieted(value))), value.signaling ? INVALID : 0);
    if (value.kind !== 'finite') return peek(unit, low(pack(shape, value)), 0);
    const exactUnderflow = (unit.control & UNDERFLOW) === 0;
    const rounded = round(value, shape, { rounding: unit.rounding, exactUnderflow, flush: false });
    return peek(unit, low(pack(shape, rounded.value)), rounded.flags, rounded.up);
  };

/** ST(0) as an integer; undefined where it is none, or not below the limit. */
function toInteger(unit: Unit, limit: bigint): { value: bigint; exact: boolean; up: boolean } | undefined {
  const value = unit.value(0);
  if (value.kind === 'zero') return { value: 0n, exact: true, up: false };
  if (value.kind !== 'finite' || value.exponent > 0) return undefined;
  const { count, exact, up } = toMultiple(value, 0, unit.rounding);
  const most = value.sign === 1 ? limit : limit - 1n;
  return count > most ? undefined : { value: value.sign === 1 ? -count : count, exact, up };
}

const peekInteger =
  (width: 16 | 32 | 64): Row =>
  (unit) => {
    const limit = 1n << BigInt(width - 1);
    if (unit.isEmpty(0)) return peek(unit, low(limit), EMPTY);
    const found = toInteger(unit, limit);
    if (found === undefined) return peek(unit, low(limit), INVALID);
    return peek(unit, low(found.value), found.exact ? 0 : INEXACT, found.up);
  };

const peekDecimal: Row = (unit) => {
  if (unit.isEmpty(0)) return peek(unit, INDEFINITE_DECIMAL, EMPTY);
  const found = toInteger(unit, 10n ** 18n);
  if (found === undefined || found.value === -(10n ** 18n)) return peek(unit, INDEFINITE_DECIMAL, INVALID);
  const negative = unit.read(0).head >= 0x8000;
  return peek(unit, toDecimal(found.value, negative), found.exact ? 0 : INEXACT, found.up);
};

/** 80 bits are stored as they are. */
const peekAll: Row = (unit) => {
  if (unit.isEmpty(0)) return peek(unit, INDEFINITE_BITS, EMPTY);
  return peek(unit, unit.read(0), 0);
};

/** a: how many to pop. */
const commit: Row = (unit, a) => {
  unit.status = (unit.status & ~C1) | resultStatus(unit);
  unit.refreshPending();
  unit.pop(Number(a));
};

/** fst ST(i): a: the destination in bits 2..0, how many to pop in 9..8. */
const copy: Row = (unit, a) => {
  const [to, pops] = [Number(a) & 7, Number(a) >> 8];
  if (unit.isEmpty(0)) {
    if (!unit.underflow()) return;
    unit.write(to, INDEFINITE_BITS);
  } else {
    unit.raise(0);
    unit.write(to, unit.read(0));
  }
  unit.pop(pops);
};

const exchange: Row = (unit, a) => {
  const other = Number(a);
  const empty = [0, other].map((index) => unit.isEmpty(index));
  if (empty.includes(true)) {
    if (!unit.underflow()) return;
  } else unit.raise(0);
  const [x, y] = [0, other].map((index, n) => (empty[n]! ? INDEFINITE_BITS : unit.read(index)));
  unit.write(0, y!);
  unit.write(other, x!);
};

/** a: the source; b: does the condition hold? Empty registers count in either case. C1 stays otherwise. */
const moveIf: Row = (unit, a, b) => {
  const from = Number(a);
  if (unit.isEmpty(0) || unit.isEmpty(from)) {
    if (unit.underflow()) unit.write(0, INDEFINITE_BITS);
    return;
  }
  if (b !== 0n) unit.write(0, unit.read(from));
};

/** fld ST(i). Of an empty source, and no room for it, the first counts (measured on AMD). */
const duplicate: Row = (unit, a) => {
  if (unit.isEmpty(Number(a))) {
    if (unit.underflow()) unit.push(INDEFINITE_BITS);
    return;
  }
  pushBits(unit, unit.read(Number(a)));
};

/** ffree, and ffreep, which no manual has: C1 is undefined, AMD clears it. */
const release =
  (pops: number): Row =>
  (unit, a) => {
    unit.raise(0);
    unit.free(Number(a));
    unit.pop(pops);
  };

const turn =
  (by: number): Row =>
  (unit) => {
    unit.raise(0);
    unit.top += by;
  };

export const TRANSFERS: readonly (readonly [string, Row])[] = [
  ...Object.keys(MEMORY).map((format): [string, Row] => [`load ${format}`, load(format)]),
  ['load f80', (unit, a, b) => pushBits(unit, { significand: a, head: Number(b & 0xffffn) })],
  ['load decimal', (unit, a, b) => pushBits(unit, decimalBits(a, Number(b & 0xffffn)))],
  ['load st', duplicate],
  ['load constant', loadConstant],
  ['peek f32', peekFloat(SINGLE)],
  ['peek f64', peekFloat(DOUBLE)],
  ['peek f80', peekAll],
  ['peek i16', peekInteger(16)],
  ['peek i32', peekInteger(32)],
  ['peek i64', peekInteger(64)],
  ['peek decimal', peekDecimal],
  ['commit', commit],
  ['copy', copy],
  ['exchange', exchange],
  ['move', moveIf],
  ['free', release(0)],
  ['free and pop', release(1)],
  ['turn up', turn(1)],
  ['turn down', turn(-1)],
];

function decimalBits(lowBytes: bigint, high: number): Bits80 {
  const { magnitude, negative } = fromDecimal(lowBytes, high);
  const value = integer(magnitude) as Signed;
  return pack80({ ...normal(value), sign: negative ? 1 : 0 });
}
