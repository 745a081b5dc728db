import type { Width } from '../isa/meaning.js';
import type { Fold } from './fold.js';
import { IMPORT } from './imports.js';
import { PAGE_BLOCKS, PAGE_FLAGS } from './state.js';
import { Bytes } from './wasm/encoder.js';
import { ARITHMETIC, OP, type ValueType } from './wasm/opcodes.js';
import { VECTOR, VECTOR_PREFIX, type VectorOp } from './wasm/vector-opcodes.js';

/** WebAssembly under way: locals, constants, and accesses to the machine's memory. */
export abstract class CodeWriter {
  protected readonly code = new Bytes();
  protected readonly locals: ValueType[] = [];
  protected readonly scratchLocals = new Map<string, number>();
  /** Locals for named values by type, and how many of them are taken. */
  private readonly pool = new Map<ValueType, number[]>();
  private readonly taken = new Map<ValueType, number>();

  /** Of the memory that the code is for. */
  constructor(protected readonly fold?: Fold) {}

  protected local(type: ValueType): number {
    return this.locals.push(type) - 1;
  }

  /** A local for a value of the instruction under way: the next one's values take it over. */
  protected named(type: ValueType): number {
    const pool = this.pool.get(type) ?? [];
    const taken = this.taken.get(type) ?? 0;
    this.pool.set(type, pool);
    this.taken.set(type, taken + 1);
    pool[taken] ??= this.local(type);
    return pool[taken];
  }

  protected forgetNames(): void {
    this.taken.clear();
  }

  /** A local for a purpose, shared by all that have it one behind the other. */
  protected scratch(purpose: string, type: ValueType): number {
    const key = `${purpose} ${type}`;
    let known = this.scratchLocals.get(key);
    if (known === undefined) {
      known = this.local(type);
      this.scratchLocals.set(key, known);
    }
    return known;
  }

  protected i32(value: number): void {
    this.code.byte(OP.i32Const).s32(value);
  }

  protected i64(value: bigint): void {
    this.code.byte(OP.i64Const).s64(value);
  }

  /** A state field: address 0 plus an offset that fits the instruction. */
  protected stateLoad(op: number, offset: number): void {
    this.i32(0);
    this.code.byte(op, 0).u32(offset);
  }

  protected stateStore(op: number, offset: number, value: () => void): void {
    this.i32(0);
    value();
    this.code.byte(op, 0).u32(offset);
  }

  /**
   * Leaves a number that is not 0 on the stack where an access must take the slow path: an address above 4 GiB, a page that does not
   * allow it, or two pages. `address` is an i64 local.
   */
  protected needsSlowPath(address: number, bytes: number, wanted: number): void {
    const { code } = this;
    this.pageLacks(address, wanted);
    if (bytes === 1) return;
    code.byte(OP.localGet).u32(this.scratch('low', 'i32'));
    this.i32(4095);
    code.byte(ARITHMETIC.and[0]);
    this.i32(4096 - bytes);
    code.byte(ARITHMETIC.gtu[0], ARITHMETIC.or[0]);
  }

  /** The part of it that asks one page; where the address lies in memory stays in the local `low`. */
  protected pageLacks(address: number, wanted: number): void {
    const { code } = this;
    const low = this.scratch('low', 'i32');
    this.place(address);
    code.byte(OP.localTee).u32(low);
    this.i32(12);
    code.byte(ARITHMETIC.shr[0], OP.i32Load8u, 0).u32(PAGE_FLAGS);
    this.i32(wanted);
    code.byte(ARITHMETIC.and[0]);
    this.i32(wanted);
    code.byte(ARITHMETIC.xor[0]);
    this.upperHalf(address);
    if (this.fold !== undefined) {
      code.byte(OP.localGet).u32(low);
      this.i32(12);
      code.byte(ARITHMETIC.shr[0]);
      this.i32(1);
      code.byte(ARITHMETIC.shl[0], OP.i32Load16u, 0).u32(PAGE_BLOCKS);
      code.byte(ARITHMETIC.xor[0]);
    }
    code.byte(ARITHMETIC.or[0]);
  }

  /** Where an address lies in memory, if it does. */
  protected place(address: number): void {
    const { code, fold } = this;
    code.byte(OP.localGet).u32(address).byte(OP.i32WrapI64);
    if (fold === undefined || fold === 0) return;
    this.upperHalf(address);
    this.i32(fold | 0);
    code.byte(ARITHMETIC.mul[0], ARITHMETIC.add[0]);
  }

  /** The upper half of an address. */
  protected upperHalf(address: number): void {
    this.code.byte(OP.localGet).u32(address);
    this.i64(32n);
    this.code.byte(ARITHMETIC.shr[1], OP.i32WrapI64);
  }

  protected slowLoad(at: number, width: Width, as: ValueType): void {
    const { code } = this;
    code.byte(OP.localGet).u32(at);
    this.i32(Math.min(width, 64) / 8);
    code.byte(OP.call).u32(IMPORT.load);
    if (as === 'v128') {
      this.v128(0n);
      const value = this.scratch('loaded', 'i64');
      const whole = this.scratch('loaded', 'v128');
      code.byte(OP.localSet).u32(whole).byte(OP.localSet).u32(value);
      code.byte(OP.localGet).u32(whole).byte(OP.localGet).u32(value);
      this.simd('i64x2.replace_lane', 0);
      if (width !== 128) return;
      code.byte(OP.localGet).u32(at);
      this.i64(8n);
      code.byte(ARITHMETIC.add[1]);
      this.i32(8);
      code.byte(OP.call).u32(IMPORT.load);
      this.simd('i64x2.replace_lane', 1);
      return;
    }
    if (width < 64) code.byte(OP.i32WrapI64);
    if (as === 'f32') code.byte(OP.f32ReinterpretI32);
    if (as === 'f64') code.byte(OP.f64ReinterpretI64);
  }

  /** Of an address that may be read. */
  protected plainLoad(width: Width, as: ValueType): void {
    const { code } = this;
    if (as === 'v128') {
      this.simd(width === 128 ? 'v128.load' : width === 64 ? 'v128.load64_zero' : 'v128.load32_zero', 0, 0);
      return;
    }
    if (as === 'f32' || as === 'f64') code.byte(as === 'f32' ? OP.f32Load : OP.f64Load, 0, 0);
    else if (width === 64) code.byte(OP.i64Load, 0, 0);
    else code.byte(width === 8 ? OP.i32Load8u : width === 16 ? OP.i32Load16u : OP.i32Load, 0, 0);
  }

  protected plainStore(width: Width, type: ValueType): void {
    const { code } = this;
    if (type === 'v128') this.simd('v128.store', 0, 0);
    else if (type === 'f32' || type === 'f64') code.byte(type === 'f32' ? OP.f32Store : OP.f64Store, 0, 0);
    else if (width === 64) code.byte(OP.i64Store, 0, 0);
    else code.byte(width === 8 ? OP.i32Store8 : width === 16 ? OP.i32Store16 : OP.i32Store, 0, 0);
  }

  protected slowStore(at: number, what: number, width: Width, type: ValueType): void {
    const { code } = this;
    code.byte(OP.localGet).u32(at).byte(OP.localGet).u32(what);
    if (type === 'v128') {
      this.simd('i64x2.extract_lane', 0);
      code.byte(OP.localGet).u32(what);
      this.simd('i64x2.extract_lane', 1);
      code.byte(OP.call).u32(IMPORT.store128);
      return;
    }
    if (type === 'f32') code.byte(OP.i32ReinterpretF32);
    if (type === 'f64') code.byte(OP.i64ReinterpretF64);
    if (width < 64) code.byte(OP.i64ExtendI32u);
    this.i32(width / 8);
    code.byte(OP.call).u32(IMPORT.store);
  }

  /** A vector instruction with what follows its opcode: a lane, or alignment and offset. */
  protected simd(name: VectorOp, ...immediates: number[]): void {
    this.code.byte(VECTOR_PREFIX).u32(VECTOR[name]);
    for (const each of immediates) this.code.byte(each);
  }

  protected v128(value: bigint): void {
    this.simd('v128.const');
    for (let byte = 0n; byte < 16n; byte++) this.code.byte(Number((value >> (8n * byte)) & 0xffn));
  }

  /** Vector and value are on the stack. */
  protected replaceLane(type: ValueType, width: Width, lane: number): void {
    if (type === 'f32') this.simd('f32x4.replace_lane', lane);
    else if (type === 'f64') this.simd('f64x2.replace_lane', lane);
    else if (width === 64) this.simd('i64x2.replace_lane', lane);
    else if (width === 32) this.simd('i32x4.replace_lane', lane);
    else this.simd(width === 16 ? 'i16x8.replace_lane' : 'i8x16.replace_lane', lane);
  }
}
