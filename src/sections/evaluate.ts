import { type Addr, asAddr, plus } from '../abi/address.js';
import {
  type AddressExpression,
  has,
  type Instruction,
  type MemoryAccess,
  registersOf,
  type Value,
} from '../isa/instruction.js';
import type { Code } from './code.js';
import { constantOf, type Linear, type Values } from './nodes.js';
import { GENERAL_REGISTERS, isEntryOf, type Slot, type State, withoutOverlap } from './state.js';

/** A memory access with its address as a value. */
export interface Access {
  readonly instruction: Instruction;
  readonly address: Linear;
  readonly size: number;
  readonly read: boolean;
  readonly write: boolean;
  /** What a store writes. */
  readonly value: Linear | undefined;
}

/** Variables set once, before any section runs: reading them twice gives the same. glibc's and librseq's, and a program's own copy of the offset. */
const STABLE_SYMBOL = /rseq_(offset|size|flags)$|rseq\w*_offset$/;

/** Gives instructions values, over one state of registers and stack. */
export class Evaluator {
  constructor(
    private readonly code: Code,
    readonly values: Values,
  ) {}

  address(expression: AddressExpression, state: State, instruction: Instruction): Linear {
    const { values } = this;
    let sum = this.displacement(expression, instruction);
    if (expression.threadPointer) sum = values.add(sum, values.threadPointer());
    if (expression.base !== undefined) sum = values.add(sum, this.register(state, expression.base));
    if (expression.index !== undefined) {
      sum = values.add(sum, values.scale(this.register(state, expression.index), expression.scale));
    }
    return sum;
  }

  /** A displacement that a relocation against an undefined TLS symbol fills has no number yet: it is that symbol's offset. */
  private displacement(expression: AddressExpression, instruction: Instruction): Linear {
    const relocation = expression.threadPointer ? this.code.relocationIn(instruction) : undefined;
    const symbol = relocation?.kind === 'tls-offset' ? relocation.symbol : undefined;
    if (relocation === undefined || symbol === undefined)
      return this.values.constant(expression.displacement);
    return this.values.add(this.values.import(`tls ${symbol.name}`), this.values.constant(relocation.addend));
  }

  private register(state: State, register: number): Linear {
    return state.registers[register] ?? this.values.constant(0);
  }

  value(value: Value, state: State, instruction: Instruction): Linear {
    const { values } = this;
    switch (value.op) {
      case 'register':
        return value.register < GENERAL_REGISTERS
          ? this.register(state, value.register)
          : values.opaque(instruction.address, `register ${value.register}`, []);
      case 'constant':
        return this.constant(value.value, instruction);
      case 'address':
        return this.address(value.address, state, instruction);
      case 'thread-pointer':
        return values.threadPointer();
      case 'load':
        return this.load(value.memory, state, instruction);
      case 'condition':
        return values.opaque(instruction.address, 'condition', []);
      case 'unknown':
        return values.opaque(
          instruction.address,
          'result',
          value.from.map((each) => this.value(each, state, instruction)),
        );
      default:
        return this.arithmetic(value, state, instruction);
    }
  }

  /** A constant operand that a TLS relocation fills (mov $x@tpoff, arm64 add :tprel_lo12:) stands for the symbol's offset. */
  private constant(value: number, instruction: Instruction): Linear {
    const relocation = this.code.relocationIn(instruction);
    if (relocation?.kind === 'tls-offset' && relocation.symbol !== undefined) {
      // arm64 splits the offset over two instructions: the high part carries the symbol, the low part nothing.
      if (/HI12|G1|G2/.test(relocation.typeName)) return this.values.constant(0);
      return this.values.add(
        this.values.import(`tls ${relocation.symbol.name}`),
        this.values.constant(relocation.addend),
      );
    }
    return this.values.constant(value);
  }

  private arithmetic(value: Extract<Value, { a: Value }>, state: State, instruction: Instruction): Linear {
    const { values } = this;
    const a = this.value(value.a, state, instruction);
    const b = this.value(value.b, state, instruction);
    const [x, y] = [constantOf(a), constantOf(b)];
    switch (value.op) {
      case 'add':
        return values.add(a, b);
      case 'sub':
        return values.sub(a, b);
      case 'mul':
        if (y !== undefined) return values.scale(a, y);
        if (x !== undefined) return values.scale(b, x);
        break;
      case 'shl':
        if (y !== undefined && y >= 0 && y < 48) return values.scale(a, 2 ** y);
        break;
      case 'or':
        // movz/movk and the like build constants piece by piece from parts that do not overlap.
        if (x !== undefined && y !== undefined && x >= 0 && y >= 0)
          return values.constant(Number(BigInt(x) | BigInt(y)));
        break;
      case 'and':
        if (x !== undefined && y !== undefined) return values.constant(Number(BigInt(x) & BigInt(y)));
        break;
      default:
    }
    return values.opaque(instruction.address, value.op, [a, b]);
  }

  private load(memory: MemoryAccess, state: State, instruction: Instruction): Linear {
    const address = this.address(memory.address, state, instruction);
    return this.loadFrom(address, memory.size, state, instruction.address);
  }

  private loadFrom(address: Linear, size: number, state: State, at: Addr): Linear {
    const slot = state.stack.get(address.key);
    if (slot !== undefined && slot.size >= size) return slot.value;
    const stable = this.isStable(address);
    const place = constantOf(address);
    if (!stable && place !== undefined && place >= 0) {
      const known = this.constantLoad(place as Addr, size);
      if (known !== undefined) return known;
    }
    return this.values.load(address, size, at, stable);
  }

  /** What memory holds that does not change at run time: a GOT slot, or data that a relocation fills and nobody writes. */
  private constantLoad(place: Addr, size: number): Linear | undefined {
    const { image } = this.code;
    const { values } = this;
    const relocation = image.relocationAt(place);
    if (relocation !== undefined && relocation.kind !== 'copy') {
      const symbol = relocation.symbol;
      if (relocation.kind === 'tls-offset' && symbol !== undefined) {
        return values.add(values.import(`tls ${symbol.name}`), values.constant(relocation.addend));
      }
      if (symbol !== undefined && symbol.address === undefined) {
        return values.add(values.import(symbol.name), values.constant(relocation.addend));
      }
    }
    const region = image.regionAt(place);
    if (region === undefined || size !== 8) return undefined;
    const section = image.sectionAt(place)?.name ?? '';
    const fixed =
      relocation !== undefined || !region.writable || /^\.(got|data\.rel\.ro|rodata)/.test(section);
    if (!fixed) return undefined;
    const word = image.u64(place);
    if (word === undefined) return undefined;
    return values.constant(Number(BigInt.asIntN(64, word)));
  }

  private isStable(address: Linear): boolean {
    const place = constantOf(address);
    if (place !== undefined) {
      const name =
        asAddr(BigInt(Math.max(0, Math.trunc(place)))) === undefined
          ? undefined
          : this.symbolNameAt(place as Addr);
      return name !== undefined && STABLE_SYMBOL.test(name);
    }
    const [term] = address.terms;
    return address.terms.length === 1 && term?.atom.kind === 'import' && STABLE_SYMBOL.test(term.atom.name);
  }

  private stableNames: Map<Addr, string> | undefined;
  private symbolNameAt(place: Addr): string | undefined {
    if (this.stableNames === undefined) {
      this.stableNames = new Map();
      for (const symbol of this.code.image.symbols) {
        if (symbol.address !== undefined && STABLE_SYMBOL.test(symbol.name))
          this.stableNames.set(symbol.address, symbol.name);
      }
      for (const [name, address] of this.code.image.externs ?? []) this.stableNames.set(address, name);
    }
    return this.stableNames.get(place);
  }

  /** The state behind an instruction. */
  after(instruction: Instruction, state: State, stackPointer: number): State {
    const { values } = this;
    let registers: Linear[] | undefined;
    const set = (register: number, value: Linear): void => {
      registers ??= [...state.registers];
      registers[register] = value;
    };
    let stack: ReadonlyMap<string, Slot> = state.stack;
    const named = new Set<number>();
    for (const effect of instruction.effects) {
      if (effect.kind === 'store') {
        const address = this.address(effect.memory.address, state, instruction);
        if (!isEntryOf(address, stackPointer)) continue;
        const changed = withoutOverlap(stack, address, effect.memory.size);
        const value = this.value(effect.value, state, instruction);
        changed.set(address.key, { address, value, size: effect.memory.size });
        stack = changed;
      } else if (effect.register < GENERAL_REGISTERS) {
        named.add(effect.register);
        set(effect.register, this.value(effect.value, state, instruction));
      }
    }
    for (const register of registersOf(instruction.writes)) {
      if (register >= GENERAL_REGISTERS || named.has(register)) continue;
      set(register, this.result(instruction, state, register));
    }
    // and $-16,%rsp: the distance is not known, but it is the stack all the same.
    const sp = registers?.[stackPointer];
    if (sp !== undefined && sp !== state.registers[stackPointer] && !isEntryOf(sp, stackPointer)) {
      set(stackPointer, values.entry(stackPointer, instruction.address));
    }
    if (registers === undefined && stack === state.stack && !isCall(instruction)) return state;
    return this.afterCall(instruction, { registers: registers ?? state.registers, stack }, state);
  }

  /** A result that is not computed: made from all that the instruction reads. */
  private result(instruction: Instruction, state: State, register: number): Linear {
    const from: Linear[] = [];
    for (const read of registersOf(instruction.reads))
      if (read < GENERAL_REGISTERS) from.push(this.register(state, read));
    for (const access of instruction.memory)
      if (access.read) from.push(this.load(access, state, instruction));
    return this.values.opaque(instruction.address, `result ${register}`, from);
  }

  private afterCall(instruction: Instruction, after: State, before: State): State {
    if (!isCall(instruction)) return after;
    const { decoder } = this.code;
    const callee = this.code.calleeName(instruction);
    const registers = after.registers.map((value, register) =>
      has(decoder.callerSaved, register) ? this.values.call(instruction.address, callee, register) : value,
    );
    // The callee pops its return address.
    registers[decoder.stackPointer] = this.register(before, decoder.stackPointer);
    const argument = before.registers[decoder.argumentRegisters[0] ?? 0];
    // General-dynamic TLS: the same variable has the same address wherever it is asked for.
    if (callee === '__tls_get_addr' && argument !== undefined && constantOf(argument) !== undefined) {
      const symbol = this.code.image.relocationAt(argument.constant as Addr)?.symbol?.name;
      registers[decoder.returnValue] = this.values.import(`tls address ${symbol ?? argument.constant}`);
    }
    return { registers, stack: before.stack };
  }

  /** Every memory access of an instruction, with what it stores. */
  accesses(instruction: Instruction, state: State): Access[] {
    const stores = instruction.effects.filter((effect) => effect.kind === 'store');
    return instruction.memory.map((access) => {
      const store = stores.find((effect) => sameAddress(effect.memory.address, access.address));
      return {
        instruction,
        address: this.address(access.address, state, instruction),
        size: access.size,
        read: access.read,
        write: access.write,
        value: access.write && store !== undefined ? this.value(store.value, state, instruction) : undefined,
      };
    });
  }
}

const sameAddress = (a: AddressExpression, b: AddressExpression): boolean =>
  a.base === b.base &&
  a.index === b.index &&
  a.scale === b.scale &&
  a.displacement === b.displacement &&
  a.threadPointer === b.threadPointer;

const isCall = ({ flow }: Instruction): boolean => flow === 'call' || flow === 'indirect-call';

/** The address behind an instruction. */
export const nextOf = (instruction: Instruction): Addr => plus(instruction.address, instruction.length);
