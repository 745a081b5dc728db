import type { FloatFn, Format } from '../../isa/meaning.js';
import { divideExact, rootExact } from './arithmetic.js';
import { floatName } from './names.js';
import {
  add,
  type Context,
  compare,
  denormals,
  divide,
  exactly,
  multiply,
  type Operation,
  type Outcome,
  type Signed,
  squareRoot,
  subtract,
} from './operations.js';
import { DOWN, type Rounding, round, toMultiple, ZERO } from './round.js';
import {
  BEFORE,
  DOUBLE,
  type Encodable,
  type Exact,
  type FloatShape,
  INDEFINITE,
  INEXACT,
  INVALID,
  pack,
  quieted,
  SINGLE,
  UNDERFLOW,
  unpack,
  type Value,
} from './value.js';

/** What a function of SSE gives: bits of its format, and the exceptions it found, masked or not. */
export interface FloatResult {
  readonly bits: bigint;
  readonly flags: number;
}

/** MXCSR (Intel SDM vol. 1, 10.2.3): flags in bits 5..0, their masks seven bits above. */
const MASKS = 7;
const DENORMALS_ARE_ZEROS = 1 << 6;
const FLUSH = 1 << 15;
const roundingOf = (mxcsr: number): Rounding => ((mxcsr >> 13) & 3) as Rounding;
const isMasked = (mxcsr: number, flag: number): boolean => ((mxcsr >> MASKS) & flag) !== 0;

type FloatFunction = (mxcsr: number, a: bigint, b: bigint) => FloatResult;
type FloatFormat = 'f32' | 'f64';
const SHAPES: Readonly<Record<FloatFormat, FloatShape>> = { f32: SINGLE, f64: DOUBLE };

function operand(mxcsr: number, shape: FloatShape, bits: bigint): Value {
  const value = unpack(shape, bits);
  if (value.kind === 'finite' && value.denormal && (mxcsr & DENORMALS_ARE_ZEROS) !== 0)
    return { kind: 'zero', sign: value.sign };
  return value;
}

/** The result where an operand is a NaN: the first one, quiet (SDM vol. 1, table 4-7). */
function fromNaN(...values: readonly Value[]): Outcome | undefined {
  for (const value of values) {
    if (value.kind !== 'nan') continue;
    const signals = values.some((each) => each.kind === 'nan' && each.signaling);
    return exactly(quieted(value), signals ? INVALID : 0);
  }
  return undefined;
}

/** MXCSR's modes for results of a format. */
function contextOf(mxcsr: number, shape: FloatShape): Context {
  const rounding = roundingOf(mxcsr);
  const underflowMasked = isMasked(mxcsr, UNDERFLOW);
  const rules = {
    rounding,
    exactUnderflow: !underflowMasked,
    flush: underflowMasked && (mxcsr & FLUSH) !== 0,
  };
  return {
    finish: (number, flags) => {
      const rounded = round(number, shape, rules);
      return { ...rounded, flags: flags | rounded.flags };
    },
    nan: fromNaN,
    zeroSign: rounding === DOWN ? 1 : 0,
  };
}

/** A comparison's exceptions: quiet NaNs are invalid to some. */
function compareFlags(a: Value, b: Value, quietToo: boolean): number {
  const nans = [a, b].filter((value) => value.kind === 'nan');
  if (nans.length === 0) return denormals(a, b);
  return quietToo || nans.some((value) => value.kind === 'nan' && value.signaling) ? INVALID : 0;
}

const arithmetic =
  (format: FloatFormat, compute: Operation): FloatFunction =>
  (mxcsr, a, b) => {
    const shape = SHAPES[format];
    const outcome = compute(contextOf(mxcsr, shape), operand(mxcsr, shape, a), operand(mxcsr, shape, b));
    return { bits: pack(shape, outcome.value), flags: outcome.flags };
  };

/** min and max give one of the operands as it is, or as the zero that DAZ makes of it. */
const extreme =
  (format: FloatFormat, wanted: -1 | 1): FloatFunction =>
  (mxcsr, a, b) => {
    const shape = SHAPES[format];
    const [x, y] = [operand(mxcsr, shape, a), operand(mxcsr, shape, b)];
    const first = compare(x, y) === wanted;
    const chosen = first ? x : y;
    const bits = chosen.kind === 'zero' ? pack(shape, chosen) : first ? a : b;
    return { bits, flags: compareFlags(x, y, true) };
  };

const HOLDS: readonly ((order: -1 | 0 | 1 | undefined) => boolean)[] = [
  (order) => order === 0,
  (order) => order === -1,
  (order) => order === -1 || order === 0,
  (order) => order === undefined,
];

const predicate =
  (format: FloatFormat, number: number): FloatFunction =>
  (mxcsr, a, b) => {
    const shape = SHAPES[format];
    const [x, y] = [operand(mxcsr, shape, a), operand(mxcsr, shape, b)];
    const holds = HOLDS[number & 3]!(compare(x, y)) !== number >= 4;
    const signals = (number & 3) === 1 || (number & 3) === 2;
    return { bits: holds ? -1n : 0n, flags: compareFlags(x, y, signals) };
  };

const flag =
  (format: FloatFormat, name: string, signals: boolean): FloatFunction =>
  (mxcsr, a, b) => {
    const shape = SHAPES[format];
    const [x, y] = [operand(mxcsr, shape, a), operand(mxcsr, shape, b)];
    const order = compare(x, y);
    const set = order === undefined || (name === 'below' ? order === -1 : name === 'same' && order === 0);
    return { bits: set ? 1n : 0n, flags: compareFlags(x, y, signals) };
  };

const fromInteger =
  (format: FloatFormat, width: number): FloatFunction =>
  (mxcsr, a) => {
    const value = BigInt.asIntN(width, a);
    if (value === 0n) return { bits: 0n, flags: 0 };
    const number = {
      sign: value < 0n ? 1 : 0,
      significand: value < 0n ? -value : value,
      exponent: 0,
    } as const;
    const { value: rounded, flags } = contextOf(mxcsr, SHAPES[format]).finish(number, 0);
    return { bits: pack(SHAPES[format], rounded), flags };
  };

const toInteger =
  (format: FloatFormat, width: 32 | 64, truncates: boolean): FloatFunction =>
  (mxcsr, a) => {
    const value = operand(mxcsr, SHAPES[format], a);
    const indefinite = { bits: 1n << BigInt(width - 1), flags: INVALID };
    if (value.kind === 'zero') return { bits: 0n, flags: 0 };
    if (value.kind !== 'finite' || value.exponent > 64) return indefinite;
    const { count, exact } = toMultiple(value, 0, truncates ? ZERO : roundingOf(mxcsr));
    const signed = value.sign === 1 ? -count : count;
    if (BigInt.asIntN(width, signed) !== signed) return indefinite;
    return { bits: signed, flags: exact ? 0 : INEXACT };
  };

const between =
  (from: FloatFormat, to: FloatFormat): FloatFunction =>
  (mxcsr, a) => {
    const value = operand(mxcsr, SHAPES[from], a);
    const outcome =
      fromNaN(value) ??
      (value.kind === 'finite'
        ? contextOf(mxcsr, SHAPES[to]).finish(value, denormals(value))
        : { value: value as Encodable, flags: 0 });
    return { bits: pack(SHAPES[to], outcome.value), flags: outcome.flags };
  };

/** What rcpps and rsqrtps keep of a significand: more than their error bound of 1.5 * 2^-12 asks for (SDM vol. 2, RCPPS). */
const APPROXIMATE: FloatShape = { ...SINGLE, precision: 13 };

/** The exact result cut to 13 bits, the same everywhere. Denormals are zeros, and so are results that would be; no exceptions. */
const approximate =
  (compute: (x: Extract<Value, { kind: 'finite' }>) => Exact, root: boolean): FloatFunction =>
  (_mxcsr, a) => {
    const value = operand(DENORMALS_ARE_ZEROS, SINGLE, a);
    const give = (encodable: Encodable): FloatResult => ({ bits: pack(SINGLE, encodable), flags: 0 });
    if (value.kind === 'nan') return give(quieted(value));
    const x = value as Signed;
    if (x.kind === 'zero') return give({ kind: 'infinity', sign: x.sign });
    if (root && x.sign === 1) return give(INDEFINITE);
    if (x.kind === 'infinity') return give({ kind: 'zero', sign: x.sign });
    const rules = { rounding: ZERO, exactUnderflow: false, flush: true } as const;
    const { value: short } = round(compute(x), APPROXIMATE, rules);
    if (short.kind !== 'finite') return give(short);
    const widened = { ...short, significand: short.significand << 11n, exponent: short.exponent - 11 };
    return give(widened);
  };

const ONE = { sign: 0, significand: 1n, exponent: 0 } as const;

function functions(): Map<string, FloatFunction> {
  const map = new Map<string, FloatFunction>();
  const put = (fn: FloatFn, from: Format, to: Format, does: FloatFunction): void => {
    map.set(floatName(fn, from, to), does);
  };
  for (const f of ['f32', 'f64'] as const) {
    const rows = { add, sub: subtract, mul: multiply, div: divide, sqrt: squareRoot } as const;
    for (const [fn, compute] of Object.entries(rows)) put(fn as FloatFn, f, f, arithmetic(f, compute));
    put('min', f, f, extreme(f, -1));
    put('max', f, f, extreme(f, 1));
    for (const name of ['below', 'same', 'unordered'] as const) {
      put(name, f, f, flag(f, name, false));
      put(`s-${name}`, f, f, flag(f, name, true));
    }
    for (let n = 0; n < 8; n++) put(`cmp${n}` as FloatFn, f, f === 'f32' ? 'i32' : 'i64', predicate(f, n));
    for (const [i, width] of [
      ['i32', 32],
      ['i64', 64],
    ] as const) {
      put('convert', i, f, fromInteger(f, width));
      put('convert', f, i, toInteger(f, width, false));
      put('truncate', f, i, toInteger(f, width, true));
    }
  }
  put('convert', 'f32', 'f64', between('f32', 'f64'));
  put('convert', 'f64', 'f32', between('f64', 'f32'));
  put(
    'reciprocal',
    'f32',
    'f32',
    approximate((x) => divideExact(ONE, x), false),
  );
  put(
    'reciprocal-root',
    'f32',
    'f32',
    approximate((x) => divideExact(ONE, rootExact(x)), true),
  );
  return map;
}

/** SSE's arithmetic in all of MXCSR's modes, by floatName. */
export const FLOAT_FUNCTIONS: ReadonlyMap<string, FloatFunction> = functions();

/** Exceptions that count: with an unmasked one that is found before computing those found later do not appear. */
export function raised(mxcsr: number, flags: number): { flags: number; traps: boolean } {
  const unmasked = flags & ~(mxcsr >> MASKS);
  return { flags: (unmasked & BEFORE) !== 0 ? flags & BEFORE : flags, traps: unmasked !== 0 };
}
