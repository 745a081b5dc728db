import {
  and,
  binary,
  constant,
  isZero,
  ltu,
  ne,
  nonZero,
  select,
  shr,
  sub,
  zext,
} from '../../expressions.js';
import type { Expression, FloatFn, StateField } from '../../meaning.js';
import { extract, float } from '../../vectors.js';
import type { Draft } from './draft.js';
import { nzcv } from './flags.js';
import { compared, widthOf } from './float-flags.js';
import type { Form, Row } from './row.js';

/**
 * Floating-point arithmetic by the host's, where that is all there is to it: FPCR is 0, the result is a normal number, and FPSR says that
 * something was inexact already. All else is the machine's (machine/aarch64).
 */

type Width = 32 | 64;
const formatOf = (width: Width) => (width === 64 ? ('f64' as const) : ('f32' as const));

const state = (field: StateField): Expression => ({ op: 'state', width: 32, field });
const INEXACT = constant(32, 16);
const isPlain = (): Expression => isZero(state('fpcr'));
const isKnownInexact = (): Expression => and(isPlain(), nonZero(and(state('fpsr'), INEXACT)));

/** The exponent is that of a normal number, and not the least: what was rounded up to it was too small before. */
function isNormal(result: Expression): Expression {
  const [fractionBits, exponents] = result.width === 64 ? [52, 2047] : [23, 255];
  const { width } = result;
  const exponent = and(shr(result, constant(width, fractionBits)), constant(width, exponents));
  return ltu(sub(exponent, constant(width, 2)), constant(width, exponents - 2));
}

const low = (d: Draft, number: number, width: Width): Expression =>
  d.let(extract(width, 0, d.vector(number)));

/** Vd is the result where it holds, else what the helper makes of it. */
function vectorOr(d: Draft, holds: Expression, result: Expression): void {
  const done = d.let(holds);
  d.helper('vector', constant(64, d.word), isZero(done));
  d.setVector(d.rd, select(done, zext(128, result), d.vector(d.rd)));
}

const typed =
  (how: (d: Draft, width: Width) => void): Form =>
  (d) => {
    const width = widthOf(d);
    if (width === undefined) d.reserve();
    else how(d, width);
  };

const arithmetic = (fn: FloatFn): Form =>
  typed((d, width) => {
    const format = formatOf(width);
    const [a, b] = [low(d, d.rn, width), low(d, d.rm, width)];
    const result = d.let(float(fn, format, format, a, b));
    vectorOr(d, and(isKnownInexact(), isNormal(result)), result);
  });

const root: Form = typed((d, width) => {
  const format = formatOf(width);
  const result = d.let(float('sqrt', format, format, low(d, d.rn, width)));
  vectorOr(d, and(isKnownInexact(), isNormal(result)), result);
});

/** With a NaN it is the helper's: some raise an exception. */
const compare = (withZero: boolean): Form =>
  typed((d, width) => {
    const format = formatOf(width);
    const a = low(d, d.rn, width);
    const b = withZero ? constant(width, 0) : low(d, d.rm, width);
    const is = (fn: FloatFn): Expression => d.let(float(fn, format, format, a, b));
    const [below, same, unordered] = [is('below'), is('same'), is('unordered')];
    const done = d.let(and(isPlain(), isZero(unordered)));
    const found = compared(d, undefined, isZero(done));
    const fast = [below, same, isZero(below), constant(8, 0)];
    const made = fast.map((flag, n) => d.let(select(done, flag, found[n]!)));
    d.flags(nzcv(made[0]!, made[1]!, made[2]!, made[3]!));
  });

/** scvtf: of 32 bits every double is exact. */
const fromInteger = (from: Width): Form =>
  typed((d, width) => {
    const result = d.let(float('convert', from === 64 ? 'i64' : 'i32', formatOf(width), d.get(d.rn, from)));
    if (from === 32 && width === 64) d.setVector(d.rd, result);
    else vectorOr(d, isKnownInexact(), result);
  });

/** fcvtzs: what does not fit gives the smallest number there is. */
const toInteger = (to: Width): Form =>
  typed((d, width) => {
    const result = d.let(float('truncate', formatOf(width), to === 64 ? 'i64' : 'i32', low(d, d.rn, width)));
    const fits = ne(result, constant(to, 1n << BigInt(to - 1)));
    const done = d.let(and(isKnownInexact(), fits));
    d.helper('vector', constant(64, d.word), isZero(done));
    if (d.rd !== 31) d.set(d.rd, select(done, zext(64, result), d.get(d.rd, 64)));
  });

/** fcvt between 32 and 64 bits. To 64 every number is exact, and none too small. */
const lengthen: Form = (d) => {
  const a = low(d, d.rn, 32);
  const exponent = and(binary('shr', a, constant(32, 23)), constant(32, 255));
  const isNumber = ne(exponent, constant(32, 255));
  vectorOr(d, and(isPlain(), isNumber), d.let(float('convert', 'f32', 'f64', a)));
};
const shorten: Form = (d) => {
  const result = d.let(float('convert', 'f64', 'f32', low(d, d.rn, 64)));
  vectorOr(d, and(isKnownInexact(), isNormal(result)), result);
};

// biome-ignore format: a table
export const FLOAT_FAST: readonly Row[] = [
  ['00011110 0f1 mmmmm 0000 10 nnnnn ddddd', 'fmul',  arithmetic('mul')],
  ['00011110 0f1 mmmmm 0001 10 nnnnn ddddd', 'fdiv',  arithmetic('div')],
  ['00011110 0f1 mmmmm 0010 10 nnnnn ddddd', 'fadd',  arithmetic('add')],
  ['00011110 0f1 mmmmm 0011 10 nnnnn ddddd', 'fsub',  arithmetic('sub')],
  ['00011110 0f1 000011 10000 nnnnn ddddd',  'fsqrt', root],
  ['00011110 ff1 mmmmm 001000 nnnnn c0000',  'fcmp',  compare(false)],
  ['00011110 ff1 00000 001000 nnnnn c1000',  'fcmp',  compare(true)],
  ['00011110 0f1 00 010 000000 nnnnn ddddd', 'scvtf',  fromInteger(32)],
  ['10011110 0f1 00 010 000000 nnnnn ddddd', 'scvtf',  fromInteger(64)],
  ['00011110 0f1 11 000 000000 nnnnn ddddd', 'fcvtzs', toInteger(32)],
  ['10011110 0f1 11 000 000000 nnnnn ddddd', 'fcvtzs', toInteger(64)],
  ['00011110 001 000101 10000 nnnnn ddddd',  'fcvt',  lengthen],
  ['00011110 011 000100 10000 nnnnn ddddd',  'fcvt',  shorten],
];
