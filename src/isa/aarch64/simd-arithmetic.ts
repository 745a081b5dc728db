import type { Draft } from './draft.js';
import { operands } from './simd-operands.js';
import type { Form, Row } from './table.js';

/** Advanced SIMD on two and three registers, vectors and scalars: Arm ARM C4.1.96. */

const bits = (value: number, width: number): string => value.toString(2).padStart(width, '0');

/** The first operands read their destination too where the name says that it accumulates or inserts. */
const same = operands('Vd.T Vn.T Vm.T');
const three = (sizes: string): Form => operands('Vd.T Vn.T Vm.T', sizes);
const accumulate = (sizes: string): Form => operands('+Vd.T Vn.T Vm.T', sizes);
const scalar = (sizes: string): Form => operands('Zd Zn Zm', sizes);

/** mov is what orr of a register with itself is called. */
const orr: Form = (d: Draft, name: string) =>
  d.rn === d.rm ? operands('Vd.B Vn.B')(d, 'mov') : operands('Vd.B Vn.B Vm.B')(d, name);

/** opcode -> U=0 and U=1 names, vector form, scalar sizes ('' for none); bits 15..11. */
const INTEGER: readonly (readonly [opcode: number, names: string, form: Form, scalars: string])[] = [
  [0, 'shadd uhadd', three('bhs'), ''],
  [1, 'sqadd uqadd', same, 'bhsd'],
  [2, 'srhadd urhadd', three('bhs'), ''],
  [4, 'shsub uhsub', three('bhs'), ''],
  [5, 'sqsub uqsub', same, 'bhsd'],
  [6, 'cmgt cmhi', same, 'd'],
  [7, 'cmge cmhs', same, 'd'],
  [8, 'sshl ushl', same, 'd'],
  [9, 'sqshl uqshl', same, 'bhsd'],
  [10, 'srshl urshl', same, 'd'],
  [11, 'sqrshl uqrshl', same, 'bhsd'],
  [12, 'smax umax', three('bhs'), ''],
  [13, 'smin umin', three('bhs'), ''],
  [14, 'sabd uabd', three('bhs'), ''],
  [15, 'saba uaba', accumulate('bhs'), ''],
  [16, 'add sub', same, 'd'],
  [17, 'cmtst cmeq', same, 'd'],
  [18, 'mla mls', accumulate('bhs'), ''],
  [19, 'mul -', three('bhs'), ''],
  [19, '- pmul', three('b'), ''],
  [20, 'smaxp umaxp', three('bhs'), ''],
  [21, 'sminp uminp', three('bhs'), ''],
  [22, 'sqdmulh sqrdmulh', three('hs'), 'hs'],
  [23, 'addp -', same, ''],
];

/** Low three bits of the opcode -> names for U:a = 00 01 10 11; `*` after a name: a scalar form exists. */
const FLOATING: readonly (readonly [opcode: number, names: string])[] = [
  [0, 'fmaxnm fminnm fmaxnmp fminnmp'],
  [1, 'fmla fmls - -'],
  [2, 'fadd fsub faddp fabd*'],
  [3, 'fmulx* - fmul -'],
  [4, 'fcmeq* - fcmge* fcmgt*'],
  [5, '- - facge* facgt*'],
  [6, 'fmax fmin fmaxp fminp'],
  [7, 'frecps* frsqrts* fdiv -'],
];

const threeSame: Row[] = INTEGER.flatMap(([opcode, names, form, scalars]) =>
  names.split(' ').flatMap((name, u): Row[] => {
    if (name === '-') return [];
    const tail = `1 mmmmm ${bits(opcode, 5)} 1 nnnnn ddddd`;
    const vectors: Row = [`0Q${u} 01110 zz ${tail}`, name, form];
    return scalars ? [vectors, [`01${u} 11110 zz ${tail}`, name, scalar(scalars)]] : [vectors];
  }),
);

const threeSameFloating: Row[] = FLOATING.flatMap(([opcode, names]) =>
  names.split(' ').flatMap((full, index): Row[] => {
    if (full === '-') return [];
    const name = full.replace('*', '');
    const [u, a] = [index >> 1, index & 1];
    const plus = opcode === 1 ? '+' : '';
    const tail = `mmmmm 11${bits(opcode, 3)} 1 nnnnn ddddd`;
    const half = `mmmmm 00${bits(opcode, 3)} 1 nnnnn ddddd`;
    const vectors: Row[] = [
      [`0Q${u} 01110 ${a}z 1 ${tail}`, name, operands(`${plus}Vd.F Vn.F Vm.F`)],
      [`0Q${u} 01110 ${a}1 0 ${half}`, name, operands(`${plus}Vd.H Vn.H Vm.H`)],
    ];
    if (full === name) return vectors;
    return [
      ...vectors,
      [`01${u} 11110 ${a}z 1 ${tail}`, name, operands('Ed En Em')],
      [`01${u} 11110 ${a}1 0 ${half}`, name, operands('Hd Hn Hm')],
    ];
  }),
);

/** opcode -> U=0 and U=1 names, operands of the vector form, sizes, operands and sizes of the scalar form. */
type Misc = readonly [
  opcode: number,
  names: string,
  vectors: string,
  sizes: string,
  scalars?: string,
  only?: string,
];
const MISCELLANEOUS: readonly Misc[] = [
  [0, 'rev64 -', 'Vd.T Vn.T', 'bhs'],
  [0, '- rev32', 'Vd.T Vn.T', 'bh'],
  [1, 'rev16 -', 'Vd.T Vn.T', 'b'],
  [2, 'saddlp uaddlp', 'Vd.P Vn.T', 'bhs'],
  [3, 'suqadd usqadd', '+Vd.T Vn.T', 'bhsd', '+Zd Zn', 'bhsd'],
  [4, 'cls clz', 'Vd.T Vn.T', 'bhs'],
  [5, 'cnt mvn', 'Vd.B Vn.B', 'b'],
  [5, '- rbit', 'Vd.B Vn.B', 'h'],
  [6, 'sadalp uadalp', '+Vd.P Vn.T', 'bhs'],
  [7, 'sqabs sqneg', 'Vd.T Vn.T', 'bhsd', 'Zd Zn', 'bhsd'],
  [8, 'cmgt cmge', 'Vd.T Vn.T #0', 'bhsd', 'Zd Zn #0', 'd'],
  [9, 'cmeq cmle', 'Vd.T Vn.T #0', 'bhsd', 'Zd Zn #0', 'd'],
  [10, 'cmlt -', 'Vd.T Vn.T #0', 'bhsd', 'Zd Zn #0', 'd'],
  [11, 'abs neg', 'Vd.T Vn.T', 'bhsd', 'Zd Zn', 'd'],
  [18, 'xtn{2} -', 'Vd.T Vn.W', 'bhs'],
  [18, '- sqxtun{2}', 'Vd.T Vn.W', 'bhs', 'Zd Yn', 'bhs'],
  [20, 'sqxtn{2} uqxtn{2}', 'Vd.T Vn.W', 'bhs', 'Zd Yn', 'bhs'],
];

const miscellaneous: Row[] = MISCELLANEOUS.flatMap(([opcode, names, vectors, sizes, scalars, only]) =>
  names.split(' ').flatMap((name, u): Row[] => {
    if (name === '-') return [];
    const tail = `zz 10000 ${bits(opcode, 5)} 10 nnnnn ddddd`;
    const row: Row = [`0Q${u} 01110 ${tail}`, name, operands(vectors, sizes)];
    if (!scalars) return [row];
    return [row, [`01${u} 11110 ${tail}`, name.replace('{2}', ''), operands(scalars, only)]];
  }),
);

/** opcode -> names for U:a = 00 01 10 11, what follows the two registers; `*`: a scalar form exists. */
const FLOATING_MISC: readonly (readonly [opcode: number, names: string, tail?: string])[] = [
  [12, '- fcmgt* - fcmge*', ' #0.0'],
  [13, '- fcmeq* - fcmle*', ' #0.0'],
  [14, '- fcmlt* - -', ' #0.0'],
  [15, '- fabs - fneg'],
  [24, 'frintn frintp frinta -'],
  [25, 'frintm frintz frintx frinti'],
  [26, 'fcvtns* fcvtps* fcvtnu* fcvtpu*'],
  [27, 'fcvtms* fcvtzs* fcvtmu* fcvtzu*'],
  [28, 'fcvtas* - fcvtau* -'],
  [29, 'scvtf* frecpe* ucvtf* frsqrte*'],
  [31, '- - - fsqrt'],
];

const floatingMiscellaneous: Row[] = FLOATING_MISC.flatMap(([opcode, names, tail = '']) =>
  names.split(' ').flatMap((full, index): Row[] => {
    if (full === '-') return [];
    const name = full.replace('*', '');
    const [u, a, end] = [index >> 1, index & 1, `${bits(opcode, 5)} 10 nnnnn ddddd`];
    const vectors: Row[] = [
      [`0Q${u} 01110 ${a}z 10000 ${end}`, name, operands(`Vd.F Vn.F${tail}`)],
      [`0Q${u} 01110 ${a} 111100 ${end}`, name, operands(`Vd.H Vn.H${tail}`)],
    ];
    if (full === name) return vectors;
    return [
      ...vectors,
      [`01${u} 11110 ${a}z 10000 ${end}`, name, operands(`Ed En${tail}`)],
      [`01${u} 11110 ${a} 111100 ${end}`, name, operands(`Hd Hn${tail}`)],
    ];
  }),
);

// biome-ignore format: a table
export const SIMD_ARITHMETIC: readonly Row[] = [
  ['0Q0 01110 001 mmmmm 00011 1 nnnnn ddddd', 'and', operands('Vd.B Vn.B Vm.B')],
  ['0Q0 01110 011 mmmmm 00011 1 nnnnn ddddd', 'bic', operands('Vd.B Vn.B Vm.B')],
  ['0Q0 01110 101 mmmmm 00011 1 nnnnn ddddd', 'orr', orr],
  ['0Q0 01110 111 mmmmm 00011 1 nnnnn ddddd', 'orn', operands('Vd.B Vn.B Vm.B')],
  ['0Q1 01110 001 mmmmm 00011 1 nnnnn ddddd', 'eor', operands('Vd.B Vn.B Vm.B')],
  ['0Q1 01110 011 mmmmm 00011 1 nnnnn ddddd', 'bsl', operands('+Vd.B Vn.B Vm.B')],
  ['0Q1 01110 101 mmmmm 00011 1 nnnnn ddddd', 'bit', operands('+Vd.B Vn.B Vm.B')],
  ['0Q1 01110 111 mmmmm 00011 1 nnnnn ddddd', 'bif', operands('+Vd.B Vn.B Vm.B')],
  ...threeSame,
  ...threeSameFloating,
  ...miscellaneous,
  ...floatingMiscellaneous,
  ['0Q1 01110 00 10000 10011 10 nnnnn ddddd', 'shll{2}',   operands('Vd.W Vn.T #8')],
  ['0Q1 01110 01 10000 10011 10 nnnnn ddddd', 'shll{2}',   operands('Vd.W Vn.T #16')],
  ['0Q1 01110 10 10000 10011 10 nnnnn ddddd', 'shll{2}',   operands('Vd.W Vn.T #32')],
  ['0Q0 01110 0z 10000 10110 10 nnnnn ddddd', 'fcvtn{2}',  operands('Vd.G Vn.L')],
  ['0Q0 01110 0z 10000 10111 10 nnnnn ddddd', 'fcvtl{2}',  operands('Vd.L Vn.G')],
  ['0Q0 01110 10 10000 10110 10 nnnnn ddddd', 'bfcvtn{2}', operands('Vd.H Vn.4s')],
  ['0Q1 01110 01 10000 10110 10 nnnnn ddddd', 'fcvtxn{2}', operands('Vd.G Vn.L')],
  ['011 11110 01 10000 10110 10 nnnnn ddddd', 'fcvtxn',    operands('Sd Dn')],
  ['0Q0 01110 0z 10000 11110 10 nnnnn ddddd', 'frint32z',  operands('Vd.F Vn.F')],
  ['0Q1 01110 0z 10000 11110 10 nnnnn ddddd', 'frint32x',  operands('Vd.F Vn.F')],
  ['0Q0 01110 0z 10000 11111 10 nnnnn ddddd', 'frint64z',  operands('Vd.F Vn.F')],
  ['0Q1 01110 0z 10000 11111 10 nnnnn ddddd', 'frint64x',  operands('Vd.F Vn.F')],
  ['0Q0 01110 10 10000 11100 10 nnnnn ddddd', 'urecpe',    operands('Vd.C Vn.C')],
  ['0Q1 01110 10 10000 11100 10 nnnnn ddddd', 'ursqrte',   operands('Vd.C Vn.C')],
  ['010 11110 1z 10000 11111 10 nnnnn ddddd', 'frecpx',    operands('Ed En')],
  ['010 11110 1 111100 11111 10 nnnnn ddddd', 'frecpx',    operands('Hd Hn')],
];
