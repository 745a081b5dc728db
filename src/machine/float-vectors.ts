import type { Expression, Format } from '../isa/meaning.js';
import { VectorEmitter } from './vector-code.js';
import { OP, TYPE } from './wasm/opcodes.js';
import type { VectorOp } from './wasm/vector-opcodes.js';

type Floats = Extract<Expression, { op: 'floats' }>;
type FloatFormat = 'f32' | 'f64';

/** What makes a NaN a quiet one, and what an invalid operation gives (Intel SDM vol. 1, 4.8.3.4 and table 4-3: negative). */
export const QUIET = { f32: 0x0040_0000n, f64: 0x0008_0000_0000_0000n } as const;
export const DEFAULT_NAN = { f32: 0xffc0_0000n, f64: 0xfff8_0000_0000_0000n } as const;

const all = (format: FloatFormat, bits: bigint): bigint =>
  format === 'f64' ? bits | (bits << 64n) : bits | (bits << 32n) | (bits << 64n) | (bits << 96n);
const SHAPE = { f32: 'f32x4', f64: 'f64x2' } as const;

/** Arithmetic on all lanes at once, in the usual rounding. */
export abstract class PackedEmitter extends VectorEmitter {
  /** Lanes as the host makes them, but for NaNs: which NaN a host gives is its own choice. */
  protected fastFloats({ fn, from, to, operands }: Floats): void {
    const [a, b] = [this.scratch('vector a', 'v128'), this.scratch('vector b', 'v128')];
    for (const operand of operands) this.expression(operand);
    if (operands.length > 1) this.code.byte(OP.localSet).u32(b);
    this.code.byte(OP.localSet).u32(a);
    const get = (local: number): void => {
      this.code.byte(OP.localGet).u32(local);
    };
    if (fn === 'convert' || fn === 'truncate') {
      this.convertLanes(fn === 'truncate', from, to, a);
      return;
    }
    const format = from as FloatFormat;
    const shape = SHAPE[format];
    if (fn === 'min' || fn === 'max') {
      // WebAssembly's pmin(x, y) is y < x ? y : x.
      get(b);
      get(a);
      this.simd(`${shape}.p${fn}`);
    } else if (fn.startsWith('cmp')) {
      this.predicate(Number(fn.slice(3)), shape, a, b);
    } else {
      get(a);
      if (fn !== 'sqrt') get(b);
      this.simd(`${shape}.${fn}` as VectorOp);
      this.rightNaNs(format, a, fn === 'sqrt' ? undefined : b);
    }
  }

  private predicate(number: number, shape: 'f32x4' | 'f64x2', a: number, b: number): void {
    const { code } = this;
    const compare = (fn: 'eq' | 'lt' | 'le' | 'ne', x: number, y: number): void => {
      code.byte(OP.localGet).u32(x).byte(OP.localGet).u32(y);
      this.simd(`${shape}.${fn}`);
    };
    if ((number & 3) === 3) {
      compare('ne', a, a);
      compare('ne', b, b);
      this.simd('v128.or');
    } else compare((['eq', 'lt', 'le'] as const)[number & 3]!, a, b);
    if (number >= 4) this.simd('v128.not');
  }

  /** The result is on the stack: NaNs in it become the first operand's, else the second's, made quiet, else the default one (table 4-7). */
  private rightNaNs(format: FloatFormat, a: number, b: number | undefined): void {
    const { code } = this;
    const shape = SHAPE[format];
    const result = this.scratch('vector result', 'v128');
    const nanLanes = (local: number): void => {
      code.byte(OP.localGet).u32(local).byte(OP.localGet).u32(local);
      this.simd(`${shape}.ne`);
    };
    code.byte(OP.localSet).u32(result);
    nanLanes(result);
    this.simd('v128.any_true');
    code.byte(OP.if, TYPE.empty);
    const quieted = [a, ...(b === undefined ? [] : [b])];
    for (const local of quieted) {
      code.byte(OP.localGet).u32(local);
      this.v128(all(format, QUIET[format]));
      this.simd('v128.or');
    }
    this.v128(all(format, DEFAULT_NAN[format]));
    code.byte(OP.localGet).u32(result);
    for (const local of [result, ...quieted.reverse()]) {
      nanLanes(local);
      this.simd('v128.bitselect');
    }
    code.byte(OP.localSet).u32(result).byte(OP.end).byte(OP.localGet).u32(result);
  }

  private convertLanes(truncates: boolean, from: Format, to: Format, a: number): void {
    const { code } = this;
    code.byte(OP.localGet).u32(a);
    if (from === 'i32') this.simd(to === 'f32' ? 'f32x4.convert_i32x4_s' : 'f64x2.convert_low_i32x4_s');
    else if (to === 'i32') this.lanesToIntegers(truncates, from as FloatFormat);
    else if (from === 'f32') this.promote(a);
    else this.demote(a);
  }

  /** What does not fit gives 0x80000000 (Intel SDM vol. 1, 4.2.1.1): below, saturation does; above and NaNs are mended. */
  private lanesToIntegers(truncates: boolean, from: FloatFormat): void {
    const { code } = this;
    const [x, result] = [this.scratch('vector b', 'v128'), this.scratch('vector result', 'v128')];
    if (!truncates) this.simd(`${SHAPE[from]}.nearest`);
    code.byte(OP.localTee).u32(x);
    this.simd(from === 'f32' ? 'i32x4.trunc_sat_f32x4_s' : 'i32x4.trunc_sat_f64x2_s_zero');
    code.byte(OP.localSet).u32(result).byte(OP.localGet).u32(result);
    this.v128(from === 'f32' ? all('f32', 0x8000_0000n) : 0x8000_0000_8000_0000n);
    code.byte(OP.localGet).u32(x);
    // 2^31.
    this.v128(from === 'f32' ? all('f32', 0x4f00_0000n) : all('f64', 0x41e0_0000_0000_0000n));
    this.simd(`${SHAPE[from]}.lt`);
    if (from === 'f64') this.evenLanes(true);
    this.simd('v128.bitselect');
  }

  /** Lanes 0 and 2 of the vector on the stack as lanes 0 and 1; above them ones or zeros. */
  private evenLanes(ones: boolean): void {
    this.v128(ones ? (1n << 128n) - 1n : 0n);
    this.simd('i8x16.shuffle', 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23);
  }

  /** The promoted lanes are on the stack: a NaN keeps its sign and payload (Intel SDM vol. 1, table 4-7 and 4.8.3.5), quiet. */
  private promote(a: number): void {
    this.simd('f64x2.promote_low_f32x4');
    this.mendNaNs(() => {
      const bits = this.scratch('vector b', 'v128');
      this.code.byte(OP.localGet).u32(a);
      this.simd('i64x2.extend_low_i32x4_u');
      this.code.byte(OP.localSet).u32(bits);
      this.maskedShift(bits, 0x8000_0000n, 'i64x2.shl', 32);
      this.maskedShift(bits, 0x7f_ffffn, 'i64x2.shl', 29);
      this.simd('v128.or');
      this.v128(all('f64', 0x7ff8_0000_0000_0000n));
      this.simd('v128.or');
    });
  }

  private demote(a: number): void {
    this.simd('f32x4.demote_f64x2_zero');
    this.mendNaNs(() => {
      const half = this.scratch('vector b', 'v128');
      this.maskedShift(a, 1n << 63n, 'i64x2.shr_u', 32);
      this.maskedShift(a, 0x3f_ffffn << 29n, 'i64x2.shr_u', 29);
      this.simd('v128.or');
      this.v128(all('f64', 0x7fc0_0000n));
      this.simd('v128.or');
      this.code.byte(OP.localTee).u32(half).byte(OP.localGet).u32(half);
      this.simd('i8x16.shuffle', ...[0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11]);
    }, 'f32');
  }

  private maskedShift(local: number, mask: bigint, op: VectorOp, by: number): void {
    this.code.byte(OP.localGet).u32(local);
    this.v128(all('f64', mask));
    this.simd('v128.and');
    this.i32(by);
    this.simd(op);
  }

  /** Lanes of the vector on the stack that are NaNs become those that `others` leaves there. */
  private mendNaNs(others: () => void, format: FloatFormat = 'f64'): void {
    const { code } = this;
    const result = this.scratch('vector result', 'v128');
    code.byte(OP.localSet).u32(result);
    const nanLanes = (): void => {
      code.byte(OP.localGet).u32(result).byte(OP.localGet).u32(result);
      this.simd(`${SHAPE[format]}.ne`);
    };
    nanLanes();
    this.simd('v128.any_true');
    code.byte(OP.if, TYPE.empty);
    others();
    code.byte(OP.localGet).u32(result);
    nanLanes();
    this.simd('v128.bitselect');
    code.byte(OP.localSet).u32(result).byte(OP.end).byte(OP.localGet).u32(result);
  }
}
