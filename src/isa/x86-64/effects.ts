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

type Row = (operands: readonly Operand[]) => Meaning | undefined;

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
    return {
      effects: assign(to, combine(op, to.value, from.value, to.bits)),
      compares: [to.value, from.value],
    };
  };

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
      a.register !== undefined && a.register === b.register
        ? a.value
        : { op: 'and', a: a.value, b: b.value, bits: a.bits === 64 ? 64 : 32 },
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

/** bts, btr, btc: a bit of the operand changes, and the flags say what it was. */
const bitChange: Row = ([to, from]) =>
  to && from && { effects: assign(to, unknown(to.value, from.value)), compares: [to.value, from.value] };

const either: Row = ([to, from]) => to && from && { effects: assign(to, unknown(to.value, from.value)) };

const exchange: Row = ([a, b]) => a && b && { effects: [...assign(a, b.value), ...assign(b, a.value)] };

const exchangeAdd: Row = ([a, b]) =>
  a && b && { effects: [...assign(b, a.value), ...assign(a, combine('add', a.value, b.value, a.bits))] };

const pushed: Row = ([from]) => from && { effects: stackStore(from.value) };

function stackStore(value: Value): Effect[] {
  return [
    { kind: 'store', memory: stackSlot(-8, 'write'), value },
    { kind: 'register', register: RSP, value: combine('add', whole(RSP), constant(-8), 64) },
  ];
}

const popped: Row = ([to]) => {
  if (!to) return undefined;
  const value: Value = { op: 'load', memory: stackSlot(0, 'read'), signed: false };
  return {
    effects: [
      ...assign(to, value),
      ...(to.register === RSP
        ? []
        : [{ kind: 'register' as const, register: RSP, value: combine('add', whole(RSP), constant(8), 64) }]),
    ],
  };
};

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

export function stackSlot(displacement: number, access: 'read' | 'write'): MemoryAccess {
  return {
    address: { threadPointer: false, base: RSP, index: undefined, scale: 1, displacement },
    size: 8,
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
  [Mnemonic.Bt, compare],
  [Mnemonic.Bts, bitChange],
  [Mnemonic.Btr, bitChange],
  [Mnemonic.Btc, bitChange],
  [Mnemonic.Xchg, exchange],
  [Mnemonic.Xadd, exchangeAdd],
  [Mnemonic.Push, pushed],
  [Mnemonic.Pop, popped],
  [Mnemonic.Leave, leave],
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
