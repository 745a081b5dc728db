import { add, and, load, lts, ltu, not, or, select, xor } from '../../expressions.js';
import type { Expression } from '../../meaning.js';
import { aligned, bytesOf, widthOf } from './exclusive.js';
import type { Form, Row } from './row.js';

/** Atomic operations on memory (FEAT_LSE): Arm ARM C4.1.94. Rt gets what was there. */

type Combine = (old: Expression, operand: Expression) => Expression;

const atomic =
  (combine: Combine): Form =>
  (d) => {
    const width = widthOf(d);
    const address = aligned(d, bytesOf(d));
    const old = d.let(load(width, address));
    d.store(address, combine(old, d.let(d.get(d.rm, width))));
    d.set(d.rd, old);
  };

const smaller =
  (less: Combine): Combine =>
  (a, b) =>
    select(less(b, a), b, a);
const larger =
  (less: Combine): Combine =>
  (a, b) =>
    select(less(a, b), b, a);

// biome-ignore format: a table
export const ATOMICS: readonly Row[] = [
  ['zz 111000 AR1 mmmmm 0 000 00 nnnnn ddddd', 'ldadd',  atomic(add)],
  ['zz 111000 AR1 mmmmm 0 001 00 nnnnn ddddd', 'ldclr',  atomic((old, mask) => and(old, not(mask)))],
  ['zz 111000 AR1 mmmmm 0 010 00 nnnnn ddddd', 'ldeor',  atomic(xor)],
  ['zz 111000 AR1 mmmmm 0 011 00 nnnnn ddddd', 'ldset',  atomic(or)],
  ['zz 111000 AR1 mmmmm 0 100 00 nnnnn ddddd', 'ldsmax', atomic(larger(lts))],
  ['zz 111000 AR1 mmmmm 0 101 00 nnnnn ddddd', 'ldsmin', atomic(smaller(lts))],
  ['zz 111000 AR1 mmmmm 0 110 00 nnnnn ddddd', 'ldumax', atomic(larger(ltu))],
  ['zz 111000 AR1 mmmmm 0 111 00 nnnnn ddddd', 'ldumin', atomic(smaller(ltu))],
  ['zz 111000 AR1 mmmmm 1 000 00 nnnnn ddddd', 'swp',    atomic((_old, operand) => operand)],
];
