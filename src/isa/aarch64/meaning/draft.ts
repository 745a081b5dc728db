import { and, constant, nonZero, register, truncate, zext } from '../../expressions.js';
import type { Expression, Flag, StateField, Statement, Trap, Width } from '../../meaning.js';
import { xmm } from '../../vectors.js';
import { Word } from '../word.js';

const SP = 31;

/** An instruction's statements under way, and its fields. */
export class Draft extends Word {
  readonly statements: Statement[] = [];
  private temporaries = 0;
  private checked = false;

  constructor(
    word: number,
    readonly address: bigint,
  ) {
    super(word);
  }

  get next(): bigint {
    return BigInt.asUintN(64, this.address + 4n);
  }

  /** Names a value: it is computed here and once, whatever is written later. */
  let(value: Expression): Expression {
    if (value.op === 'constant' || value.op === 'temporary') return value;
    const id = this.temporaries++;
    this.statements.push({ do: 'let', id, value });
    return { op: 'temporary', width: value.width, id };
  }

  /** General register `n`, its low bits; 31 is zero. */
  get(n: number, width: Width): Expression {
    return n === 31 ? constant(width, 0) : register(width, n);
  }

  /** General register `n`, where 31 is the stack pointer. */
  getOrSp(n: number, width: Width): Expression {
    return register(width, n);
  }

  /**
   * The base register of an access. The stack pointer must be aligned to 16 bytes, whatever is accessed (Arm ARM D1.3.10, SP alignment
   * checking: SCTLR_EL1.SA0, which Linux sets).
   */
  base(n: number): Expression {
    const value = register(64, n);
    if (n === SP && !this.checked) {
      this.checked = true;
      this.trap('alignment', nonZero(and(value, constant(64, 15))));
    }
    return value;
  }

  /** Writes general register `n` with zeros above a value of 32 bits or fewer; 31 is the zero register and keeps nothing. */
  set(n: number, value: Expression): void {
    if (n !== 31) this.setOrSp(n, value);
  }

  setOrSp(n: number, value: Expression): void {
    const whole = value.width < 32 ? zext(32, value) : value;
    this.statements.push({ do: 'set', width: whole.width, register: n, high: false, value: whole });
  }

  /** A vector register, all of it. */
  vector(n: number): Expression {
    return xmm(n);
  }

  /** Writes a vector register, with zeros above a value that is narrower. */
  setVector(n: number, value: Expression): void {
    const whole = value.width === 128 ? value : zext(128, value.width < 32 ? zext(32, value) : value);
    this.statements.push({ do: 'set-xmm', register: n, value: whole });
  }

  store(address: Expression, value: Expression): void {
    this.statements.push({ do: 'store', width: value.width, address, value });
  }

  flags(flags: Readonly<Partial<Record<Flag, Expression>>>): void {
    this.statements.push({ do: 'flags', flags });
  }

  state(field: StateField, value: Expression): void {
    this.statements.push({ do: 'state', field, value });
  }

  jump(target: Expression): void {
    this.statements.push({ do: 'jump', target });
  }

  /** To a number of words from here. */
  target(words: number): bigint {
    return BigInt.asUintN(64, this.address + 4n * BigInt(words));
  }

  branch(condition: Expression, words: number): void {
    this.statements.push({ do: 'branch', condition, target: this.target(words) });
  }

  trap(trap: Trap, when?: Expression): void {
    this.statements.push(when === undefined ? { do: 'trap', trap } : { do: 'trap', trap, when });
  }

  /** The fields make an encoding that is reserved or unallocated: whatever was said, it is undefined. */
  reserve(): void {
    this.statements.length = 0;
    this.trap('undefined');
  }

  helper(name: string, operand: Expression, when?: Expression): void {
    const operands = [operand];
    this.statements.push(
      when === undefined ? { do: 'helper', name, operands } : { do: 'helper', name, operands, when },
    );
  }
}

/** The low bits of a value, at a width that is not larger. */
export const low = (width: Width, value: Expression): Expression =>
  value.width === width ? value : truncate(width, value);
