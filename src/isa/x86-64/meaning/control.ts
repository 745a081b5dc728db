import { Mnemonic } from 'iced-x86';
import {
  add,
  and,
  constant,
  flag,
  isZero,
  load,
  nonZero,
  or,
  register,
  shl,
  sub,
  truncate,
  xor,
  zext,
} from '../../expressions.js';
import { type Expression, FLAG_BITS, type Flag } from '../../meaning.js';
import { RAX, RCX, RSP } from '../registers.js';
import type { Draft } from './draft.js';
import { condition } from './flags.js';
import type { Row } from './integer.js';

const jump: Row = (d) => {
  const { instruction } = d;
  const direct = instruction.isJmpShortOrNear;
  d.statements.push({
    do: 'jump',
    target: direct ? constant(64, instruction.nearBranchTarget) : d.let(d.read(0)),
  });
};

const call: Row = (d) => {
  const { instruction } = d;
  const target = instruction.isCallNear ? constant(64, instruction.nearBranchTarget) : d.let(d.read(0));
  d.push(constant(64, instruction.nextIP));
  d.statements.push({ do: 'jump', target });
};

const ret: Row = (d) => {
  const target = d.let(load(64, register(64, RSP)));
  const extra = d.operands.length > 0 ? d.instruction.immediate(0) : 0n;
  d.set(RSP, add(register(64, RSP), constant(64, 8n + extra)));
  d.statements.push({ do: 'jump', target });
};

const branch = (d: Draft, holds: Expression): void => {
  d.statements.push({ do: 'branch', condition: holds, target: d.instruction.nearBranchTarget });
};

/** loop, loope, loopne: rcx counts down without touching a flag. */
const loop =
  (also?: Expression): Row =>
  (d) => {
    const left = d.let(sub(register(64, RCX), constant(64, 1)));
    const holds = d.let(also === undefined ? nonZero(left) : and(nonZero(left), also));
    d.set(RCX, left);
    branch(d, holds);
  };

const CONDITIONS = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];

const setFlag =
  (name: Flag, value: (before: Expression) => Expression): Row =>
  (d) =>
    d.flags({ [name]: value(flag(name)) });

const STATUS: readonly Flag[] = ['cf', 'pf', 'af', 'zf', 'sf'];

/** Flags as bits of a word; bit 1 is always set. */
function word(width: 8 | 64, names: readonly Flag[], others: number): Expression {
  return names.reduce<Expression>(
    (sum, name) =>
      or(sum, shl(width === 8 ? flag(name) : zext(64, flag(name)), constant(width, FLAG_BITS[name]))),
    constant(width, others),
  );
}

const fromWord = (value: Expression, names: readonly Flag[]): Partial<Record<Flag, Expression>> =>
  Object.fromEntries(
    names.map((name) => {
      const one = and(
        { op: 'binary', width: value.width, fn: 'shr', a: value, b: constant(value.width, FLAG_BITS[name]) },
        constant(value.width, 1),
      );
      return [name, value.width === 8 ? one : truncate(8, one)];
    }),
  );

const ALL: readonly Flag[] = ['cf', 'pf', 'af', 'zf', 'sf', 'df', 'of'];
/** Bit 1, and IF, which user space always sees set. */
const FIXED = 0x202;

export const CONTROL: readonly (readonly [Mnemonic, Row])[] = [
  [Mnemonic.Jmp, jump],
  [Mnemonic.Call, call],
  [Mnemonic.Ret, ret],
  ...CONDITIONS.map((name, number): [Mnemonic, Row] => [
    Mnemonic[`J${name}` as keyof typeof Mnemonic] as Mnemonic,
    (d) => branch(d, condition(number, flag)),
  ]),
  [Mnemonic.Jrcxz, (d) => branch(d, isZero(register(64, RCX)))],
  [Mnemonic.Jecxz, (d) => branch(d, isZero(register(32, RCX)))],
  [Mnemonic.Loop, loop()],
  [Mnemonic.Loope, loop(flag('zf'))],
  [Mnemonic.Loopne, loop(isZero(flag('zf')))],
  [Mnemonic.Clc, setFlag('cf', () => constant(8, 0))],
  [Mnemonic.Stc, setFlag('cf', () => constant(8, 1))],
  [Mnemonic.Cmc, setFlag('cf', (before) => xor(before, constant(8, 1)))],
  [Mnemonic.Cld, setFlag('df', () => constant(8, 0))],
  [Mnemonic.Std, setFlag('df', () => constant(8, 1))],
  [Mnemonic.Lahf, (d) => d.set(RAX, d.let(word(8, STATUS, 2)), true)],
  [Mnemonic.Sahf, (d) => d.flags(fromWord(d.let(register(8, RAX, true)), STATUS))],
  [Mnemonic.Pushfq, (d) => d.push(d.let(word(64, ALL, FIXED)))],
  [
    Mnemonic.Popfq,
    (d) => {
      const value = d.let(load(64, register(64, RSP)));
      d.set(RSP, add(register(64, RSP), constant(64, 8)));
      d.flags(fromWord(value, ALL));
    },
  ],
  [Mnemonic.Pushf, (d) => d.push(d.let(truncate(16, word(64, ALL, FIXED))))],
  [
    Mnemonic.Popf,
    (d) => {
      const value = d.let(load(16, register(64, RSP)));
      d.set(RSP, add(register(64, RSP), constant(64, 2)));
      d.flags(fromWord(value, ALL));
    },
  ],
  ...[
    Mnemonic.Nop,
    Mnemonic.Endbr64,
    Mnemonic.Pause,
    Mnemonic.Prefetchnta,
    Mnemonic.Prefetcht0,
    Mnemonic.Prefetcht1,
  ].map((mnemonic): [Mnemonic, Row] => [mnemonic, () => {}]),
  ...[Mnemonic.Prefetcht2, Mnemonic.Prefetchw, Mnemonic.Mfence, Mnemonic.Lfence, Mnemonic.Sfence].map(
    (mnemonic): [Mnemonic, Row] => [mnemonic, () => {}],
  ),
  [Mnemonic.Syscall, (d) => d.trap('system-call')],
  [Mnemonic.Ud2, (d) => d.trap('undefined')],
  [Mnemonic.Ud1, (d) => d.trap('undefined')],
  [Mnemonic.Int3, (d) => d.trap('breakpoint')],
  [Mnemonic.Hlt, (d) => d.trap('halt')],
];
