import type { Expression, Flag, Meaning, Statement, Trap } from '../isa/meaning.js';
import { type FlagStatement, isBehind } from './emitter.js';
import { eachBinary, eachCompare, eachUnary, isSelfContained } from './evaluate.js';
import { eachVector, extractLane, insertLane, laneMask, shuffleBytes } from './evaluate-vectors.js';
import { STATUS } from './flag-use.js';
import { flagOffset, STATE_FIELDS } from './state.js';

/** What the interpreter needs of a machine. */
export interface InterpretedMachine {
  readonly view: DataView;
  register(number: number): bigint;
  setRegister(number: number, value: bigint): void;
  rip: bigint;
  fsBase: bigint;
  gsBase: bigint;
  /** As the program may; throw PageFault with nothing done. */
  load(address: bigint, bytes: number): bigint;
  store(address: bigint, value: bigint, bytes: number): void;
  xmm(number: number): bigint;
  setXmm(number: number, value: bigint): void;
  load128(address: bigint): bigint;
  store128(address: bigint, low: bigint, high: bigint): void;
  /** What it stops for, with nothing done. */
  helper(name: string, operand: bigint): Trap | undefined;
}

/** Thrown where a meaning speaks of floating point, or of vectors in a way that is not done here, with the state as before the instruction. */
class Unsupported extends Error {}
const UNSUPPORTED = new Unsupported();

/**
 * Does what a meaning says, one statement after the other. Most of a program's instructions run once or twice: translating those costs
 * more than it gives. Flags are made when somebody asks for them: `finish` makes those that are left.
 */
export class Interpreter {
  private temporaries: bigint[] = [];
  /** The flags of the last statement that set some, not made yet, and the named values they are made of. */
  private pending: { readonly flags: FlagStatement['flags']; readonly temporaries: bigint[] } | undefined;

  constructor(private readonly machine: InterpretedMachine) {}

  /** 'done', the trap that stopped it, or 'unsupported' with nothing done. Throws PageFault with nothing done. */
  run(at: bigint, { statements, next }: Meaning): 'done' | 'unsupported' | Trap {
    const { machine } = this;
    this.temporaries = [];
    const before: [register: number, value: bigint][] = [];
    const vectors: [register: number, value: bigint][] = [];
    const { pending } = this;
    try {
      for (const statement of statements) {
        if (statement.do === 'set') before.push([statement.register, machine.register(statement.register)]);
        if (statement.do === 'set-xmm') vectors.push([statement.register, machine.xmm(statement.register)]);
        // What a helper does cannot be taken back.
        if (statement.do === 'helper' && statement !== statements.at(-1)) throw UNSUPPORTED;
        const out = this.statement(statement, at, next);
        if (out !== undefined) return out;
      }
    } catch (error) {
      if (error !== UNSUPPORTED) throw error;
      for (const [register, value] of before.reverse()) machine.setRegister(register, value);
      for (const [register, value] of vectors.reverse()) machine.setXmm(register, value);
      this.pending = pending;
      return 'unsupported';
    }
    machine.rip = next;
    return 'done';
  }

  /** Puts the flags where all others look for them. */
  finish(): void {
    const { pending } = this;
    if (pending === undefined) return;
    this.temporaries = pending.temporaries;
    this.pending = undefined;
    this.makeFlags(pending.flags);
  }

  /** What ends the instruction, if it does. */
  private statement(statement: Statement, at: bigint, next: bigint): 'done' | Trap | undefined {
    const { machine } = this;
    switch (statement.do) {
      case 'let':
        this.temporaries[statement.id] = this.value(statement.value);
        return undefined;
      case 'store': {
        const value = this.value(statement.value);
        const address = this.value(statement.address);
        if (statement.width === 128) machine.store128(address, BigInt.asUintN(64, value), value >> 64n);
        else machine.store(address, value, statement.width / 8);
        return undefined;
      }
      case 'set-xmm':
        machine.setXmm(statement.register, this.value(statement.value));
        return undefined;
      case 'helper':
        if (statement.when !== undefined && this.value(statement.when) === 0n) return undefined;
        return machine.helper(
          statement.name,
          statement.operands[0] === undefined ? 0n : this.value(statement.operands[0]),
        );
      case 'set':
        this.set(statement);
        return undefined;
      case 'flags':
        this.flags(statement);
        return undefined;
      case 'state': {
        const value = this.value(statement.value);
        const at = STATE_FIELDS[statement.field];
        if (statement.value.width === 64) machine.view.setBigUint64(at, value, true);
        else machine.view.setUint32(at, Number(value), true);
        return undefined;
      }
      case 'jump':
        machine.rip = this.value(statement.target);
        return 'done';
      case 'branch':
        if (this.value(statement.condition) === 0n) return undefined;
        machine.rip = statement.target;
        return 'done';
      case 'repeat':
        if (this.value(statement.condition) === 0n) return undefined;
        machine.rip = at;
        return 'done';
      case 'trap':
        if (statement.when !== undefined && this.value(statement.when) === 0n) return undefined;
        if (statement.when === undefined && isBehind(statement.trap)) machine.rip = next;
        return statement.trap;
      default:
        throw UNSUPPORTED;
    }
  }

  private set({ register, width, high, value }: Extract<Statement, { do: 'set' }>): void {
    const { machine } = this;
    const result = this.value(value);
    if (width >= 32) {
      machine.setRegister(register, result);
      return;
    }
    const shift = high ? 8n : 0n;
    const mask = ((1n << BigInt(width)) - 1n) << shift;
    machine.setRegister(register, (machine.register(register) & ~mask) | (result << shift));
  }

  private flags(statement: FlagStatement): void {
    const { flags } = statement;
    const full = STATUS.every((flag) => flags[flag] !== undefined && isSelfContained(flags[flag]));
    if (full && flags.df === undefined) {
      this.pending = { flags, temporaries: this.temporaries };
      return;
    }
    // It may read flags, and leaves some as they are.
    const own = this.temporaries;
    this.finish();
    this.temporaries = own;
    this.makeFlags(flags);
  }

  private makeFlags(flags: FlagStatement['flags']): void {
    const made = Object.entries(flags).map(([flag, e]) => [flag as Flag, this.value(e)] as const);
    for (const [flag, value] of made) this.machine.view.setUint8(flagOffset(flag), Number(value));
  }

  private flag(flag: Flag): bigint {
    const made = this.pending?.flags[flag];
    if (made === undefined) return BigInt(this.machine.view.getUint8(flagOffset(flag)));
    const own = this.temporaries;
    this.temporaries = this.pending!.temporaries;
    const value = this.value(made);
    this.temporaries = own;
    return value;
  }

  private value(e: Expression): bigint {
    const { machine } = this;
    switch (e.op) {
      case 'constant':
        return e.value;
      case 'register': {
        const whole = machine.register(e.register);
        return BigInt.asUintN(e.width, e.high ? whole >> 8n : whole);
      }
      case 'temporary':
        return this.temporaries[e.id]!;
      case 'load':
        if (e.width === 128) return machine.load128(this.value(e.address));
        return machine.load(this.value(e.address), e.width / 8);
      case 'unary':
        return eachUnary[e.fn](this.value(e.a), e.width);
      case 'binary':
        return BigInt.asUintN(e.width, eachBinary[e.fn](this.value(e.a), this.value(e.b), e.width));
      case 'compare':
        return eachCompare[e.fn](this.value(e.a), this.value(e.b), e.a.width) ? 1n : 0n;
      case 'extend': {
        const value = this.value(e.a);
        return e.signed ? BigInt.asUintN(e.width, BigInt.asIntN(e.a.width, value)) : value;
      }
      case 'truncate':
        return BigInt.asUintN(e.width, this.value(e.a));
      case 'select': {
        const [a, b] = [this.value(e.a), this.value(e.b)];
        return this.value(e.condition) === 0n ? b : a;
      }
      case 'flag':
        return this.flag(e.flag);
      case 'segment':
        return e.segment === 'fs' ? machine.fsBase : machine.gsBase;
      case 'state': {
        const at = STATE_FIELDS[e.field];
        if (e.width === 64) return machine.view.getBigUint64(at, true);
        return BigInt(e.width === 32 ? machine.view.getUint32(at, true) : machine.view.getUint16(at, true));
      }
      case 'xmm':
        return machine.xmm(e.register);
      case 'vector':
        return this.vector(e);
      case 'shuffle':
        return shuffleBytes(this.value(e.a), this.value(e.b), e.bytes);
      case 'extract':
        return extractLane(this.value(e.a), e.lane, e.width);
      case 'insert':
        return insertLane(this.value(e.a), e.lane, e.value.width, this.value(e.value));
      case 'lane-mask':
        return laneMask(this.value(e.a), e.lanes);
      default:
        throw UNSUPPORTED;
    }
  }

  private vector({ fn, operands }: Extract<Expression, { op: 'vector' }>): bigint {
    const evaluate = eachVector.get(fn);
    if (evaluate === undefined) throw UNSUPPORTED;
    return evaluate(operands.map((operand) => this.value(operand)));
  }
}
