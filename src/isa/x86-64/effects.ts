import { Mnemonic } from 'iced-x86';
import type { Effect, MemoryAccess, RegisterId, Value } from '../instruction.js';
import { RBP, RSP } from './registers.js';

/** An explicit operand: where it is, and the value it holds before the instruction. */
export interface Operand {
  readonly register: RegisterId | undefined;
  readonly memory: MemoryAccess | undefined;
  readonly bits: number;
  readonly value: Value;
}

/** What one row makes of its operands. `compares` are what the flags decide on. */
export interface Meaning {
  readonly effects: readonly Effect[];
  readonly compares?: readonly [Value, Value];
}

/** `stackStep`: by how many bytes the instruction moves the stack pointer (push: -8, or -2 with an operand size prefix). */
type Row = (operands: readonly Operand[], stackStep: number) => Meaning | undefined;

const constant = (value: number): Value => ({ op: 'constant', value });
const whole = (register: RegisterId): Value => ({ op: 'register', register, bits: 64 });
const unknown = (...from: Value[]): Value => ({ op: 'unknown', from });

/** A write to an operand. Byte and word writes keep the rest of a register, so they are not a plain value. */
function assign(to: Operand, value: Value): Effect[] {
  if (to.memory !== undefined)
    return [{ kind: 'store', memory: { ...to.memory, read: false, write: true }, value }];
  if (to.register === undefined) return [];
  const kept = to.bits < 32 ? unknown(whole(to.register), value) : value;
  return [{ kind: 'register', register: to.register, value: kept }];
}

const move: Row = ([to, from]) => (to && from ? { effects: assign(to, from.value) } : undefined);

/** Zero extension: the narrower value as it is. */
const zeroExtend = move;

/** Sign extension is not a plain copy; a load can say so, a register cannot. */
const signExtend: Row = ([to, from]) => {
  if (!to || !from) return undefined;
  const value: Value = from.value.op === 'load' ? { ...from.value, signed: true } : unknown(from.value);
  return { effects: assign(to, value) };
};

type Arithmetic = 'add' | 'sub' | 'mul' | 'shl' | 'shr' | 'and' | 'or' | 'xor';

/** The result as an expression where the operand is 32 or 64 bits wide, else only what it was made from. */
function combine(op: Arithmetic, a: Value, b: Value, bits: number): Value {
  return bits === 32 || bits === 64 ? { op, a, b, bits } : unknown(a, b);
}

const binary =
  (op: Arithmetic): Row =>
  ([to, from, third]) => {
    if (!to || !from) return undefined;
    if (third) return { effects: assign(to, combine(op, from.value, third.value, to.bits)) };
    // xor %eax,%eax and sub %eax,%eax are the idioms for zero.
    const same = to.register !== undefined && to.register === from.register && to.bits >= 32;
    if (same && (op === 'xor' || op === 'sub')) return { effects: assign(to, constant(0)) };
    const effects = assign(to, combine(op, to.value, from.value, to.bits));
    const compares = flagsOf(op, to, from);
    return compares === undefined ? { effects } : { effects, compares };
  };

/**
 * What the zero flag tells behind an arithmetic instruction. sub and xor leave zero where the operands are equal; of the
 * others the result is compared with zero; imul leaves the flag undefined (Intel SDM vol. 2).
 */
function flagsOf(op: Arithmetic, to: Operand, from: Operand): readonly [Value, Value] | undefined {
  if (op === 'mul') return undefined;
  if (op === 'sub' || op === 'xor') return [to.value, from.value];
  if (op === 'and') return [conjunction(to, from), constant(0)];
  const result = combine(op, to.value, from.value, to.bits);
  // A shift by zero leaves the flags alone, so a count that is not known tells nothing.
  const sure = op === 'add' || op === 'or' || (from.value.op === 'constant' && from.value.value !== 0);
  return [sure ? result : unknown(result), constant(0)];
}

const conjunction = (a: Operand, b: Operand): Value => ({
  op: 'and',
  a: a.value,
  b: b.value,
  bits: a.bits === 64 ? 64 : 32,
});

const step =
  (op: 'add' | 'sub'): Row =>
  ([to]) =>
    to && { effects: assign(to, combine(op, to.value, constant(1), to.bits)) };

const compare: Row = ([a, b]) => (a && b ? { effects: [], compares: [a.value, b.value] } : undefined);

const testBits: Row = ([a, b]) =>
  a &&
  b && {
    effects: [],
    compares: [
      a.register !== undefined && a.register === b.register ? a.value : conjunction(a, b),
      constant(0),
    ],
  };

/** setcc: 1 or 0, into a byte. */
const conditionByte =
  (condition: number): Row =>
  ([to]) =>
    to?.register === undefined
      ? undefined
      : { effects: [{ kind: 'register', register: to.register, value: { op: 'condition', condition } }] };

/** In the order of the condition codes (Intel SDM vol. 2, B.1.4.7). */
const SET_BY_CONDITION: readonly Mnemonic[] = [
  Mnemonic.Seto,
  Mnemonic.Setno,
  Mnemonic.Setb,
  Mnemonic.Setae,
  Mnemonic.Sete,
  Mnemonic.Setne,
  Mnemonic.Setbe,
  Mnemonic.Seta,
  Mnemonic.Sets,
  Mnemonic.Setns,
  Mnemonic.Setp,
  Mnemonic.Setnp,
  Mnemonic.Setl,
  Mnemonic.Setge,
  Mnemonic.Setle,
  Mnemonic.Setg,
];

/** The bit goes into the carry flag, so the operands are not said to be equal or not: only what decides is named. */
const bitOf = (to: Operand, from: Operand): readonly [Value, Value] => [
  unknown(to.value, from.value),
  constant(0),
];
const bitTest: Row = ([to, from]) => to && from && { effects: [], compares: bitOf(to, from) };

/** bts, btr, btc: a bit of the operand changes, and the flags say what it was. */
const bitChange: Row = ([to, from]) =>
  to && from && { effects: assign(to, unknown(to.value, from.value)), compares: bitOf(to, from) };

const either: Row = ([to, from]) => to && from && { effects: assign(to, unknown(to.value, from.value)) };

const exchange: Row = ([a, b]) => a && b && { effects: [...assign(a, b.value), ...assign(b, a.value)] };

const exchangeAdd: Row = ([a, b]) =>
  a && b && { effects: [...assign(b, a.value), ...assign(a, combine('add', a.value, b.value, a.bits))] };

const moveStack = (step: number): Effect => ({
  kind: 'register',
  register: RSP,
  value: combine('add', whole(RSP), constant(step), 64),
});

const pushed: Row = ([from], step) =>
  from && {
    effects: [{ kind: 'store', memory: stackSlot(step, -step, 'write'), value: from.value }, moveStack(step)],
  };

const popped: Row = ([to], step) => {
  if (!to) return undefined;
  const value: Value = { op: 'load', memory: stackSlot(0, step, 'read'), signed: false };
  if (to.register === RSP) return { effects: assign(to, value) };
  return { effects: [...assign(afterPop(to, step), value), moveStack(step)] };
};

/** The address of a memory operand of pop is computed with the stack pointer already moved (Intel SDM vol. 2, POP). */
function afterPop(to: Operand, step: number): Operand {
  const address = to.memory?.address;
  if (to.memory === undefined || address?.base !== RSP) return to;
  return {
    ...to,
    memory: { ...to.memory, address: { ...address, displacement: address.displacement + step } },
  };
}

/** rdfsbase: the base of %fs is the thread pointer. */
const threadPointer: Row = ([to]) =>
  to?.bits === 64 ? { effects: assign(to, { op: 'thread-pointer' }) } : undefined;

const leave: Row = () => ({
  effects: [
    { kind: 'register', register: RSP, value: combine('add', whole(RBP), constant(8), 64) },
    {
      kind: 'register',
      register: RBP,
      value: {
        op: 'load',
        signed: false,
        memory: {
          address: { threadPointer: false, base: RBP, index: undefined, scale: 1, displacement: 0 },
          size: 8,
          read: true,
          write: false,
        },
      },
    },
  ],
});

function stackSlot(displacement: number, size: number, access: 'read' | 'write'): MemoryAccess {
  return {
    address: { threadPointer: false, base: RSP, index: undefined, scale: 1, displacement },
    size,
    read: access === 'read',
    write: access === 'write',
  };
}

/**
 * The values instructions leave, as far as sections and the code around them need to be understood
 * (Intel SDM vol. 2). An instruction without a row leaves unknown values made from what it reads.
 */
export const MEANINGS: ReadonlyMap<Mnemonic, Row> = new Map<Mnemonic, Row>([
  [Mnemonic.Mov, move],
  [Mnemonic.Movzx, zeroExtend],
  [Mnemonic.Movsx, signExtend],
  [Mnemonic.Movsxd, signExtend],
  [Mnemonic.Movd, move],
  [Mnemonic.Movq, move],
  [Mnemonic.Lea, move],
  [Mnemonic.Add, binary('add')],
  [Mnemonic.Sub, binary('sub')],
  [Mnemonic.And, binary('and')],
  [Mnemonic.Or, binary('or')],
  [Mnemonic.Xor, binary('xor')],
  [Mnemonic.Imul, binary('mul')],
  [Mnemonic.Shl, binary('shl')],
  [Mnemonic.Shr, binary('shr')],
  [Mnemonic.Inc, step('add')],
  [Mnemonic.Dec, step('sub')],
  [Mnemonic.Cmp, compare],
  [Mnemonic.Test, testBits],
  ...SET_BY_CONDITION.map((mnemonic, condition): [Mnemonic, Row] => [mnemonic, conditionByte(condition)]),
  [Mnemonic.Bt, bitTest],
  [Mnemonic.Bts, bitChange],
  [Mnemonic.Btr, bitChange],
  [Mnemonic.Btc, bitChange],
  [Mnemonic.Xchg, exchange],
  [Mnemonic.Xadd, exchangeAdd],
  [Mnemonic.Push, pushed],
  [Mnemonic.Pop, popped],
  [Mnemonic.Leave, leave],
  [Mnemonic.Rdfsbase, threadPointer],
  ...[
    Mnemonic.Cmova,
    Mnemonic.Cmovae,
    Mnemonic.Cmovb,
    Mnemonic.Cmovbe,
    Mnemonic.Cmove,
    Mnemonic.Cmovne,
    Mnemonic.Cmovg,
    Mnemonic.Cmovge,
    Mnemonic.Cmovl,
    Mnemonic.Cmovle,
    Mnemonic.Cmovs,
    Mnemonic.Cmovns,
    Mnemonic.Cmovo,
    Mnemonic.Cmovno,
    Mnemonic.Cmovp,
    Mnemonic.Cmovnp,
  ].map((mnemonic): [Mnemonic, Row] => [mnemonic, either]),
]);
