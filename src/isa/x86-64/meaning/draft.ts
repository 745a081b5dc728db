import { type Instruction, type MemorySize, MemorySizeExt, OpKind, Register } from 'iced-x86';
import {
  add,
  and,
  constant,
  load,
  nonZero,
  register,
  segment,
  shl,
  truncate,
  zext,
} from '../../expressions.js';
import type { Expression, Flag, StateField, Statement, Trap, Width } from '../../meaning.js';
import { extract, xmm } from '../../vectors.js';
import {
  isGeneral,
  isGeneral32,
  isHigh,
  isMm,
  isXmm,
  numberOf,
  type OperandKind,
  sizeOf,
} from '../iced-registers.js';
import { RSP } from '../registers.js';

/** An instruction's statements under way, and its operands as expressions. */
export class Draft {
  readonly statements: Statement[] = [];
  private temporaries = 0;
  private addressCache: Expression | undefined;

  constructor(
    readonly instruction: Instruction,
    readonly operands: readonly OperandKind[],
  ) {}

  /** Names a value: it is computed here and once, whatever is written later. */
  let(value: Expression): Expression {
    if (value.op === 'constant' || value.op === 'temporary') return value;
    const id = this.temporaries++;
    this.statements.push({ do: 'let', id, value });
    return { op: 'temporary', width: value.width, id };
  }

  set(number: number, value: Expression, high = false): void {
    this.statements.push({ do: 'set', width: value.width, register: number, high, value });
  }

  store(address: Expression, value: Expression): void {
    this.statements.push({ do: 'store', width: value.width, address, value });
  }

  flags(flags: Readonly<Partial<Record<Flag, Expression>>>): void {
    this.statements.push({ do: 'flags', flags });
  }

  trap(trap: Trap, when?: Expression): void {
    this.statements.push(when === undefined ? { do: 'trap', trap } : { do: 'trap', trap, when });
  }

  isMemory(n: number): boolean {
    return this.operands[n]?.kind === OpKind.Memory;
  }

  /** Width of an operand in bits. */
  width(n: number): Width {
    const { kind, register: name } = this.operands[n]!;
    if (kind === OpKind.Register) return (sizeOf(name) * 8) as Width;
    if (kind === OpKind.Memory) return (memoryBytes(this.instruction.memorySize) * 8) as Width;
    return 64;
  }

  /** The operand's value, at its own width; immediates at the width of operand 0. */
  read(n: number): Expression {
    const { kind, register: name } = this.operands[n]!;
    if (kind === OpKind.Register) return this.readRegister(name);
    if (kind === OpKind.Memory) return this.let(load(this.width(n), this.address()));
    return constant(this.width(0), this.instruction.immediate(n));
  }

  /** Writes an operand: a register, or the memory operand. */
  write(n: number, value: Expression): void {
    const { kind, register: name } = this.operands[n]!;
    if (kind === OpKind.Memory) {
      this.store(this.address(), value);
      return;
    }
    if (isXmm(name)) {
      this.setXmm(numberOf(name), value);
      return;
    }
    if (isMm(name)) {
      const operands = [constant(64, numberOf(name)), extract(64, 0, value)];
      this.statements.push({ do: 'x87', name: 'write mmx', operands });
      return;
    }
    this.set(numberOf(name), value, isHigh(name));
  }

  readRegister(name: Register): Expression {
    if (isXmm(name)) return xmm(numberOf(name));
    if (isMm(name)) return zext(128, { op: 'state', width: 64, field: `mm${numberOf(name)}` as StateField });
    const width = (sizeOf(name) * 8) as Width;
    return register(width, numberOf(name), isHigh(name));
  }

  setXmm(number: number, value: Expression): void {
    this.statements.push({ do: 'set-xmm', register: number, value });
  }

  /** A register of MMX, or a general one. */
  isMmx(n: number): boolean {
    return isMm(this.operands[n]?.register ?? Register.None);
  }

  isGeneral(n: number): boolean {
    return isGeneral(this.operands[n]?.register ?? Register.None);
  }

  /**
   * A vector operand; in memory it must be aligned to its 16 bytes, else #GP (Intel SDM vol. 1, 4.1.1 and 10.4.1.1). One of MMX is the lower
   * half of a vector, and need not be aligned.
   */
  vector(n: number): Expression {
    if (!this.isMemory(n)) return this.read(n);
    if (this.isMmx(0)) return zext(128, this.let(load(this.width(n), this.address())));
    this.aligned();
    return this.let(load(128, this.address()));
  }

  aligned(): void {
    this.trap('general-protection', nonZero(and(this.address(), constant(64, 15))));
  }

  /** The low bits of a vector register, or so many bits of memory. */
  low(n: number, width: Width): Expression {
    return this.isMemory(n) ? this.let(load(width, this.address())) : extract(width, 0, this.read(n));
  }

  /** The effective address of the memory operand, segment base included. */
  address(): Expression {
    this.addressCache ??= this.let(this.effective(true));
    return this.addressCache;
  }

  /** Without the segment: what lea gives. */
  effective(withSegment: boolean): Expression {
    const { instruction } = this;
    const { memoryBase: base, memoryIndex: index } = instruction;
    const displacement = constant(64, instruction.memoryDisplacement);
    let sum: Expression = displacement;
    if (base !== Register.RIP && base !== Register.EIP) {
      const narrow = isGeneral32(base) || isGeneral32(index);
      const part = (name: Register): Expression => zext(64, this.readRegister(name));
      if (index !== Register.None)
        sum = add(shl(part(index), constant(64, Math.log2(instruction.memoryIndexScale))), sum);
      if (base !== Register.None) sum = add(part(base), sum);
      if (narrow) sum = zext(64, truncate(32, sum));
    }
    if (!withSegment) return sum;
    const { memorySegment } = instruction;
    if (memorySegment === Register.FS) return add(segment('fs'), sum);
    if (memorySegment === Register.GS) return add(segment('gs'), sum);
    return sum;
  }

  /** Is the register part of the memory operand's address? */
  usesRegister(number: number): boolean {
    const { memoryBase, memoryIndex } = this.instruction;
    return [memoryBase, memoryIndex].some((name) => isGeneral(name) && numberOf(name) === number);
  }

  /** RegisterId of a register operand. */
  registerNumber(n: number): number {
    return numberOf(this.operands[n]!.register);
  }

  wholeRegister(n: number): Expression {
    return register(64, this.registerNumber(n));
  }

  /** The source of a string instruction, in its segment. */
  stringSource(address: Expression): Expression {
    const { memorySegment } = this.instruction;
    if (memorySegment === Register.FS) return add(segment('fs'), address);
    if (memorySegment === Register.GS) return add(segment('gs'), address);
    return address;
  }

  push(value: Expression): void {
    const to = this.let(add(register(64, RSP), constant(64, -(value.width / 8))));
    this.store(to, value);
    this.set(RSP, to);
  }
}

/** Of a memory operand in bytes, by iced's MemorySize; those that have none are as wide as an address. */
const sizes: number[] = [];
const memoryBytes = (size: MemorySize): number => {
  sizes[size] ??= MemorySizeExt.size(size) || 8;
  return sizes[size];
};
