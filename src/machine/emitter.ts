import type { Expression, Flag, Statement, Trap, Width } from '../isa/meaning.js';
import { HELPERS, IMPORT, numberOf, TRAPS } from './imports.js';
import { MultiplyWriter } from './multiply-code.js';
import { PAGE, STATE, STATE_FIELDS } from './state.js';
import { ARITHMETIC, OP, TYPE, type ValueType } from './wasm/opcodes.js';
import { X87_NAMES } from './x87/index.js';

export type FlagStatement = Extract<Statement, { do: 'flags' }>;

export const typeOf = (width: Width): ValueType => (width === 128 ? 'v128' : width === 64 ? 'i64' : 'i32');

/** What VectorEmitter knows. */
export type WideExpression = Extract<
  Expression,
  { op: 'xmm' | 'vector' | 'shuffle' | 'extract' | 'insert' | 'lane-mask' | 'float' | 'floats' }
>;

/** Traps that find control behind the instruction. */
const BEHIND: ReadonlySet<Trap> = new Set<Trap>(['system-call', 'breakpoint', 'overflow']);
export const isBehind = (trap: Trap): boolean => BEHIND.has(trap);

/**
 * Turns expressions and statements into WebAssembly. All arithmetic is at 32 bits (narrower values with zeros above) or at 64. Where
 * registers and flags are while the code runs is for the subclass to say: in memory for single steps, in locals for blocks.
 */
export abstract class Emitter extends MultiplyWriter {
  protected readonly temporaries = new Map<number, number>();

  /** A general register's low bits (or bits 15..8) on the stack. */
  protected abstract readRegister(register: number, width: Width, high: boolean): void;
  /** Writes a register with what `value` leaves on the stack, at the type of the width; 32 bits clear the upper half. */
  protected abstract writeRegister(register: number, width: Width, high: boolean, value: () => void): void;
  protected abstract readFlag(flag: Flag): void;
  /** Writes a vector register with what `value` leaves on the stack. */
  protected abstract writeXmm(register: number, value: () => void): void;
  /** Vectors and floating-point numbers: emitted as numbers of the width, like all others. */
  protected abstract wide(e: WideExpression): void;
  /** Leaves a value on the stack at the type that suits it best, and says which that is. */
  protected abstract native(e: Expression): ValueType;
  /** The same for what is stored next. */
  protected abstract stored(e: Expression): ValueType;
  /** Writes flags, all computed before any is written. */
  protected abstract writeFlags(statement: FlagStatement): void;
  /** Leaves the code for a place in the program, undone or done up to here; `result` is 0 or 1 + a trap's number. */
  protected abstract leave(to: () => void, result: number): void;
  /** Leaves it where it stands: the instruction has done nothing, or one round. */
  protected stay(result: number): void {
    this.stayFor(() => this.i32(result));
  }
  /** The same with a result that the code itself finds. */
  protected abstract stayFor(result: () => void): void;

  protected statement(statement: Statement, next: bigint): void {
    const { code } = this;
    switch (statement.do) {
      case 'let': {
        const local = this.named(this.native(statement.value));
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
      case 'set-xmm':
        this.writeXmm(statement.register, () => this.expression(statement.value));
        return;
      case 'flags':
        this.writeFlags(statement);
        return;
      case 'state': {
        const wide = statement.value.width === 64;
        this.stateStore(wide ? OP.i64Store : OP.i32Store, STATE_FIELDS[statement.field], () =>
          this.expression(statement.value),
        );
        return;
      }
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
          const behind = isBehind(statement.trap);
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
        if (statement.when !== undefined) {
          const { when, ...always } = statement;
          this.expression(when);
          this.ifTrue(() => this.statement(always, next));
          return;
        }
        const result = this.scratch('helper', 'i32');
        this.i32(numberOf(HELPERS, statement.name));
        this.operand64(statement.operands[0]);
        code.byte(OP.call).u32(IMPORT.helper).byte(OP.localTee).u32(result).byte(OP.if, TYPE.empty);
        this.stayFor(() => code.byte(OP.localGet).u32(result));
        code.byte(OP.end);
        return;
      }
      case 'x87': {
        const result = this.scratch('helper', 'i32');
        this.i32(numberOf(X87_NAMES, statement.name));
        this.operand64(statement.operands[0]);
        this.operand64(statement.operands[1]);
        code.byte(OP.call).u32(IMPORT.x87).byte(OP.localTee).u32(result);
        this.ifTrue(() => this.stayFor(() => code.byte(OP.localGet).u32(result)));
      }
    }
  }

  /** What is done where the number on the stack is not 0. */
  protected ifTrue(body: () => void): void {
    this.code.byte(OP.if, TYPE.empty);
    body();
    this.code.byte(OP.end);
  }

  protected set({ width, register, high, value }: Extract<Statement, { do: 'set' }>): void {
    this.writeRegister(register, width, high, () => this.expression(value));
  }

  protected addressLocal(address: Expression, purpose: string): number {
    this.expression(address);
    const local = this.scratch(purpose, 'i64');
    this.code.byte(OP.localSet).u32(local);
    return local;
  }

  /** The value as 64 bits with zeros above; 0 where there is none. */
  private operand64(e: Expression | undefined): void {
    if (e === undefined) this.i64(0n);
    else this.expression(e);
    if (e !== undefined && e.width < 64) this.code.byte(OP.i64ExtendI32u);
  }

  /** `as`: the type to leave on the stack; a vector has zeros above a narrower value. */
  protected load(width: Width, address: Expression, as: ValueType = typeOf(width)): void {
    const { code } = this;
    const at = this.addressLocal(address, 'load');
    this.needsSlowPath(at, width / 8, PAGE.READ);
    code.byte(OP.if, TYPE[as]);
    this.slowLoad(at, width, as);
    code.byte(OP.else);
    this.place(at);
    this.plainLoad(width, as);
    code.byte(OP.end);
  }

  protected store(width: Width, address: Expression, value: Expression): void {
    const { code } = this;
    const type = this.stored(value);
    const what = this.scratch('value', type);
    code.byte(OP.localSet).u32(what);
    const at = this.addressLocal(address, 'store');
    this.needsSlowPath(at, width / 8, PAGE.WRITE);
    code.byte(OP.if, TYPE.empty);
    this.slowStore(at, what, width, type);
    code.byte(OP.else);
    this.place(at);
    code.byte(OP.localGet).u32(what);
    this.plainStore(width, type);
    code.byte(OP.end);
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
        if (e.width === 128) this.v128(e.value);
        else if (side === 1) this.i64(e.value);
        else this.i32(Number(e.value));
        return;
      case 'register':
        this.readRegister(e.register, e.width, e.high);
        return;
      case 'temporary': {
        const local = this.temporaries.get(e.id)!;
        code.byte(OP.localGet).u32(local);
        if (this.locals[local] === 'f32') code.byte(OP.i32ReinterpretF32);
        if (this.locals[local] === 'f64') code.byte(OP.i64ReinterpretF64);
        return;
      }
      case 'load':
        this.load(e.width, e.address);
        return;
      case 'flag':
        this.readFlag(e.flag);
        return;
      case 'segment':
        this.stateLoad(OP.i64Load, e.segment === 'fs' ? STATE.fsBase : STATE.gsBase);
        return;
      case 'state':
        this.stateLoad(
          e.width === 64 ? OP.i64Load : e.width === 32 ? OP.i32Load : OP.i32Load16u,
          STATE_FIELDS[e.field],
        );
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
        if (e.width === 128) {
          this.intoVector(e.a);
          return;
        }
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
        if (e.width === 128) code.byte(OP.selectTyped, 1, TYPE.v128);
        else code.byte(OP.select);
        return;
      default:
        this.wide(e);
    }
  }

  /** A value of 32 or 64 bits with zeros above. */
  private intoVector(e: Expression): void {
    if (e.op === 'load') {
      this.load(e.width, e.address, 'v128');
      return;
    }
    this.v128(0n);
    this.replaceLane(this.native(e), e.width, 0);
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
      this.multiplyHigh(fn === 'mulhs');
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
