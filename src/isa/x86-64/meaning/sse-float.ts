import { Mnemonic } from 'iced-x86';
import { constant, load, zext } from '../../expressions.js';
import type { Expression, FloatFn, Format } from '../../meaning.js';
import { extract, float, floats, insert, widthOf } from '../../vectors.js';
import type { Draft } from './draft.js';
import type { Row } from './integer.js';

type FloatFormat = 'f32' | 'f64';

/** Has one operand, the source? */
const hasOne = (fn: FloatFn): boolean => ['sqrt', 'reciprocal', 'reciprocal-root'].includes(fn);

/** One lane: the upper ones of the destination stay. */
const scalar =
  (fn: FloatFn, format: FloatFormat): Row =>
  (d) => {
    const width = widthOf(format);
    const b = d.low(1, width);
    const operands = hasOne(fn) ? [b] : [extract(width, 0, d.read(0)), b];
    d.write(0, insert(0, d.read(0), d.let(float(fn, format, format, ...operands))));
  };

const packed =
  (fn: FloatFn, format: FloatFormat): Row =>
  (d) => {
    const b = d.vector(1);
    d.write(0, d.let(floats(fn, format, format, ...(hasOne(fn) ? [b] : [d.read(0), b]))));
  };

const MASK: Readonly<Record<FloatFormat, Format>> = { f32: 'i32', f64: 'i64' };
const predicate = (d: Draft): FloatFn => `cmp${Number(d.instruction.immediate(2)) & 7}` as FloatFn;

const compareScalar =
  (format: FloatFormat): Row =>
  (d) => {
    const width = widthOf(format);
    const b = d.low(1, width);
    const mask = float(predicate(d), format, MASK[format], extract(width, 0, d.read(0)), b);
    d.write(0, insert(0, d.read(0), d.let(mask)));
  };

const comparePacked =
  (format: FloatFormat): Row =>
  (d) => {
    const b = d.vector(1);
    d.write(0, d.let(floats(predicate(d), format, MASK[format], d.read(0), b)));
  };

/** comis and ucomis: unordered sets ZF, PF and CF (Intel SDM vol. 2). The operands are named so that flags can be made later. */
const compareFlags =
  (format: FloatFormat, signals: boolean): Row =>
  (d) => {
    const width = widthOf(format);
    const b = d.let(d.low(1, width));
    const a = d.let(extract(width, 0, d.read(0)));
    const flag = (fn: 'below' | 'same' | 'unordered'): Expression =>
      float(signals ? `s-${fn}` : fn, format, format, a, b);
    const zero = constant(8, 0);
    d.flags({
      cf: flag('below'),
      zf: flag('same'),
      pf: flag('unordered'),
      of: zero,
      sf: zero,
      af: zero,
    });
  };

/** cvtsi2ss, cvtsi2sd: from a general register or memory of 32 or 64 bits. */
const fromInteger =
  (format: FloatFormat): Row =>
  (d) => {
    const width = d.width(1);
    const a = d.let(d.read(1));
    d.write(0, insert(0, d.read(0), d.let(float('convert', width === 64 ? 'i64' : 'i32', format, a))));
  };

const toInteger =
  (format: FloatFormat, fn: 'convert' | 'truncate'): Row =>
  (d) => {
    const to = d.width(0) === 64 ? 'i64' : 'i32';
    d.write(0, d.let(float(fn, format, to, d.low(1, widthOf(format)))));
  };

const betweenScalars =
  (from: FloatFormat, to: FloatFormat): Row =>
  (d) => {
    const a = d.low(1, widthOf(from));
    d.write(0, insert(0, d.read(0), d.let(float('convert', from, to, a))));
  };

/** Lanes from one format to another. Where the result has larger lanes half of the source is read: 8 bytes, not aligned. */
const convertLanes =
  (from: Format, to: Format, fn: 'convert' | 'truncate' = 'convert'): Row =>
  (d) => {
    const half = widthOf(from) < widthOf(to);
    const a = half && d.isMemory(1) ? zext(128, d.let(load(64, d.address()))) : d.vector(1);
    d.write(0, d.let(floats(fn, from, to, a)));
  };

const forms = (name: string, fn: FloatFn): [Mnemonic, Row][] => [
  [named(`${name}ss`), scalar(fn, 'f32')],
  [named(`${name}sd`), scalar(fn, 'f64')],
  [named(`${name}ps`), packed(fn, 'f32')],
  [named(`${name}pd`), packed(fn, 'f64')],
];
const named = (name: string): Mnemonic => Mnemonic[name as keyof typeof Mnemonic] as Mnemonic;

/** Arithmetic, comparisons and conversions of SSE and SSE2. */
export const SSE_FLOAT: readonly (readonly [Mnemonic, Row])[] = [
  ...forms('Add', 'add'),
  ...forms('Sub', 'sub'),
  ...forms('Mul', 'mul'),
  ...forms('Div', 'div'),
  ...forms('Min', 'min'),
  ...forms('Max', 'max'),
  ...forms('Sqrt', 'sqrt'),
  [Mnemonic.Rcpss, scalar('reciprocal', 'f32')],
  [Mnemonic.Rcpps, packed('reciprocal', 'f32')],
  [Mnemonic.Rsqrtss, scalar('reciprocal-root', 'f32')],
  [Mnemonic.Rsqrtps, packed('reciprocal-root', 'f32')],
  [Mnemonic.Cmpss, compareScalar('f32')],
  [Mnemonic.Cmpsd, compareScalar('f64')],
  [Mnemonic.Cmpps, comparePacked('f32')],
  [Mnemonic.Cmppd, comparePacked('f64')],
  [Mnemonic.Ucomiss, compareFlags('f32', false)],
  [Mnemonic.Ucomisd, compareFlags('f64', false)],
  [Mnemonic.Comiss, compareFlags('f32', true)],
  [Mnemonic.Comisd, compareFlags('f64', true)],
  [Mnemonic.Cvtsi2ss, fromInteger('f32')],
  [Mnemonic.Cvtsi2sd, fromInteger('f64')],
  [Mnemonic.Cvtss2si, toInteger('f32', 'convert')],
  [Mnemonic.Cvtsd2si, toInteger('f64', 'convert')],
  [Mnemonic.Cvttss2si, toInteger('f32', 'truncate')],
  [Mnemonic.Cvttsd2si, toInteger('f64', 'truncate')],
  [Mnemonic.Cvtss2sd, betweenScalars('f32', 'f64')],
  [Mnemonic.Cvtsd2ss, betweenScalars('f64', 'f32')],
  [Mnemonic.Cvtdq2ps, convertLanes('i32', 'f32')],
  [Mnemonic.Cvtdq2pd, convertLanes('i32', 'f64')],
  [Mnemonic.Cvtps2dq, convertLanes('f32', 'i32')],
  [Mnemonic.Cvttps2dq, convertLanes('f32', 'i32', 'truncate')],
  [Mnemonic.Cvtpd2dq, convertLanes('f64', 'i32')],
  [Mnemonic.Cvttpd2dq, convertLanes('f64', 'i32', 'truncate')],
  [Mnemonic.Cvtps2pd, convertLanes('f32', 'f64')],
  [Mnemonic.Cvtpd2ps, convertLanes('f64', 'f32')],
];
