import { Code, Mnemonic } from 'iced-x86';
import {
  add,
  and,
  constant,
  eq,
  flag,
  load,
  neg,
  not,
  or,
  register,
  select,
  sext,
  sub,
  truncate,
  xor,
  zext,
} from '../../expressions.js';
import type { Expression } from '../../meaning.js';
import { RAX, RBP, RDX, RSP } from '../registers.js';
import type { Draft } from './draft.js';
import { adcFlags, addFlags, condition, logicFlags, sbbFlags, subFlags, withoutCarry } from './flags.js';

/** One row of a table: writes the statements of an instruction. */
export type Row = (d: Draft) => void;

type Flags = ReturnType<typeof addFlags>;

/** Reads two operands, writes the first, sets flags. */
const arithmetic =
  (
    compute: (a: Expression, b: Expression) => Expression,
    flags: (a: Expression, b: Expression, r: Expression) => Flags,
    writes = true,
  ): Row =>
  (d) => {
    const a = d.let(d.read(0));
    const b = d.let(d.read(1));
    const result = d.let(compute(a, b));
    if (writes) d.write(0, result);
    d.flags(flags(a, b, result));
  };

const logic = (compute: (a: Expression, b: Expression) => Expression, writes = true): Row =>
  arithmetic(compute, (_a, _b, r) => logicFlags(r), writes);

/** With the carry as a third operand. */
const withCarry =
  (
    compute: (a: Expression, b: Expression) => Expression,
    flags: (a: Expression, b: Expression, carry: Expression, r: Expression) => Flags,
  ): Row =>
  (d) => {
    const a = d.let(d.read(0));
    const b = d.let(d.read(1));
    const carry = d.let(flag('cf'));
    const result = d.let(compute(compute(a, b), a.width === 8 ? carry : zext(a.width, carry)));
    d.write(0, result);
    d.flags(flags(a, b, carry, result));
  };

const step =
  (
    compute: (a: Expression, b: Expression) => Expression,
    flags: (a: Expression, b: Expression, r: Expression) => Flags,
  ): Row =>
  (d) => {
    const a = d.let(d.read(0));
    const b = constant(a.width, 1);
    const result = d.let(compute(a, b));
    d.write(0, result);
    d.flags(withoutCarry(flags(a, b, result)));
  };

const move: Row = (d) => d.write(0, d.read(1));
const moveZero: Row = (d) => d.write(0, zext(d.width(0), d.read(1)));
const moveSign: Row = (d) => d.write(0, sext(d.width(0), d.read(1)));

const exchange: Row = (d) => {
  const a = d.let(d.read(0));
  const b = d.let(d.read(1));
  // Memory first: it may fault.
  if (d.isMemory(0)) {
    d.write(0, b);
    d.write(1, a);
  } else {
    d.write(1, a);
    d.write(0, b);
  }
};

/** The destination last: where both are one register it holds the sum. */
const exchangeAdd: Row = (d) => {
  const a = d.let(d.read(0));
  const b = d.let(d.read(1));
  const sum = d.let(add(a, b));
  if (d.isMemory(0)) {
    d.write(0, sum);
    d.write(1, a);
  } else {
    d.write(1, a);
    d.write(0, sum);
  }
  d.flags(addFlags(a, b, sum));
};

/** The destination is written in either case (Intel SDM vol. 2, CMPXCHG). */
const compareExchange: Row = (d) => {
  const destination = d.let(d.read(0));
  const source = d.let(d.read(1));
  const accumulator = d.let(register(destination.width, RAX));
  const equal = d.let(eq(accumulator, destination));
  const loaded = (): void => {
    // A 32-bit accumulator that is not loaded keeps its upper half.
    if (destination.width === 32) d.set(RAX, select(equal, register(64, RAX), zext(64, destination)));
    else d.set(RAX, select(equal, accumulator, destination));
  };
  // Memory first, for it may fault; a register last, for it may be the accumulator itself.
  if (d.isMemory(0)) {
    d.write(0, select(equal, source, destination));
    loaded();
    return d.flags(subFlags(accumulator, destination, d.let(sub(accumulator, destination))));
  }
  const whole = d.let(d.wholeRegister(0));
  loaded();
  // A 32-bit register that is not exchanged keeps its upper half (measured; the manual speaks of a write in either case).
  if (destination.width === 32) d.set(d.registerNumber(0), select(equal, zext(64, source), whole));
  else d.write(0, select(equal, source, destination));
  d.flags(subFlags(accumulator, destination, d.let(sub(accumulator, destination))));
};

const negate: Row = (d) => {
  const a = d.let(d.read(0));
  const result = d.let(neg(a));
  d.write(0, result);
  d.flags(subFlags(constant(a.width, 0), a, result));
};

const invert: Row = (d) => d.write(0, not(d.read(0)));

const setIf =
  (number: number): Row =>
  (d) =>
    d.write(0, condition(number, flag));

/** The source is read in either case; a 32-bit destination loses its upper half in either case. */
const moveIf =
  (number: number): Row =>
  (d) => {
    const source = d.let(d.read(1));
    d.write(0, select(condition(number, flag), source, d.read(0)));
  };

const push: Row = (d) => {
  const width = d.width(0) === 16 ? 16 : 64;
  const value = d.let(d.isMemory(0) || d.width(0) === width ? d.read(0) : d.read(0));
  d.push(value.width === width ? value : sext(width, value));
};

const pop: Row = (d) => {
  const width = d.width(0) === 16 ? 16 : 64;
  const value = d.let(load(width, register(64, RSP)));
  if (d.isMemory(0)) {
    // The address is made with rsp already moved (Intel SDM vol. 2, POP), and a fault must leave rsp as it was.
    const moved = add(register(64, RSP), constant(64, width / 8));
    const usesStack = d.usesRegister(RSP);
    const address = usesStack ? add(d.effective(true), constant(64, width / 8)) : d.effective(true);
    d.store(d.let(address), value);
    d.set(RSP, moved);
    return;
  }
  d.set(RSP, add(register(64, RSP), constant(64, width / 8)));
  d.write(0, value);
};

const leave: Row = (d) => {
  const width = d.instruction.code === Code.Leavew ? 16 : 64;
  const base = d.let(register(64, RBP));
  const value = d.let(load(width, base));
  d.set(RSP, add(base, constant(64, width / 8)));
  d.set(RBP, value);
};

const CONDITION_NAMES = [
  'o',
  'no',
  'b',
  'ae',
  'e',
  'ne',
  'be',
  'a',
  's',
  'ns',
  'p',
  'np',
  'l',
  'ge',
  'le',
  'g',
];
const byCondition = (prefix: string, row: (number: number) => Row): [Mnemonic, Row][] =>
  CONDITION_NAMES.map((name, number) => [
    Mnemonic[`${prefix}${name}` as keyof typeof Mnemonic] as Mnemonic,
    row(number),
  ]);

/** Moves, arithmetic and logic of general registers and memory. */
export const INTEGER: readonly (readonly [Mnemonic, Row])[] = [
  [Mnemonic.Mov, move],
  [Mnemonic.Movzx, moveZero],
  [Mnemonic.Movsx, moveSign],
  [Mnemonic.Movsxd, moveSign],
  [
    Mnemonic.Lea,
    (d) => d.write(0, d.width(0) === 64 ? d.effective(false) : truncate(d.width(0), d.effective(false))),
  ],
  [Mnemonic.Add, arithmetic(add, addFlags)],
  [Mnemonic.Sub, arithmetic(sub, subFlags)],
  [Mnemonic.Cmp, arithmetic(sub, subFlags, false)],
  [Mnemonic.And, logic(and)],
  [Mnemonic.Or, logic(or)],
  [Mnemonic.Xor, logic(xor)],
  [Mnemonic.Test, logic(and, false)],
  [Mnemonic.Adc, withCarry(add, adcFlags)],
  [Mnemonic.Sbb, withCarry(sub, sbbFlags)],
  [Mnemonic.Inc, step(add, addFlags)],
  [Mnemonic.Dec, step(sub, subFlags)],
  [Mnemonic.Neg, negate],
  [Mnemonic.Not, invert],
  [Mnemonic.Xchg, exchange],
  [Mnemonic.Xadd, exchangeAdd],
  [Mnemonic.Cmpxchg, compareExchange],
  [Mnemonic.Push, push],
  [Mnemonic.Pop, pop],
  [Mnemonic.Leave, leave],
  [Mnemonic.Cbw, (d) => d.set(RAX, sext(16, register(8, RAX)))],
  [Mnemonic.Cwde, (d) => d.set(RAX, sext(32, register(16, RAX)))],
  [Mnemonic.Cdqe, (d) => d.set(RAX, sext(64, register(32, RAX)))],
  [Mnemonic.Cwd, (d) => d.set(RDX, truncate(16, signs(register(16, RAX))))],
  [Mnemonic.Cdq, (d) => d.set(RDX, truncate(32, signs(register(32, RAX))))],
  [Mnemonic.Cqo, (d) => d.set(RDX, signs(register(64, RAX)))],
  ...byCondition('Set', setIf),
  ...byCondition('Cmov', moveIf),
];

/** 64 copies of the sign. */
function signs(a: Expression): Expression {
  const wide = a.width === 64 ? a : sext(64, a);
  return { op: 'binary', width: 64, fn: 'sar', a: wide, b: constant(64, 63) };
}
