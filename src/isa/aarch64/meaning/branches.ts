import { and, binary, constant, isZero, nonZero } from '../../expressions.js';
import type { Trap } from '../../meaning.js';
import { LINK } from '../registers.js';
import type { Draft } from './draft.js';
import { condition } from './flags.js';
import type { Form, Row } from './row.js';

/** Branches and exceptions: Arm ARM C4.1.88 (op0 = 101x). */

const direct: Form = (d) => d.jump(constant(64, d.target(d.signed(25, 0))));

const link = (d: Draft): void => d.set(LINK, constant(64, d.next));

const call: Form = (d) => {
  link(d);
  direct(d);
};

const conditional: Form = (d) => {
  const code = d.bits(3, 0);
  // 1110 and 1111 both mean always.
  if (code >= 14) d.jump(constant(64, d.target(d.signed(23, 5))));
  else d.branch(condition(code), d.signed(23, 5));
};

const compareZero =
  (zero: boolean): Form =>
  (d) => {
    const value = d.get(d.rd, d.size);
    d.branch(zero ? isZero(value) : nonZero(value), d.signed(23, 5));
  };

const testBit =
  (zero: boolean): Form =>
  (d) => {
    const number = d.bits(31, 31) * 32 + d.bits(23, 19);
    const value = and(binary('shr', d.get(d.rd, d.size), constant(d.size, number)), constant(d.size, 1));
    d.branch(zero ? isZero(value) : nonZero(value), d.signed(18, 5));
  };

const indirect: Form = (d) => d.jump(d.let(d.get(d.rn, 64)));

/** The target by its register's name: a region knows a return by that. */
const ret: Form = (d) => d.jump(d.get(d.rn, 64));

const indirectCall: Form = (d) => {
  const target = d.let(d.get(d.rn, 64));
  link(d);
  d.jump(target);
};

const trap =
  (kind: Trap): Form =>
  (d) =>
    d.trap(kind);

// biome-ignore format: a table
export const BRANCHES: readonly Row[] = [
  ['000 101 iiiiiiiiiiiiiiiiiiiiiiiiii',            'b',      direct],
  ['100 101 iiiiiiiiiiiiiiiiiiiiiiiiii',            'bl',     call],
  ['0101010 0 iiiiiiiiiiiiiiiiiii 0 cccc',          'b.cond', conditional],
  ['f011010 0 iiiiiiiiiiiiiiiiiii ddddd',           'cbz',    compareZero(true)],
  ['f011010 1 iiiiiiiiiiiiiiiiiii ddddd',           'cbnz',   compareZero(false)],
  ['f011011 0 iiiii iiiiiiiiiiiiii ddddd',          'tbz',    testBit(true)],
  ['f011011 1 iiiii iiiiiiiiiiiiii ddddd',          'tbnz',   testBit(false)],
  ['1101011 0000 11111 000000 nnnnn 00000',         'br',     indirect],
  ['1101011 0001 11111 000000 nnnnn 00000',         'blr',    indirectCall],
  ['1101011 0010 11111 000000 nnnnn 00000',         'ret',    ret],
  // Linux looks at no immediate (arch/arm64/kernel/syscall.c).
  ['11010100 000 iiiiiiiiiiiiiiii 000 01',          'svc',    trap('system-call')],
  // Whatever the immediate: only debuggers of the kernel look at it (arch/arm64/kernel/debug-monitors.c, do_el0_brk64).
  ['11010100 001 iiiiiiiiiiiiiiii 000 00',          'brk',    trap('brk')],
];
