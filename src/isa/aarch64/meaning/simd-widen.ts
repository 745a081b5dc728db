import { constant } from '../../expressions.js';
import type { Expression } from '../../meaning.js';
import { vector } from '../../vectors.js';
import type { Draft } from './draft.js';
import type { Form, Row } from './row.js';
import { isWhole, lanesOf, setVector } from './simd.js';

/** Advanced SIMD from narrow elements to wide ones; U, bit 29, says without sign, and Q the upper half of what is narrow. */

const signOf = (d: Draft): string => (d.isSet(29) ? 'u' : 's');

/** Half of a vector's elements, twice as wide. */
const widened = (d: Draft, number: number, size: number): Expression =>
  vector(
    `${lanesOf(size + 1)}.extend_${isWhole(d) ? 'high' : 'low'}_${lanesOf(size)}_${signOf(d)}`,
    d.vector(number),
  );

type Combine = (wide: string, n: Expression, m: Expression, d: Expression) => Expression;

/** Vn and Vm; `wide`: Vn is wide already. */
const long =
  (combine: Combine, wide = false): Form =>
  (d) => {
    const size = d.bits(23, 22);
    if (size === 3) return d.reserve();
    const n = wide ? d.vector(d.rn) : widened(d, d.rn, size);
    d.setVector(d.rd, combine(lanesOf(size + 1), n, widened(d, d.rm, size), d.vector(d.rd)));
  };

const sum: Combine = (wide, n, m) => vector(`${wide}.add`, n, m);
const difference: Combine = (wide, n, m) => vector(`${wide}.sub`, n, m);
const product: Combine = (wide, n, m) => vector(`${wide}.mul`, n, m);
const plus: Combine = (wide, n, m, d) => vector(`${wide}.add`, d, product(wide, n, m, d));
const minus: Combine = (wide, n, m, d) => vector(`${wide}.sub`, d, product(wide, n, m, d));

/** sshll, ushll, by immh:immb; shll by the width. */
function shiftLong(d: Draft, size: number, by: number): void {
  d.setVector(d.rd, vector(`${lanesOf(size + 1)}.shl`, widened(d, d.rn, size), constant(32, by)));
}

const shiftByImmediate: Form = (d) => {
  const size = 31 - Math.clz32(d.bits(22, 19));
  if (size === 3) return d.reserve();
  shiftLong(d, size, d.bits(22, 16) - (8 << size));
};

const shiftByWidth: Form = (d) => {
  const size = d.bits(23, 22);
  if (size === 3) return d.reserve();
  shiftLong(d, size, 8 << size);
};

/** mul, mla, mls of elements as they are; WebAssembly multiplies no bytes. */
const multiply =
  (combine: Combine): Form =>
  (d) => {
    const size = d.bits(23, 22);
    if (size === 3) return d.reserve();
    if (size === 0) return d.helper('vector', constant(64, d.word));
    setVector(d, combine(lanesOf(size), d.vector(d.rn), d.vector(d.rm), d.vector(d.rd)));
  };

const different = (opcode: string, name: string, form: Form): Row[] =>
  ['0', '1'].map((u) => [`0Q${u} 01110 zz 1 mmmmm ${opcode} 00 nnnnn ddddd`, name, form]);

// biome-ignore format: a table
export const SIMD_WIDEN: readonly Row[] = [
  ...different('0000', 'saddl', long(sum)),
  ...different('0001', 'saddw', long(sum, true)),
  ...different('0010', 'ssubl', long(difference)),
  ...different('0011', 'ssubw', long(difference, true)),
  ...different('1000', 'smlal', long(plus)),
  ...different('1010', 'smlsl', long(minus)),
  ...different('1100', 'smull', long(product)),
  ...['01ii', '001i', '0001'].flatMap((immh): Row[] =>
    ['0', '1'].map((u) => [`0Q${u} 011110 ${immh} iii 10100 1 nnnnn ddddd`, 'sshll', shiftByImmediate])),
  ['0Q1 01110 zz 10000 10011 10 nnnnn ddddd',  'shll', shiftByWidth],
  ['0Q0 01110 zz 1 mmmmm 10010 1 nnnnn ddddd', 'mla',  multiply(plus)],
  ['0Q1 01110 zz 1 mmmmm 10010 1 nnnnn ddddd', 'mls',  multiply(minus)],
  ['0Q0 01110 zz 1 mmmmm 10011 1 nnnnn ddddd', 'mul',  multiply(product)],
];
