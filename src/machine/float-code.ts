import type { Expression, FloatFn, Format, Meaning } from '../isa/meaning.js';
import { widthOf } from '../isa/vectors.js';
import { eachIn, someIn } from '../isa/walk.js';
import { typeOf } from './emitter.js';
import { FLOAT_NAMES, floatName } from './float/names.js';
import { DEFAULT_NAN, PackedEmitter, QUIET } from './float-vectors.js';
import { IMPORT, numberOf } from './imports.js';
import { STATE } from './state.js';
import {
  ARITHMETIC,
  FLOAT_ARITHMETIC,
  OP,
  SATURATING,
  SATURATING_PREFIX,
  TYPE,
  type ValueType,
} from './wasm/opcodes.js';

type Float = Extract<Expression, { op: 'float' }>;
type Floats = Extract<Expression, { op: 'floats' }>;
type FloatFormat = 'f32' | 'f64';

/** The bits of MXCSR that change results, and their usual values: no exception unmasked, to nearest, denormals are numbers. */
const MXCSR_MODES = 0xffc0;
const MXCSR_USUAL = 0x1f80;

/** Does its result depend on MXCSR? */
export const usesFloats = ({ statements }: Meaning): boolean =>
  statements.some((each) => someIn(each, ({ op }) => op === 'float' || op === 'floats'));

/** The vector registers that meanings read or write. */
export function vectorsUsed(meanings: readonly Meaning[]): ReadonlySet<number> {
  const found = new Set<number>();
  for (const { statements } of meanings) {
    for (const statement of statements) {
      if (statement.do === 'set-xmm') found.add(statement.register);
      eachIn(statement, (e) => {
        if (e.op === 'xmm') found.add(e.register);
      });
    }
  }
  return found;
}

/** Floating-point arithmetic: the host's where MXCSR is as usual, the machine's own where it is not. */
export abstract class FloatEmitter extends PackedEmitter {
  /** All of it by the machine's own functions, which know MXCSR and raise its flags. */
  protected soft = false;

  /** Leaves a number that is not 0 on the stack where arithmetic must be soft. */
  protected mxcsrIsUnusual(): void {
    this.stateLoad(OP.i32Load, STATE.mxcsr);
    this.i32(MXCSR_MODES);
    this.code.byte(ARITHMETIC.and[0]);
    this.i32(MXCSR_USUAL);
    this.code.byte(ARITHMETIC.ne[0]);
  }

  protected override floats(e: Floats): void {
    if (this.soft || isApproximate(e.fn)) this.softFloats(e);
    else this.fastFloats(e);
  }

  protected override float(e: Float): ValueType {
    if (this.soft || isApproximate(e.fn)) {
      this.i32(numberOf(FLOAT_NAMES, floatName(e.fn, e.from, e.to)));
      for (const n of [0, 1]) this.asI64(e.operands[n]);
      this.code.byte(OP.call).u32(IMPORT.float);
      if (e.width < 64) this.code.byte(OP.i32WrapI64);
      this.unmaskedTrap();
      return typeOf(e.width);
    }
    if (e.fn === 'convert' || e.fn === 'truncate') return this.convert(e);
    const format = e.from as FloatFormat;
    const side = format === 'f64' ? 1 : 0;
    const [a, b] = this.operandLocals(e, format);
    return this.arithmetic(e, format, side, a, b);
  }

  private operandLocals({ operands }: Float, format: FloatFormat): [number, number] {
    const [a, b] = [this.scratch('float a', format), this.scratch('float b', format)];
    for (const operand of operands) this.floating(operand);
    if (operands.length > 1) this.code.byte(OP.localSet).u32(b);
    this.code.byte(OP.localSet).u32(a);
    return [a, b];
  }

  private two(fn: keyof typeof FLOAT_ARITHMETIC, side: 0 | 1, x: number, y: number): void {
    this.code.byte(OP.localGet).u32(x).byte(OP.localGet).u32(y).byte(FLOAT_ARITHMETIC[fn][side]);
  }

  private arithmetic(
    { fn, width }: Float,
    format: FloatFormat,
    side: 0 | 1,
    a: number,
    b: number,
  ): ValueType {
    const { code } = this;
    switch (fn) {
      case 'min':
      case 'max':
        // The second operand where the comparison does not hold (Intel SDM vol. 2, MINSD).
        code.byte(OP.localGet).u32(a).byte(OP.localGet).u32(b);
        this.two(fn === 'min' ? 'lt' : 'gt', side, a, b);
        code.byte(OP.select);
        return format;
      case 'sqrt':
        code.byte(OP.localGet).u32(a).byte(FLOAT_ARITHMETIC.sqrt[side]);
        this.rightNaN(format, a, undefined);
        return format;
      case 'add':
      case 'sub':
      case 'mul':
      case 'div':
        this.two(fn, side, a, b);
        this.rightNaN(format, a, b);
        return format;
      case 'below':
      case 's-below':
        this.two('ge', side, a, b);
        code.byte(ARITHMETIC.eqz[0]);
        return 'i32';
      case 'same':
      case 's-same':
        this.two('lt', side, a, b);
        this.two('gt', side, a, b);
        code.byte(ARITHMETIC.or[0], ARITHMETIC.eqz[0]);
        return 'i32';
      case 'unordered':
      case 's-unordered':
        this.two('ne', side, a, a);
        this.two('ne', side, b, b);
        code.byte(ARITHMETIC.or[0]);
        return 'i32';
      default:
        this.allOnes(Number(fn.slice(3)), side, a, b, width === 64);
        return typeOf(width);
    }
  }

  /** cmpss and cmpsd: a predicate by its number as a mask. */
  private allOnes(predicate: number, side: 0 | 1, a: number, b: number, wide: boolean): void {
    const { code } = this;
    if (wide) this.i64(0n);
    else this.i32(0);
    if ((predicate & 3) === 3) {
      this.two('ne', side, a, a);
      this.two('ne', side, b, b);
      code.byte(ARITHMETIC.or[0]);
    } else this.two((['eq', 'lt', 'le'] as const)[predicate & 3]!, side, a, b);
    if (predicate >= 4) code.byte(ARITHMETIC.eqz[0]);
    if (wide) code.byte(OP.i64ExtendI32u);
    code.byte(ARITHMETIC.sub[wide ? 1 : 0]);
  }

  /** The result is on the stack and stays there: as PackedEmitter.rightNaNs. */
  private rightNaN(format: FloatFormat, a: number, b: number | undefined): void {
    const { code } = this;
    const side = format === 'f64' ? 1 : 0;
    const result = this.scratch('float result', format);
    code.byte(OP.localSet).u32(result);
    this.two('ne', side, result, result);
    code.byte(OP.if, TYPE.empty);
    const operands = b === undefined ? [a] : [a, b];
    for (const local of operands) {
      this.bitsOf(local, format);
      this.bits(QUIET[format], format);
      code.byte(ARITHMETIC.or[side]);
    }
    this.bits(DEFAULT_NAN[format], format);
    for (const local of operands.reverse()) {
      this.two('ne', side, local, local);
      code.byte(OP.select);
    }
    code
      .byte(format === 'f64' ? OP.f64ReinterpretI64 : OP.f32ReinterpretI32)
      .byte(OP.localSet)
      .u32(result);
    code.byte(OP.end, OP.localGet).u32(result);
  }

  private bits(value: bigint, format: FloatFormat): void {
    if (format === 'f64') this.i64(value);
    else this.i32(Number(value));
  }

  private bitsOf(local: number, format: FloatFormat): void {
    this.code
      .byte(OP.localGet)
      .u32(local)
      .byte(format === 'f64' ? OP.i64ReinterpretF64 : OP.i32ReinterpretF32);
  }

  private convert(e: Float): ValueType {
    const { code } = this;
    const { from, to, fn } = e;
    if (from === 'i32' || from === 'i64') {
      this.expression(e.operands[0]!);
      code.byte(FLOAT_ARITHMETIC[from === 'i32' ? 'convertI32' : 'convertI64'][to === 'f64' ? 1 : 0]);
      return to;
    }
    const [a] = this.operandLocals(e, from);
    code.byte(OP.localGet).u32(a);
    if (to === 'i32' || to === 'i64') this.toInteger(fn === 'truncate', from, to);
    else this.otherFormat(from, a);
    return to;
  }

  /** What does not fit, and NaNs, give the most negative number. */
  private toInteger(truncates: boolean, from: FloatFormat, to: 'i32' | 'i64'): void {
    const { code } = this;
    const side = from === 'f64' ? 1 : 0;
    const x = this.scratch('float b', from);
    if (!truncates) code.byte(FLOAT_ARITHMETIC.nearest[side]);
    code.byte(OP.localTee).u32(x).byte(SATURATING_PREFIX, SATURATING[to][side]);
    if (to === 'i32') this.i32(0x8000_0000);
    else this.i64(1n << 63n);
    code.byte(OP.localGet).u32(x);
    this.bits(TWO_TO[to][from], from);
    code
      .byte(from === 'f64' ? OP.f64ReinterpretI64 : OP.f32ReinterpretI32)
      .byte(FLOAT_ARITHMETIC.lt[side], OP.select);
  }

  /** Between float and double: NaNs keep sign and the payload's high bits. The operand is in `a` and on the stack. */
  private otherFormat(from: FloatFormat, a: number): void {
    const { code } = this;
    const [side, to] = from === 'f64' ? ([1, 'f32'] as const) : ([0, 'f64'] as const);
    const result = this.scratch('float result', to);
    code.byte(from === 'f64' ? OP.f32DemoteF64 : OP.f64PromoteF32, OP.localSet).u32(result);
    this.two('ne', side, a, a);
    code.byte(OP.if, TYPE.empty);
    // Sign and payload of a double's place; a float's are 29 and 32 bits further down.
    const moved = (mask: bigint, by: bigint): void => {
      this.bitsOf(a, from);
      if (from === 'f32') code.byte(OP.i64ExtendI32u);
      this.i64(mask);
      code.byte(ARITHMETIC.and[1]);
      this.i64(by);
      code.byte(from === 'f32' ? ARITHMETIC.shl[1] : ARITHMETIC.shr[1]);
    };
    moved(from === 'f32' ? 0x8000_0000n : 1n << 63n, 32n);
    moved(from === 'f32' ? 0x7f_ffffn : 0x3f_ffffn << 29n, 29n);
    code.byte(ARITHMETIC.or[1]);
    this.i64(from === 'f32' ? 0x7ff8_0000_0000_0000n : 0x7fc0_0000n);
    code.byte(ARITHMETIC.or[1]);
    if (from === 'f64') code.byte(OP.i32WrapI64, OP.f32ReinterpretI32);
    else code.byte(OP.f64ReinterpretI64);
    code.byte(OP.localSet).u32(result).byte(OP.end, OP.localGet).u32(result);
  }

  /** An operand of a soft function: bits with zeros above. */
  private asI64(e: Expression | undefined): void {
    if (e === undefined) this.i64(0n);
    else this.expression(e);
    if (e !== undefined && e.width < 64) this.code.byte(OP.i64ExtendI32u);
  }

  /** Lane by lane. */
  private softFloats({ fn, from, to, operands }: Floats): void {
    const { code } = this;
    const [a, b] = [this.scratch('vector a', 'v128'), this.scratch('vector b', 'v128')];
    const result = this.scratch('vector result', 'v128');
    for (const operand of operands) this.expression(operand);
    if (operands.length > 1) code.byte(OP.localSet).u32(b);
    code.byte(OP.localSet).u32(a);
    this.v128(0n);
    code.byte(OP.localSet).u32(result);
    const lanes = 128 / Math.max(widthOf(from), widthOf(to));
    const wide = (format: Format): boolean => widthOf(format) === 64;
    for (let lane = 0; lane < lanes; lane++) {
      code.byte(OP.localGet).u32(result);
      this.i32(numberOf(FLOAT_NAMES, floatName(fn, from, to)));
      for (const local of [a, b]) {
        code.byte(OP.localGet).u32(local);
        this.simd(wide(from) ? 'i64x2.extract_lane' : 'i32x4.extract_lane', lane);
        if (!wide(from)) code.byte(OP.i64ExtendI32u);
      }
      code.byte(OP.call).u32(IMPORT.float);
      if (!wide(to)) code.byte(OP.i32WrapI64);
      this.simd(wide(to) ? 'i64x2.replace_lane' : 'i32x4.replace_lane', lane);
      code.byte(OP.localSet).u32(result);
    }
    this.unmaskedTrap();
    code.byte(OP.localGet).u32(result);
  }

  /** Behind a soft operation, all its lanes: throws where an exception that it found is unmasked. */
  private unmaskedTrap(): void {
    this.code.byte(OP.call).u32(IMPORT.floatTrap);
  }
}

/** Rare, and no arithmetic of the host's. */
const isApproximate = (fn: FloatFn): boolean => fn === 'reciprocal' || fn === 'reciprocal-root';

/** The first number that is too large, 2^31 or 2^63, as bits of a float and of a double. */
const TWO_TO = {
  i32: { f32: 0x4f00_0000n, f64: 0x41e0_0000_0000_0000n },
  i64: { f32: 0x5f00_0000n, f64: 0x43e0_0000_0000_0000n },
} as const;
