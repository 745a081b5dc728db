import type { Draft } from './draft.js';
import { immhSize, operands, type Special } from './simd-operands.js';
import type { Form, Row } from './table.js';

/** Advanced SIMD shifts by an immediate, and operations on vectors of two widths: Arm ARM C4.1.96. */

/** immh:immb, bits 22..16, counts up from the element's size for shifts to the left, down from twice it to the right. */
const elementBits = (d: Draft): number => 8 << immhSize(d);
const left = (d: Draft): number => d.bits(22, 16) - elementBits(d);
const right = (d: Draft): number => 2 * elementBits(d) - d.bits(22, 16);
const specials: Readonly<Record<string, Special>> = {
  ':left': (d) => `#${left(d)}`,
  ':right': (d) => `#${right(d)}`,
};

/** `sizes`: letters of the element sizes that immh may choose; none is the space of the immediate moves. */
const shift = (codes: string, sizes: string): Form => {
  const form = operands(codes, 'bhsd', specials);
  return (d, name) => d.bits(22, 19) !== 0 && sizes.includes('bhsd'[immhSize(d)]!) && form(d, name);
};

/** sshll, ushll by nothing are called sxtl, uxtl. */
const lengthen = (alias: string): Form => {
  const [long, extend] = [shift('Vd.K Vn.I :left', 'bhs'), shift('Vd.K Vn.I', 'bhs')];
  return (d, name) => (d.bits(22, 19) !== 0 && left(d) === 0 ? extend(d, alias) : long(d, name));
};

const five = (value: number): string => value.toString(2).padStart(5, '0');
const four = (value: number): string => value.toString(2).padStart(4, '0');

/** opcode -> names for U = 0, 1; operands of the vectors; sizes of the scalars ('' for none) and their operands. */
type Shift = readonly [
  opcode: number,
  names: string,
  vectors: string,
  sizes: string,
  scalars?: string,
  only?: string,
];
const SHIFTS: readonly Shift[] = [
  [0, 'sshr ushr', 'Vd.I Vn.I :right', 'bhsd', 'Id In :right', 'd'],
  [2, 'ssra usra', '+Vd.I Vn.I :right', 'bhsd', '+Id In :right', 'd'],
  [4, 'srshr urshr', 'Vd.I Vn.I :right', 'bhsd', 'Id In :right', 'd'],
  [6, 'srsra ursra', '+Vd.I Vn.I :right', 'bhsd', '+Id In :right', 'd'],
  [8, '- sri', '+Vd.I Vn.I :right', 'bhsd', '+Id In :right', 'd'],
  [10, 'shl -', 'Vd.I Vn.I :left', 'bhsd', 'Id In :left', 'd'],
  [10, '- sli', '+Vd.I Vn.I :left', 'bhsd', '+Id In :left', 'd'],
  [12, '- sqshlu', 'Vd.I Vn.I :left', 'bhsd', 'Id In :left', 'bhsd'],
  [14, 'sqshl uqshl', 'Vd.I Vn.I :left', 'bhsd', 'Id In :left', 'bhsd'],
  [16, 'shrn{2} -', 'Vd.I Vn.K :right', 'bhs'],
  [16, '- sqshrun{2}', 'Vd.I Vn.K :right', 'bhs', 'Id Jn :right', 'bhs'],
  [17, 'rshrn{2} -', 'Vd.I Vn.K :right', 'bhs'],
  [17, '- sqrshrun{2}', 'Vd.I Vn.K :right', 'bhs', 'Id Jn :right', 'bhs'],
  [18, 'sqshrn{2} uqshrn{2}', 'Vd.I Vn.K :right', 'bhs', 'Id Jn :right', 'bhs'],
  [19, 'sqrshrn{2} uqrshrn{2}', 'Vd.I Vn.K :right', 'bhs', 'Id Jn :right', 'bhs'],
  [28, 'scvtf ucvtf', 'Vd.I Vn.I :right', 'hsd', 'Id In :right', 'hsd'],
  [31, 'fcvtzs fcvtzu', 'Vd.I Vn.I :right', 'hsd', 'Id In :right', 'hsd'],
];

const shifts: Row[] = SHIFTS.flatMap(([opcode, names, vectors, sizes, scalars, only]) =>
  names.split(' ').flatMap((name, u): Row[] => {
    if (name === '-') return [];
    const tail = `iiii iii ${five(opcode)} 1 nnnnn ddddd`;
    const row: Row = [`0Q${u} 011110 ${tail}`, name, shift(vectors, sizes)];
    if (!scalars) return [row];
    return [row, [`01${u} 111110 ${tail}`, name.replace('{2}', ''), shift(scalars, only ?? '')]];
  }),
);

/** Three registers of two widths: opcode, bits 15..12 -> names for U = 0, 1, operands, sizes. */
const DIFFERENT: readonly (readonly [opcode: number, names: string, codes: string, sizes: string])[] = [
  [0, 'saddl{2} uaddl{2}', 'Vd.W Vn.T Vm.T', 'bhs'],
  [1, 'saddw{2} uaddw{2}', 'Vd.W Vn.W Vm.T', 'bhs'],
  [2, 'ssubl{2} usubl{2}', 'Vd.W Vn.T Vm.T', 'bhs'],
  [3, 'ssubw{2} usubw{2}', 'Vd.W Vn.W Vm.T', 'bhs'],
  [4, 'addhn{2} raddhn{2}', 'Vd.T Vn.W Vm.W', 'bhs'],
  [5, 'sabal{2} uabal{2}', '+Vd.W Vn.T Vm.T', 'bhs'],
  [6, 'subhn{2} rsubhn{2}', 'Vd.T Vn.W Vm.W', 'bhs'],
  [7, 'sabdl{2} uabdl{2}', 'Vd.W Vn.T Vm.T', 'bhs'],
  [8, 'smlal{2} umlal{2}', '+Vd.W Vn.T Vm.T', 'bhs'],
  [9, 'sqdmlal{2} -', '+Vd.W Vn.T Vm.T', 'hs'],
  [10, 'smlsl{2} umlsl{2}', '+Vd.W Vn.T Vm.T', 'bhs'],
  [11, 'sqdmlsl{2} -', '+Vd.W Vn.T Vm.T', 'hs'],
  [12, 'smull{2} umull{2}', 'Vd.W Vn.T Vm.T', 'bhs'],
  [13, 'sqdmull{2} -', 'Vd.W Vn.T Vm.T', 'hs'],
  [14, 'pmull{2} -', 'Vd.W Vn.T Vm.T', 'b'],
];

const different: Row[] = DIFFERENT.flatMap(([opcode, names, codes, sizes]) =>
  names
    .split(' ')
    .flatMap((name, u): Row[] =>
      name === '-'
        ? []
        : [[`0Q${u} 01110 zz 1 mmmmm ${four(opcode)} 00 nnnnn ddddd`, name, operands(codes, sizes)]],
    ),
);

// biome-ignore format: a table
export const SIMD_SHIFTS: readonly Row[] = [
  ...shifts,
  ['0Q0 011110 iiii iii 10100 1 nnnnn ddddd', 'sshll{2}', lengthen('sxtl{2}')],
  ['0Q1 011110 iiii iii 10100 1 nnnnn ddddd', 'ushll{2}', lengthen('uxtl{2}')],
  ...different,
];
