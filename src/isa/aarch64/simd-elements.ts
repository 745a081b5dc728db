import type { Draft } from './draft.js';
import { operands, type Special, touchVector } from './simd-operands.js';
import type { Form, Row } from './table.js';

/** Advanced SIMD by an element of the second vector: Arm ARM C4.1.96 (vector x indexed element, scalar x indexed element). */

/** Half words: index H:L:M and a register of four bits; words: H:L; double words: H, where L is 0. */
const element = (d: Draft, letter: 'h' | 's' | 'd'): { register: number; index: number } | undefined => {
  const [high, low, middle] = [d.bits(11, 11), d.bits(21, 21), d.bits(20, 20)];
  if (letter === 'h') return { register: d.rm & 15, index: high * 4 + low * 2 + middle };
  if (letter === 's') return { register: d.rm, index: high * 2 + low };
  return low === 1 ? undefined : { register: d.rm, index: high };
};
const elementOf =
  (letterOf: (d: Draft) => 'h' | 's' | 'd'): Special =>
  (d, outcome) => {
    const letter = letterOf(d);
    const found = element(d, letter);
    if (!found) return undefined;
    touchVector(d, outcome, found.register, 'm', false);
    return `v${found.register}.${letter}[${found.index}]`;
  };
const specials: Readonly<Record<string, Special>> = {
  ':i': elementOf((d) => (d.bits(23, 22) === 1 ? 'h' : 's')),
  ':h': elementOf(() => 'h'),
  ':f': elementOf((d) => (d.bits(22, 22) ? 'd' : 's')),
};
const form = (codes: string, sizes = 'bhsd'): Form => operands(codes, sizes, specials);
const four = (value: number): string => value.toString(2).padStart(4, '0');

/** opcode -> names for U = 0, 1; operands of the vectors, and of the scalars where they exist. */
const INTEGER: readonly (readonly [opcode: number, names: string, vectors: string, scalars?: string])[] = [
  [0, '- mla', '+Vd.T Vn.T :i'],
  [4, '- mls', '+Vd.T Vn.T :i'],
  [8, 'mul -', 'Vd.T Vn.T :i'],
  [2, 'smlal{2} umlal{2}', '+Vd.W Vn.T :i'],
  [6, 'smlsl{2} umlsl{2}', '+Vd.W Vn.T :i'],
  [10, 'smull{2} umull{2}', 'Vd.W Vn.T :i'],
  [3, 'sqdmlal{2} -', '+Vd.W Vn.T :i', '+Yd Zn :i'],
  [7, 'sqdmlsl{2} -', '+Vd.W Vn.T :i', '+Yd Zn :i'],
  [11, 'sqdmull{2} -', 'Vd.W Vn.T :i', 'Yd Zn :i'],
  [12, 'sqdmulh -', 'Vd.T Vn.T :i', 'Zd Zn :i'],
  [13, 'sqrdmulh sqrdmlah', 'Vd.T Vn.T :i', 'Zd Zn :i'],
  [15, '- sqrdmlsh', '+Vd.T Vn.T :i', '+Zd Zn :i'],
];
const FLOATING: readonly (readonly [opcode: number, u: 0 | 1, name: string, plus: '' | '+'])[] = [
  [1, 0, 'fmla', '+'],
  [5, 0, 'fmls', '+'],
  [9, 0, 'fmul', ''],
  [9, 1, 'fmulx', ''],
];

const integer: Row[] = INTEGER.flatMap(([opcode, names, vectors, scalars]) =>
  names.split(' ').flatMap((name, u): Row[] => {
    if (name === '-') return [];
    const tail = `zz L mmmmm ${four(opcode)} H 0 nnnnn ddddd`;
    // sqrdmlah accumulates; sqrdmulh, of the same opcode, does not.
    const plus = name === 'sqrdmlah' ? '+' : '';
    const row: Row = [`0Q${u} 01111 ${tail}`, name, form(plus + vectors, 'hs')];
    if (!scalars) return [row];
    return [row, [`01${u} 11111 ${tail}`, name.replace('{2}', ''), form(plus + scalars, 'hs')]];
  }),
);

const floating: Row[] = FLOATING.flatMap(([opcode, u, name, plus]): Row[] => {
  const tail = `L mmmmm ${four(opcode)} H 0 nnnnn ddddd`;
  return [
    [`0Q${u} 01111 1z ${tail}`, name, form(`${plus}Vd.F Vn.F :f`)],
    [`0Q${u} 01111 00 ${tail}`, name, form(`${plus}Vd.H Vn.H :h`)],
    [`01${u} 11111 1z ${tail}`, name, form(`${plus}Ed En :f`)],
    [`01${u} 11111 00 ${tail}`, name, form(`${plus}Hd Hn :h`)],
  ];
});

export const SIMD_ELEMENTS: readonly Row[] = [...integer, ...floating];
