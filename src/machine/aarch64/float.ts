import {
  add,
  type Context,
  compare,
  divide,
  INVALID_OUTCOME,
  multiply,
  type Operation,
  type Outcome,
  squareRoot,
  subtract,
} from '../float/operations.js';
import { DOWN, lengthOf, type Rounding, round, ZERO } from '../float/round.js';
import {
  DIVIDE_BY_ZERO,
  DOUBLE,
  type Encodable,
  type Exact,
  type FloatShape,
  HALF,
  INEXACT,
  INVALID,
  OVERFLOW,
  pack,
  quieted,
  SINGLE,
  UNDERFLOW,
  unpack,
  type Value,
} from '../float/value.js';
import { STATE } from '../state.js';
import { multiplyAdd, multiplyStep } from './fused.js';
import { HOST } from './host-float.js';
import { type IntegerRounding, toInteger } from './to-integer.js';

/** Floating point as AArch64 does it (Arm ARM, shared/functions/float): on bits, with FPCR's modes and FPSR's flags. */

/** By the field ftype. */
export type FloatWidth = 16 | 32 | 64;
const SHAPES: Readonly<Record<FloatWidth, FloatShape>> = { 16: HALF, 32: SINGLE, 64: DOUBLE };

/** Bits of FPCR. */
const [DEFAULT_NANS, FLUSHES] = [1 << 25, 1 << 24];
/** RMode: to nearest, upwards, downwards, towards zero. */
const ROUNDINGS: readonly Rounding[] = [0, 2, DOWN, ZERO];
/** Exceptions of the soft float, and where FPSR counts them. */
const FLAGS = [
  [INVALID, 1],
  [DIVIDE_BY_ZERO, 2],
  [OVERFLOW, 4],
  [UNDERFLOW, 8],
  [INEXACT, 16],
] as const;
const IS_INEXACT = 1 << 4;
const INPUT_DENORMAL = 1 << 7;

const QUIET_NAN: Encodable = { kind: 'nan', sign: 0, fraction: 3n << 62n };

export class FloatUnit {
  private readonly control: number;
  private readonly isPlain: boolean;
  private flags = 0;

  constructor(private readonly view: DataView) {
    this.control = view.getUint32(STATE.fpcr, true);
    this.isPlain = this.control === 0 && (view.getUint32(STATE.fpsr, true) & IS_INEXACT) !== 0;
  }

  /** Into FPSR, when all of the instruction is done. */
  raise(): void {
    if (this.flags !== 0)
      this.view.setUint32(STATE.fpsr, this.view.getUint32(STATE.fpsr, true) | this.flags, true);
  }

  note(flags: number): void {
    this.flags |= flags;
  }

  /** Is a bit of FPCR set? */
  has(bit: number): boolean {
    return (this.control & bit) !== 0;
  }

  get rounding(): Rounding {
    return ROUNDINGS[(this.control >>> 22) & 3]!;
  }

  private found(exceptions: number): void {
    for (const [exception, flag] of FLAGS) if ((exceptions & exception) !== 0) this.flags |= flag;
  }

  private unpack(width: FloatWidth, bits: bigint): Value {
    const value = unpack(SHAPES[width], bits);
    if (value.kind !== 'finite' || !value.denormal || (this.control & FLUSHES) === 0 || width === 16)
      return value;
    this.flags |= INPUT_DENORMAL;
    return { kind: 'zero', sign: value.sign };
  }

  private context(width: FloatWidth): Context {
    const { rounding } = this;
    return {
      finish: (number, flags) => this.finish(width, number, flags),
      nan: (...values) => this.nan(...values),
      zeroSign: rounding === DOWN ? 1 : 0,
    };
  }

  /** FPRound: what is too small is found before it is rounded. */
  private finish(width: FloatWidth, number: Exact, flags: number, rounding = this.rounding): Outcome {
    const shape = SHAPES[width];
    const isTiny = number.exponent + lengthOf(number.significand) - 1 < shape.least;
    if (isTiny && (this.control & FLUSHES) !== 0 && width !== 16)
      return { value: { kind: 'zero', sign: number.sign }, flags: flags | UNDERFLOW, up: false };
    const result = round(number, shape, { rounding, exactUnderflow: false, flush: false });
    const lost = (result.flags & INEXACT) !== 0;
    return { ...result, flags: flags | result.flags | (isTiny && lost ? UNDERFLOW : 0) };
  }

  /** FPProcessNaNs: a signaling one before a quiet one, each in the operands' order. */
  private nan(...values: readonly Value[]): Outcome | undefined {
    const signaling = values.find((value) => value.kind === 'nan' && value.signaling);
    const found = signaling ?? values.find((value) => value.kind === 'nan');
    if (found?.kind !== 'nan') return undefined;
    const value = (this.control & DEFAULT_NANS) !== 0 ? QUIET_NAN : quieted(found);
    return { value, flags: signaling === undefined ? 0 : INVALID, up: false };
  }

  private outcome(width: FloatWidth, { value, flags }: Outcome): bigint {
    this.found(flags);
    return pack(SHAPES[width], value === INVALID_OUTCOME.value ? QUIET_NAN : value);
  }

  private two(operation: Operation, width: FloatWidth, a: bigint, b: bigint): bigint {
    const [x, y] = [this.unpack(width, a), this.unpack(width, b)];
    return this.outcome(width, operation(this.context(width), x, y));
  }

  /** By the host, while FPCR is 0 and something has been inexact already; undefined: it does not know. */
  private host(
    fn: 'add' | 'subtract' | 'multiply' | 'divide',
    width: FloatWidth,
    a: bigint,
    b: bigint,
  ): bigint | undefined {
    return this.isPlain && width !== 16 ? HOST[fn](width, a, b) : undefined;
  }

  readonly add = (width: FloatWidth, a: bigint, b: bigint): bigint =>
    this.host('add', width, a, b) ?? this.two(add, width, a, b);
  readonly subtract = (width: FloatWidth, a: bigint, b: bigint): bigint =>
    this.host('subtract', width, a, b) ?? this.two(subtract, width, a, b);
  readonly multiply = (width: FloatWidth, a: bigint, b: bigint): bigint =>
    this.host('multiply', width, a, b) ?? this.two(multiply, width, a, b);
  readonly divide = (width: FloatWidth, a: bigint, b: bigint): bigint =>
    this.host('divide', width, a, b) ?? this.two(divide, width, a, b);

  readonly root = (width: FloatWidth, a: bigint): bigint => {
    const fast = this.isPlain && width !== 16 ? HOST.root(width, a) : undefined;
    if (fast !== undefined) return fast;
    const x = this.unpack(width, a);
    return this.outcome(width, squareRoot(this.context(width), x, x));
  };

  /** fmulx: infinity by zero is 2. */
  readonly multiplyExtended = (width: FloatWidth, a: bigint, b: bigint): bigint => {
    const kinds = [this.unpack(width, a), this.unpack(width, b)];
    const some = (kind: Value['kind']): boolean => kinds.some((each) => each.kind === kind);
    if (!some('zero') || !some('infinity')) return this.multiply(width, a, b);
    const sign: 0 | 1 = (kinds[0] as Exact).sign === (kinds[1] as Exact).sign ? 0 : 1;
    return pack(SHAPES[width], this.finish(width, { sign, significand: 1n, exponent: 1 }, 0).value);
  };

  /** FPMulAdd: addend + a * b, rounded once. */
  readonly multiplyAdd = (width: FloatWidth, addend: bigint, a: bigint, b: bigint): bigint => {
    const fast = this.isPlain && width !== 16 ? HOST.multiplyAdd(width, addend, a, b) : undefined;
    if (fast !== undefined) return fast;
    const [c, x, y] = [this.unpack(width, addend), this.unpack(width, a), this.unpack(width, b)];
    return this.outcome(width, multiplyAdd(this.context(width), c, x, y));
  };

  /** -1, 0, 1, or undefined where one is a NaN; that is invalid if it signals, or of any with `loud`. */
  compare(width: FloatWidth, a: bigint, b: bigint, loud: boolean): -1 | 0 | 1 | undefined {
    const [x, y] = [this.unpack(width, a), this.unpack(width, b)];
    const nans = [x, y].filter((value) => value.kind === 'nan');
    if (nans.some((value) => loud || (value.kind === 'nan' && value.signaling))) this.found(INVALID);
    return compare(x, y);
  }

  private extreme(width: FloatWidth, a: bigint, b: bigint, wanted: 1 | -1): bigint {
    const [x, y] = [this.unpack(width, a), this.unpack(width, b)];
    const nan = this.nan(x, y);
    if (nan !== undefined) return this.outcome(width, nan);
    if (x.kind === 'zero' && y.kind === 'zero') {
      const sign = wanted === 1 ? ((x.sign & y.sign) as 0 | 1) : ((x.sign | y.sign) as 0 | 1);
      return pack(SHAPES[width], { kind: 'zero', sign });
    }
    const chosen = compare(x, y) === wanted ? x : y;
    return pack(SHAPES[width], chosen as Encodable);
  }

  readonly maximum = (width: FloatWidth, a: bigint, b: bigint): bigint => this.extreme(width, a, b, 1);
  readonly minimum = (width: FloatWidth, a: bigint, b: bigint): bigint => this.extreme(width, a, b, -1);

  private numeric(width: FloatWidth, a: bigint, b: bigint, wanted: 1 | -1): bigint {
    const isQuiet = (bits: bigint): boolean => {
      const value = unpack(SHAPES[width], bits);
      return value.kind === 'nan' && !value.signaling;
    };
    const none = pack(SHAPES[width], { kind: 'infinity', sign: wanted === 1 ? 1 : 0 });
    const [first, second] = [isQuiet(a), isQuiet(b)];
    return this.extreme(width, first && !second ? none : a, second && !first ? none : b, wanted);
  }

  /** fmaxnm, fminnm: a number rather than a quiet NaN. */
  readonly maximumNumber = (width: FloatWidth, a: bigint, b: bigint): bigint => this.numeric(width, a, b, 1);
  readonly minimumNumber = (width: FloatWidth, a: bigint, b: bigint): bigint => this.numeric(width, a, b, -1);

  /** Of estimates: what is no number, zero or too small to be one, and roots of negative numbers; undefined: a number as any. */
  special(width: FloatWidth, bits: bigint, of: 'reciprocal' | 'root' | 'nan'): bigint | undefined {
    const value = this.unpack(width, bits);
    const nan = this.nan(value);
    if (nan !== undefined) return this.outcome(width, nan);
    if (of === 'nan' || value.kind === 'unsupported' || value.kind === 'nan') return undefined;
    const { sign } = value;
    if (value.kind === 'zero') {
      this.found(DIVIDE_BY_ZERO);
      return pack(SHAPES[width], { kind: 'infinity', sign });
    }
    if (of === 'root' && sign === 1) return this.outcome(width, INVALID_OUTCOME);
    return value.kind === 'infinity' ? pack(SHAPES[width], { kind: 'zero', sign }) : undefined;
  }

  /** A result that is too large, by the rounding mode. */
  overflow(width: FloatWidth, sign: 0 | 1): bigint {
    const { most } = SHAPES[width];
    return this.outcome(width, this.finish(width, { sign, significand: 1n, exponent: most + 1 }, 0));
  }

  /** Does FPCR make a result zero that is too small? Then it is counted. */
  flushed(): boolean {
    if ((this.control & FLUSHES) === 0) return false;
    this.found(UNDERFLOW);
    return true;
  }

  /** frecps: 2 - a * b. */
  reciprocalStep(width: FloatWidth, a: bigint, b: bigint): bigint {
    return this.step(width, a, b, { sign: 0, significand: 1n, exponent: 1 }, 0);
  }

  /** frsqrts: (3 - a * b) / 2. */
  rootStep(width: FloatWidth, a: bigint, b: bigint): bigint {
    return this.step(width, a, b, { sign: 0, significand: 3n, exponent: 0 }, 1);
  }

  private step(width: FloatWidth, a: bigint, b: bigint, from: Exact, halvings: number): bigint {
    const [x, y] = [this.unpack(width, a ^ (1n << BigInt(width - 1))), this.unpack(width, b)];
    return this.outcome(width, multiplyStep(this.context(width), from, x, y, halvings));
  }

  /** fcvtxn: a double to the float next to it whose fraction is odd, where it is none. */
  convertOdd(bits: bigint): bigint {
    const value = this.unpack(64, bits);
    const nan = this.nan(value);
    if (nan !== undefined) return this.outcome(32, nan);
    if (value.kind !== 'finite') return pack(SINGLE, value as Encodable);
    const result = this.finish(32, value, 0, ZERO);
    const made = this.outcome(32, result);
    return (result.flags & INEXACT) === 0 ? made : made | 1n;
  }

  /** FPConvert. */
  convert(from: FloatWidth, to: FloatWidth, bits: bigint): bigint {
    const value = this.unpack(from, bits);
    const nan = this.nan(value);
    if (nan !== undefined) return this.outcome(to, nan);
    if (value.kind !== 'finite') return pack(SHAPES[to], value as Encodable);
    return this.outcome(to, this.finish(to, value, 0));
  }

  /** FPRoundInt: `exact`: what is lost is inexact. */
  roundToInteger(width: FloatWidth, bits: bigint, rounding: IntegerRounding, exact: boolean): bigint {
    const value = this.unpack(width, bits);
    const nan = this.nan(value);
    if (nan !== undefined) return this.outcome(width, nan);
    if (value.kind !== 'finite') return pack(SHAPES[width], value as Encodable);
    const { count, lost } = toInteger(value, rounding);
    if (lost && exact) this.found(INEXACT);
    if (count === 0n) return pack(SHAPES[width], { kind: 'zero', sign: value.sign });
    const number: Exact = { sign: value.sign, significand: count, exponent: 0 };
    return pack(
      SHAPES[width],
      round(number, SHAPES[width], { rounding: ZERO, exactUnderflow: false, flush: false }).value,
    );
  }

  /** FPToFixed: the number times 2^fraction as an integer of so many bits; the nearest there is where it does not fit, 0 of a NaN. */
  toFixed(
    from: FloatWidth,
    bits: bigint,
    to: 16 | 32 | 64,
    fraction: number,
    signed: boolean,
    rounding: IntegerRounding,
  ): bigint {
    const value = this.unpack(from, bits);
    const width = BigInt(to);
    const [least, most] = signed
      ? [-(1n << (width - 1n)), (1n << (width - 1n)) - 1n]
      : [0n, (1n << width) - 1n];
    if (value.kind === 'zero') return 0n;
    if (value.kind === 'nan' || value.kind === 'unsupported') {
      this.found(INVALID);
      return 0n;
    }
    const saturated = (): bigint => {
      this.found(INVALID);
      return BigInt.asUintN(to, value.sign === 1 ? least : most);
    };
    if (value.kind === 'infinity') return saturated();
    const { count, lost } = toInteger({ ...value, exponent: value.exponent + fraction }, rounding);
    const integer = value.sign === 1 ? -count : count;
    if (integer < least || integer > most) return saturated();
    if (lost) this.found(INEXACT);
    return BigInt.asUintN(to, integer);
  }

  /** FixedToFP. */
  fromFixed(integer: bigint, to: FloatWidth, fraction: number): bigint {
    if (integer === 0n) return 0n;
    const sign: 0 | 1 = integer < 0n ? 1 : 0;
    const number: Exact = { sign, significand: sign === 1 ? -integer : integer, exponent: -fraction };
    return this.outcome(to, this.finish(to, number, 0));
  }
}
