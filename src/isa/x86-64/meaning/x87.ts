import { MemorySize, Mnemonic } from 'iced-x86';
import { bit, constant, flag, isZero, load, nonZero, or, truncate, zext } from '../../expressions.js';
import type { Expression, StateField, Width } from '../../meaning.js';
import { numberOf } from '../iced-registers.js';
import { RAX } from '../registers.js';
import type { Draft } from './draft.js';
import type { Row } from './integer.js';

const x87 = (d: Draft, name: string, ...operands: (Expression | number)[]): void => {
  d.statements.push({
    do: 'x87',
    name,
    operands: operands.map((each) => (typeof each === 'number' ? constant(64, each) : each)),
  });
};

const state = (width: Width, field: StateField): Expression => ({ op: 'state', width, field });

/** The formats of memory operands, by iced-x86's names, with their bits. */
const FORMATS: ReadonlyMap<MemorySize, readonly [name: string, bits: 16 | 32 | 64 | 80]> = new Map([
  [MemorySize.Float32, ['f32', 32]],
  [MemorySize.Float64, ['f64', 64]],
  [MemorySize.Float80, ['f80', 80]],
  [MemorySize.Int16, ['i16', 16]],
  [MemorySize.Int32, ['i32', 32]],
  [MemorySize.Int64, ['i64', 64]],
  [MemorySize.Bcd, ['decimal', 80]],
] as const);

const format = (d: Draft): readonly [name: string, bits: 16 | 32 | 64 | 80] =>
  FORMATS.get(d.instruction.memorySize)!;

/** The memory operand's bits as one or two operands of 64 bits. */
function bitsOf(d: Draft): Expression[] {
  const [, bits] = format(d);
  if (bits === 80) {
    const lowBits = d.let(load(64, d.address()));
    return [lowBits, d.let(zext(64, load(16, above(d))))];
  }
  return [d.let(zext(64, load(bits, d.address())))];
}

const above = (d: Draft): Expression => ({
  op: 'binary',
  width: 64,
  fn: 'add',
  a: d.address(),
  b: constant(64, 8),
});

/** The number of a stack register operand; `otherwise` where the instruction names none. */
const stack = (d: Draft, n: number, otherwise: number): number =>
  d.operands.length > n ? numberOf(d.operands[n]!.register) : otherwise;

const hasMemory = (d: Draft): boolean => d.operands.length > 0 && d.isMemory(0);

/** fadd and the like, in all their forms. */
const arithmetic =
  (name: string, pops = 0): Row =>
  (d) => {
    if (hasMemory(d)) {
      x87(d, `${name} ${format(d)[0]}`, ...bitsOf(d));
      return;
    }
    x87(d, `${name} st`, stack(d, 0, 1) | (stack(d, 1, 0) << 4) | (pops << 8));
  };

const compare =
  (name: 'com' | 'ucom', pops: number): Row =>
  (d) => {
    if (hasMemory(d)) x87(d, `${name} ${format(d)[0]}`, ...bitsOf(d), pops);
    else x87(d, `${name} st`, stack(d, 1, stack(d, 0, 1)) | (pops << 8));
  };

/** fcomi and fucomi: ZF, PF and CF; the others are cleared. */
const compareFlags =
  (name: 'comi' | 'ucomi', pops: number): Row =>
  (d) => {
    x87(d, name, stack(d, 1, 1) | (pops << 8));
    const result = d.let(state(64, 'x87Result'));
    const zero = constant(8, 0);
    d.flags({ cf: bit(result, 0), pf: bit(result, 2), zf: bit(result, 6), of: zero, sf: zero, af: zero });
  };

const loadOperand: Row = (d) => {
  if (hasMemory(d)) x87(d, `load ${format(d)[0]}`, ...bitsOf(d));
  else x87(d, 'load st', stack(d, d.operands.length - 1, 0));
};

/** fst, fist, fbstp: what to store is made first, and noted in the status word when it has been stored. */
const storeOperand =
  (pops: number): Row =>
  (d) => {
    if (!hasMemory(d)) {
      x87(d, 'copy', stack(d, 0, 0) | (pops << 8));
      return;
    }
    const [name, bits] = format(d);
    x87(d, `peek ${name}`);
    const low = state(64, 'x87Result');
    if (bits === 80) {
      // Two stores, and nothing is to be left of them where the second one faults: the upper bytes are first written as they are.
      d.store(above(d), d.let(load(16, above(d))));
      d.store(d.address(), low);
      d.store(above(d), state(16, 'x87ResultHigh'));
    } else d.store(d.address(), bits === 64 ? low : truncate(bits, low));
    x87(d, 'commit', pops);
  };

/** fcmovb and the like. */
const moveIf =
  (condition: Expression): Row =>
  (d) =>
    x87(d, 'move', stack(d, 1, 0), condition);

const either = (a: Expression, b: Expression): Expression => or(a, b);

const plain =
  (name: string, ...operands: number[]): Row =>
  (d) =>
    x87(d, name, ...operands);

const onRegister =
  (name: string): Row =>
  (d) =>
    x87(d, name, stack(d, d.operands.length - 1, 1));

/** fnstsw, fnstcw: they do not wait. */
const storeWord =
  (field: StateField): Row =>
  (d) => {
    if (hasMemory(d)) d.store(d.address(), state(16, field));
    else d.set(RAX, state(16, field));
  };

const area =
  (name: string): Row =>
  (d) => {
    // The forms of 16 bits are none of a 64-bit program's.
    const short = [MemorySize.FpuEnv14, MemorySize.FpuState94].includes(d.instruction.memorySize);
    if (short) d.trap('unsupported');
    else d.statements.push({ do: 'helper', name, operands: [d.address()] });
  };

const CONSTANTS = ['Fld1', 'Fldl2t', 'Fldl2e', 'Fldpi', 'Fldlg2', 'Fldln2', 'Fldz'] as const;
const OPERATIONS = ['add', 'mul', 'sub', 'subr', 'div', 'divr'] as const;
const named = (name: string): Mnemonic => Mnemonic[name as keyof typeof Mnemonic] as Mnemonic;
const not = (e: Expression): Expression => isZero(e);
const belowOrEqual = nonZero(either(flag('cf'), flag('zf')));

/** The x87 (machine/x87): arithmetic of 80 bits, its stack, and its state. */
export const X87: readonly (readonly [Mnemonic, Row])[] = [
  ...OPERATIONS.flatMap((name): [Mnemonic, Row][] => [
    [named(`F${name}`), arithmetic(name)],
    [named(`F${name}p`), arithmetic(name, 1)],
    [named(`Fi${name}`), arithmetic(name)],
  ]),
  ...CONSTANTS.map((name, number): [Mnemonic, Row] => [named(name), plain('load constant', number)]),
  [Mnemonic.Fcom, compare('com', 0)],
  [Mnemonic.Fcomp, compare('com', 1)],
  [Mnemonic.Fcompp, compare('com', 2)],
  [Mnemonic.Ficom, compare('com', 0)],
  [Mnemonic.Ficomp, compare('com', 1)],
  [Mnemonic.Fucom, compare('ucom', 0)],
  [Mnemonic.Fucomp, compare('ucom', 1)],
  [Mnemonic.Fucompp, compare('ucom', 2)],
  [Mnemonic.Fcomi, compareFlags('comi', 0)],
  [Mnemonic.Fcomip, compareFlags('comi', 1)],
  [Mnemonic.Fucomi, compareFlags('ucomi', 0)],
  [Mnemonic.Fucomip, compareFlags('ucomi', 1)],
  [Mnemonic.Ftst, plain('tst')],
  [Mnemonic.Fxam, plain('xam')],
  [Mnemonic.Fsqrt, plain('sqrt')],
  [Mnemonic.Fchs, plain('chs')],
  [Mnemonic.Fabs, plain('abs')],
  [Mnemonic.Frndint, plain('rndint')],
  [Mnemonic.Fscale, plain('scale')],
  [Mnemonic.Fxtract, plain('xtract')],
  [Mnemonic.Fprem, plain('prem')],
  [Mnemonic.Fprem1, plain('prem1')],
  [Mnemonic.Fyl2x, plain('yl2x')],
  [Mnemonic.Fyl2xp1, plain('yl2xp1')],
  [Mnemonic.Fpatan, plain('patan')],
  [Mnemonic.F2xm1, plain('2xm1')],
  [Mnemonic.Fsin, plain('sin')],
  [Mnemonic.Fcos, plain('cos')],
  [Mnemonic.Fsincos, plain('sincos')],
  [Mnemonic.Fptan, plain('ptan')],
  [Mnemonic.Fld, loadOperand],
  [Mnemonic.Fild, loadOperand],
  [Mnemonic.Fbld, loadOperand],
  [Mnemonic.Fst, storeOperand(0)],
  [Mnemonic.Fstp, storeOperand(1)],
  [Mnemonic.Fist, storeOperand(0)],
  [Mnemonic.Fistp, storeOperand(1)],
  [Mnemonic.Fbstp, storeOperand(1)],
  [Mnemonic.Fxch, onRegister('exchange')],
  [Mnemonic.Ffree, onRegister('free')],
  [Mnemonic.Ffreep, onRegister('free and pop')],
  [Mnemonic.Fincstp, plain('turn up')],
  [Mnemonic.Fdecstp, plain('turn down')],
  [Mnemonic.Fcmovb, moveIf(flag('cf'))],
  [Mnemonic.Fcmove, moveIf(flag('zf'))],
  [Mnemonic.Fcmovbe, moveIf(belowOrEqual)],
  [Mnemonic.Fcmovu, moveIf(flag('pf'))],
  [Mnemonic.Fcmovnb, moveIf(not(flag('cf')))],
  [Mnemonic.Fcmovne, moveIf(not(flag('zf')))],
  [Mnemonic.Fcmovnbe, moveIf(not(belowOrEqual))],
  [Mnemonic.Fcmovnu, moveIf(not(flag('pf')))],
  [Mnemonic.Fldcw, (d) => x87(d, 'load control', d.let(zext(64, load(16, d.address()))))],
  [Mnemonic.Fnstcw, storeWord('x87Control')],
  [Mnemonic.Fnstsw, storeWord('x87Status')],
  [Mnemonic.Fninit, plain('init')],
  [Mnemonic.Fnclex, plain('clear exceptions')],
  [Mnemonic.Emms, plain('empty')],
  [Mnemonic.Fnop, plain('wait')],
  [Mnemonic.Wait, plain('wait')],
  [Mnemonic.Fnstenv, area('fnstenv')],
  [Mnemonic.Fldenv, area('fldenv')],
  [Mnemonic.Fnsave, area('fnsave')],
  [Mnemonic.Frstor, area('frstor')],
];
