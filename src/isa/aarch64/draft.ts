import type { Addr } from '../../abi/address.js';
import type {
  AddressExpression,
  Effect,
  Flow,
  Instruction,
  MemoryAccess,
  Trait,
  Value,
} from '../instruction.js';
import { FLAGS } from '../instruction.js';
import { SP, vector } from './registers.js';
import { addressReads, bit, constant, load, operation, readsOf, register, ZERO } from './values.js';
import { Word } from './word.js';

const NO_TRAITS: ReadonlySet<Trait> = new Set();

/**
 * One instruction under way. The forms of the tables fill it; the sets of registers follow from the values
 * that they give, so that reads and meaning cannot disagree.
 */
export class Draft extends Word {
  text = '';
  flow: Flow = 'next';
  target: Addr | undefined;
  reads = 0n;
  writes = 0n;
  memory: MemoryAccess[] = [];
  effects: Effect[] = [];
  compares: readonly [Value, Value] | undefined;
  condition: number | undefined;
  private marks: Set<Trait> | undefined;

  constructor(
    word: number,
    readonly address: Addr,
  ) {
    super(word);
  }

  /** The value of general register `n`; 31 is zero. */
  get(n: number, bits: 8 | 16 | 32 | 64): Value {
    return n === 31 ? ZERO : register(n, bits);
  }
  use(...values: Value[]): void {
    for (const value of values) this.reads |= readsOf(value);
  }
  /** Writes general register `n`; 31 is the zero register and keeps nothing. */
  set(n: number, value: Value): void {
    this.use(value);
    if (n !== 31) this.assign(n, value);
  }
  /** Writes general register `n`, where 31 is the stack pointer. */
  setOrSp(n: number, value: Value): void {
    this.use(value);
    this.assign(n, value);
  }
  private assign(n: number, value: Value): void {
    this.writes |= bit(n);
    this.effects.push({ kind: 'register', register: n, value });
  }
  readVector(...numbers: number[]): void {
    for (const n of numbers) this.reads |= bit(vector(n));
    this.mark('simd');
  }
  writeVector(...numbers: number[]): void {
    for (const n of numbers) this.writes |= bit(vector(n));
    this.mark('simd');
  }
  readFlags(): void {
    this.reads |= bit(FLAGS);
  }
  writeFlags(): void {
    this.writes |= bit(FLAGS);
  }
  compare(a: Value, b: Value): void {
    this.use(a, b);
    this.compares = [a, b];
  }
  mark(...traits: Trait[]): void {
    this.marks ??= new Set();
    for (const trait of traits) this.marks.add(trait);
  }

  access(address: AddressExpression, size: number, kind: 'read' | 'write' | 'both'): MemoryAccess {
    const memory = { address, size, read: kind !== 'write', write: kind !== 'read' };
    this.memory.push(memory);
    this.reads |= addressReads(address);
    return memory;
  }
  read(address: AddressExpression, size: number, signed = false): Value {
    return load(this.access(address, size, 'read'), signed);
  }
  store(address: AddressExpression, size: number, value: Value): void {
    this.use(value);
    this.effects.push({ kind: 'store', memory: this.access(address, size, 'write'), value });
  }
  /** Pre- and post-index: the base moves by `bytes`; on sp that is a push (down) or a pop (up). */
  writeback(base: number, bytes: number): void {
    this.setOrSp(base, operation('add', register(base, 64), constant(bytes), 64));
    if (base === SP) this.mark(bytes < 0 ? 'push' : 'pop');
  }

  finish(): Instruction {
    return {
      address: this.address,
      length: 4,
      text: this.text,
      flow: this.flow,
      target: this.target,
      reads: this.reads,
      writes: this.writes,
      memory: this.memory,
      effects: this.effects,
      compares: this.compares,
      condition: this.condition,
      traits: this.marks ?? NO_TRAITS,
    };
  }
}

/** [base, #displacement]; base 31 is sp. */
export const at = (base: number, displacement = 0): AddressExpression => ({
  threadPointer: false,
  base,
  index: undefined,
  scale: 1,
  displacement,
});

/** A fixed address (PC-relative operands). */
export const absolute = (address: number): AddressExpression => ({
  threadPointer: false,
  base: undefined,
  index: undefined,
  scale: 1,
  displacement: address,
});
