import type { Expression, Flag, Statement, Trap, Width } from '../isa/meaning.js';
import { HELPERS, IMPORT, TRAPS } from './imports.js';
import { PAGE, PAGE_FLAGS, STATE } from './state.js';
import { Bytes } from './wasm/encoder.js';
import { ARITHMETIC, OP, TYPE, type ValueType } from './wasm/opcodes.js';

export const typeOf = (width: Width): ValueType => (width === 64 ? 'i64' : 'i32');

/** Traps that find control behind the instruction. */
const BEHIND: ReadonlySet<Trap> = new Set<Trap>(['system-call', 'system-call-32', 'breakpoint']);

/**
 * Turns expressions and statements into WebAssembly. All arithmetic is at 32 bits (narrower values with zeros above) or at 64. Where
 * registers and flags are while the code runs is for the subclass to say: in memory for single steps, in locals for blocks.
 */
export abstract class Emitter {
  protected readonly code = new Bytes();
  protected readonly locals: ValueType[] = [];
  protected readonly temporaries = new Map<number, number>();
  protected readonly scratchLocals = new Map<string, number>();

  /** A general register's low bits (or bits 15..8) on the stack. */
  protected abstract readRegister(register: number, width: Width, high: boolean): void;
  /** Writes a register with what `value` leaves on the stack, at the type of the width; 32 bits clear the upper half. */
  protected abstract writeRegister(register: number, width: Width, high: boolean, value: () => void): void;
  protected abstract readFlag(flag: Flag): void;
  /** Writes flags, all computed before any is written. */
  protected abstract writeFlags(flags: Readonly<Partial<Record<Flag, Expression>>>): void;
  /** Leaves the code for a place in the program, undone or done up to here; `result` is 0 or 1 + a trap's number. */
  protected abstract leave(to: () => void, result: number): void;
  /** Leaves it where it stands: the instruction has done nothing, or one round. */
  protected abstract stay(result: number): void;

  protected local(type: ValueType): number {
    return this.locals.push(type) - 1;
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

  protected statement(statement: Statement, next: bigint): void {
    const { code } = this;
    switch (statement.do) {
      case 'let': {
        this.expression(statement.value);
        const local = this.local(typeOf(statement.value.width));
        this.temporaries.set(statement.id, local);
        code.byte(OP.localSet).u32(local);
        return;
      }
      case 'store':
        this.store(statement.width, statement.address, statement.value);
        return;
      case 'set':
        this.set(statement);
        return;
      case 'flags':
        this.writeFlags(statement.flags);
        return;
      case 'jump':
        this.leave(() => this.expression(statement.target), 0);
        return;
      case 'branch':
      case 'repeat':
        this.expression(statement.condition);
        code.byte(OP.if, TYPE.empty);
        if (statement.do === 'branch') this.leave(() => this.i64(statement.target), 0);
        else this.stay(0);
        code.byte(OP.end);
        return;
      case 'trap': {
        const result = 1 + TRAPS.indexOf(statement.trap);
        if (statement.when === undefined) {
          const behind = BEHIND.has(statement.trap);
          if (behind) this.leave(() => this.i64(next), result);
          else this.stay(result);
          return;
        }
        this.expression(statement.when);
        code.byte(OP.if, TYPE.empty);
        this.stay(result);
        code.byte(OP.end);
        return;
      }
      case 'helper': {
        const result = this.scratch('helper', 'i32');
        this.i32(HELPERS.indexOf(statement.name as (typeof HELPERS)[number]));
        this.expression(statement.operands[0]!);
        code.byte(OP.call).u32(IMPORT.helper).byte(OP.localTee).u32(result).byte(OP.if, TYPE.empty);
        // The only thing a helper can say so far: that it could not.
        this.stay(1 + TRAPS.indexOf('divide'));
        code.byte(OP.end);
      }
    }
  }

  protected set({ width, register, high, value }: Extract<Statement, { do: 'set' }>): void {
    this.writeRegister(register, width, high, () => this.expression(value));
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

  /** The part of it that asks one page; the address's low half stays in the local `low`. */
  protected pageLacks(address: number, wanted: number): void {
    const { code } = this;
    const low = this.scratch('low', 'i32');
    code.byte(OP.localGet).u32(address).byte(OP.i32WrapI64, OP.localTee).u32(low);
    this.i32(12);
    code.byte(ARITHMETIC.shr[0], OP.i32Load8u, 0).u32(PAGE_FLAGS);
    this.i32(wanted);
    code.byte(ARITHMETIC.and[0]);
    this.i32(wanted);
    code.byte(ARITHMETIC.xor[0]);
    code.byte(OP.localGet).u32(address);
    this.i64(32n);
    code.byte(ARITHMETIC.shr[1], OP.i32WrapI64, ARITHMETIC.or[0]);
  }

  protected addressLocal(address: Expression, purpose: string): number {
    this.expression(address);
    const local = this.scratch(purpose, 'i64');
    this.code.byte(OP.localSet).u32(local);
    return local;
  }

  protected load(width: Width, address: Expression): void {
    const { code } = this;
    const at = this.addressLocal(address, 'load');
    const bytes = width / 8;
    this.needsSlowPath(at, bytes, PAGE.READ);
    code.byte(OP.if, TYPE[typeOf(width)]);
    code.byte(OP.localGet).u32(at);
    this.i32(bytes);
    code.byte(OP.call).u32(IMPORT.load);
    if (width < 64) code.byte(OP.i32WrapI64);
    code.byte(OP.else, OP.localGet).u32(at).byte(OP.i32WrapI64);
    const op = { 8: OP.i32Load8u, 16: OP.i32Load16u, 32: OP.i32Load, 64: OP.i64Load }[width];
    code.byte(op, 0, 0, OP.end);
  }

  protected store(width: Width, address: Expression, value: Expression): void {
    const { code } = this;
    this.expression(value);
    const what = this.scratch('value', typeOf(width));
    code.byte(OP.localSet).u32(what);
    const at = this.addressLocal(address, 'store');
    const bytes = width / 8;
    this.needsSlowPath(at, bytes, PAGE.WRITE);
    code.byte(OP.if, TYPE.empty);
    code.byte(OP.localGet).u32(at).byte(OP.localGet).u32(what);
    if (width < 64) code.byte(OP.i64ExtendI32u);
    this.i32(bytes);
    code.byte(OP.call).u32(IMPORT.store);
    code.byte(OP.else, OP.localGet).u32(at).byte(OP.i32WrapI64, OP.localGet).u32(what);
    const op = { 8: OP.i32Store8, 16: OP.i32Store16, 32: OP.i32Store, 64: OP.i64Store }[width];
    code.byte(op, 0, 0, OP.end);
  }

  /** Zeros above a narrow value. */
  protected normal(width: Width): void {
    if (width >= 32) return;
    this.i32(width === 8 ? 0xff : 0xffff);
    this.code.byte(ARITHMETIC.and[0]);
  }

  /** The value as a signed 32- or 64-bit one. */
  protected signed(e: Expression): void {
    this.expression(e);
    if (e.width === 8) this.code.byte(OP.i32Extend8s);
    if (e.width === 16) this.code.byte(OP.i32Extend16s);
  }

  protected expression(e: Expression): void {
    const { code } = this;
    const side = e.width === 64 ? 1 : 0;
    switch (e.op) {
      case 'constant':
        if (side === 1) this.i64(e.value);
        else this.i32(Number(e.value));
        return;
      case 'register':
        this.readRegister(e.register, e.width, e.high);
        return;
      case 'temporary':
        code.byte(OP.localGet).u32(this.temporaries.get(e.id)!);
        return;
      case 'load':
        this.load(e.width, e.address);
        return;
      case 'flag':
        this.readFlag(e.flag);
        return;
      case 'segment':
        this.stateLoad(OP.i64Load, e.segment === 'fs' ? STATE.fsBase : STATE.gsBase);
        return;
      case 'unary':
        this.unary(e, side);
        return;
      case 'binary':
        this.binary(e, side);
        return;
      case 'compare': {
        const operands = e.a.width === 64 ? 1 : 0;
        const isSigned = e.fn === 'lts' || e.fn === 'les';
        if (isSigned) this.signed(e.a);
        else this.expression(e.a);
        if (isSigned) this.signed(e.b);
        else this.expression(e.b);
        code.byte(ARITHMETIC[e.fn][operands]);
        return;
      }
      case 'extend':
        if (e.signed) this.signed(e.a);
        else this.expression(e.a);
        if (side === 1) code.byte(e.signed ? OP.i64ExtendI32s : OP.i64ExtendI32u);
        else this.normal(e.width);
        return;
      case 'truncate':
        this.expression(e.a);
        if (e.a.width === 64) code.byte(OP.i32WrapI64);
        this.normal(e.width);
        return;
      case 'select':
        this.expression(e.a);
        this.expression(e.b);
        this.expression(e.condition);
        code.byte(OP.select);
    }
  }

  protected unary({ fn, a, width }: Extract<Expression, { op: 'unary' }>, side: 0 | 1): void {
    const { code } = this;
    if (fn === 'neg') {
      if (side === 1) this.i64(0n);
      else this.i32(0);
      this.expression(a);
      code.byte(ARITHMETIC.sub[side]);
      this.normal(width);
      return;
    }
    this.expression(a);
    if (fn === 'not') {
      if (side === 1) this.i64(-1n);
      else this.i32(-1);
      code.byte(ARITHMETIC.xor[side]);
      this.normal(width);
      return;
    }
    // A bit behind the value's own ends the count of zeros from below at the width.
    if (fn === 'ctz' && width < 32) {
      this.i32(1 << width);
      code.byte(ARITHMETIC.or[0]);
    }
    code.byte(ARITHMETIC[fn][side]);
    if (fn === 'clz' && width < 32) {
      this.i32(32 - width);
      code.byte(ARITHMETIC.sub[0]);
    }
  }

  protected binary({ fn, a, b, width }: Extract<Expression, { op: 'binary' }>, side: 0 | 1): void {
    const { code } = this;
    if (fn === 'mulhu' || fn === 'mulhs') {
      this.expression(a);
      this.expression(b);
      this.i32(fn === 'mulhs' ? 1 : 0);
      code.byte(OP.call).u32(IMPORT.multiplyHigh);
      return;
    }
    if ((fn === 'rol' || fn === 'ror') && width < 32) {
      this.narrowRotate(fn, a, b, width);
      return;
    }
    if (fn === 'sar' || fn === 'divs' || fn === 'rems') this.signed(a);
    else this.expression(a);
    if (fn === 'divs' || fn === 'rems') this.signed(b);
    else this.expression(b);
    code.byte(ARITHMETIC[fn][side]);
    this.normal(width);
  }

  protected narrowRotate(fn: 'rol' | 'ror', a: Expression, b: Expression, width: Width): void {
    const { code } = this;
    const [first, second] =
      fn === 'rol'
        ? ([ARITHMETIC.shl[0], ARITHMETIC.shr[0]] as const)
        : ([ARITHMETIC.shr[0], ARITHMETIC.shl[0]] as const);
    this.expression(a);
    this.expression(b);
    code.byte(first);
    this.expression(a);
    this.i32(width);
    this.expression(b);
    code.byte(ARITHMETIC.sub[0], second, ARITHMETIC.or[0]);
    this.normal(width);
  }
}
