import type { Expression } from '../isa/meaning.js';
import { Emitter, typeOf, type WideExpression } from './emitter.js';
import { numberOf } from './imports.js';
import { OP, type ValueType } from './wasm/opcodes.js';
import { VECTOR, type VectorOp } from './wasm/vector-opcodes.js';

const NAMES = Object.keys(VECTOR);
const EXTRACT: Readonly<Record<number, VectorOp>> = {
  8: 'i8x16.extract_lane_u',
  16: 'i16x8.extract_lane_u',
  32: 'i32x4.extract_lane',
  64: 'i64x2.extract_lane',
};
const BITMASK: Readonly<Record<number, VectorOp>> = {
  8: 'i8x16.bitmask',
  32: 'i32x4.bitmask',
  64: 'i64x2.bitmask',
};

/** Vectors as WebAssembly's v128. */
export abstract class VectorEmitter extends Emitter {
  protected abstract readXmm(register: number): void;
  /** A floating-point expression, at the type it has; which that is. */
  protected abstract float(e: Extract<Expression, { op: 'float' }>): ValueType;
  protected abstract floats(e: Extract<Expression, { op: 'floats' }>): void;

  protected override native(e: Expression): ValueType {
    if (e.op === 'float') return this.float(e);
    if (e.op === 'temporary') {
      const local = this.temporaries.get(e.id)!;
      this.code.byte(OP.localGet).u32(local);
      return this.locals[local]!;
    }
    this.expression(e);
    return typeOf(e.width);
  }

  /** What a store stores: the low lane of a vector, as a floating-point number, needs no way through a general register. */
  protected override stored(e: Expression): ValueType {
    return e.op === 'extract' && e.width >= 32 ? this.floating(e) : this.native(e);
  }

  protected override wide(e: WideExpression): void {
    const { code } = this;
    switch (e.op) {
      case 'xmm':
        this.readXmm(e.register);
        return;
      case 'vector':
        for (const operand of e.operands) this.expression(operand);
        numberOf(NAMES, e.fn);
        this.simd(e.fn as VectorOp);
        return;
      case 'shuffle':
        this.expression(e.a);
        this.expression(e.b);
        this.simd('i8x16.shuffle', ...e.bytes);
        return;
      case 'extract':
        this.expression(e.a);
        this.simd(EXTRACT[e.width]!, e.lane);
        return;
      case 'insert': {
        this.expression(e.a);
        const whole = e.value.width >= 32 && (e.value.op === 'load' || e.value.op === 'extract');
        const type = whole ? this.floating(e.value) : this.native(e.value);
        this.replaceLane(type, e.value.width, e.lane);
        return;
      }
      case 'lane-mask':
        this.expression(e.a);
        this.simd(BITMASK[e.lanes]!);
        return;
      case 'float': {
        const type = this.float(e);
        if (type === 'f32') code.byte(OP.i32ReinterpretF32);
        if (type === 'f64') code.byte(OP.i64ReinterpretF64);
        return;
      }
      case 'floats':
        this.floats(e);
    }
  }

  /** A value of 32 or 64 bits as a floating-point number of these bits, without a way through an integer where there is one. */
  protected floating(e: Expression): 'f32' | 'f64' {
    const type = e.width === 64 ? 'f64' : 'f32';
    if (e.op === 'load') {
      this.load(e.width, e.address, type);
    } else if (e.op === 'extract') {
      this.expression(e.a);
      this.simd(type === 'f64' ? 'f64x2.extract_lane' : 'f32x4.extract_lane', e.lane);
    } else {
      const is = this.native(e);
      if (is === 'i32') this.code.byte(OP.f32ReinterpretI32);
      if (is === 'i64') this.code.byte(OP.f64ReinterpretI64);
    }
    return type;
  }
}
