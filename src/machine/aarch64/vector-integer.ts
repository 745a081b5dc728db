import { type Execute, type Execution, join, split, type VectorRow } from './execution.js';
import {
  abs,
  across,
  addPairs,
  asSigned,
  BHSD,
  byElement,
  D,
  doubled,
  doubledHigh,
  doubledInto,
  HS,
  highNarrow,
  isUnsigned,
  lanes,
  lengthOf,
  long,
  lookUp,
  narrowing,
  ones,
  polynomial,
  rounded,
  SCALAR_SHIFTS,
  saturate,
  shiftBy,
  shiftLanes,
  shiftNarrowing,
  truth,
  turnBits,
} from './integer-forms.js';

/**
 * Integers lane by lane, but for what WebAssembly has an instruction for (isa/aarch64/meaning/simd-lanes.ts): Arm ARM C4.1.96, Advanced
 * SIMD.
 */

/** As vector and as scalar forms. */
const both = (bits: string, name: string, execute: Execute): VectorRow[] => [
  [bits.replace('@', '0Q').replace('#', '0'), name, execute],
  [bits.replace('@', '01').replace('#', '1'), name, execute],
];
/** With and without sign. */
const signs = (rows: (u: string) => VectorRow[]): VectorRow[] => ['0', '1'].flatMap(rows);
const same = (tail: string, name: string, execute: Execute): VectorRow[] =>
  signs((u) => [[`0Q${u} 01110 zz 1 mmmmm ${tail} 1 nnnnn ddddd`, name, execute]]);
const sameBoth = (tail: string, name: string, execute: Execute): VectorRow[] =>
  signs((u) => both(`@${u} #1110 zz 1 mmmmm ${tail} 1 nnnnn ddddd`, name, execute));
const different = (tail: string, name: string, execute: Execute): VectorRow[] =>
  signs((u) => [[`0Q${u} 01110 zz 1 mmmmm ${tail} 00 nnnnn ddddd`, name, execute]]);
const shifts = (u: string, tail: string, name: string, execute: Execute): VectorRow[] =>
  SCALAR_SHIFTS.flatMap((immh) => both(`@${u} #11110 ${immh} iii ${tail} 1 nnnnn ddddd`, name, execute));
const vectorShifts = (u: string, tail: string, name: string, execute: Execute): VectorRow[] =>
  SCALAR_SHIFTS.map((immh) => [`0Q${u} 011110 ${immh} iii ${tail} 1 nnnnn ddddd`, name, execute]);
const scalarShifts = (u: string, tail: string, name: string, execute: Execute): VectorRow[] =>
  SCALAR_SHIFTS.map((immh) => [`01${u} 111110 ${immh} iii ${tail} 1 nnnnn ddddd`, name, execute]);

const isSignedForm = (x: Execution): boolean => !isUnsigned(x);
const always = (): boolean => true;

// biome-ignore format: a table
export const VECTOR_INTEGER: readonly VectorRow[] = [
  ...same('00000', 'shadd',  lanes((_x, _w, a, b) => (a + b) >> 1n)),
  ...same('00010', 'srhadd', lanes((_x, _w, a, b) => (a + b + 1n) >> 1n)),
  ...same('00100', 'shsub',  lanes((_x, _w, a, b) => (a - b) >> 1n)),
  ...same('01110', 'sabd',   lanes((_x, _w, a, b) => abs(a - b))),
  ...same('01111', 'saba',   lanes((_x, _w, a, b, d) => d + abs(a - b))),
  ...sameBoth('00001', 'sqadd',  lanes((x, w, a, b) => saturate(x, w, a + b), BHSD, BHSD)),
  ...sameBoth('00101', 'sqsub',  lanes((x, w, a, b) => saturate(x, w, a - b), BHSD, BHSD)),
  ...sameBoth('01000', 'sshl',   lanes(shiftBy(false, false), BHSD, D)),
  ...sameBoth('01001', 'sqshl',  lanes(shiftBy(false, true), BHSD, BHSD)),
  ...sameBoth('01010', 'srshl',  lanes(shiftBy(true, false), BHSD, D)),
  ...sameBoth('01011', 'sqrshl', lanes(shiftBy(true, true), BHSD, BHSD)),
  ['0Q0 01110 00 1 mmmmm 10010 1 nnnnn ddddd', 'mla',  lanes((_x, _w, a, b, d) => d + a * b)],
  ['0Q1 01110 00 1 mmmmm 10010 1 nnnnn ddddd', 'mls',  lanes((_x, _w, a, b, d) => d - a * b)],
  ['0Q0 01110 00 1 mmmmm 10011 1 nnnnn ddddd', 'mul',  lanes((_x, _w, a, b) => a * b)],
  ['0Q1 01110 zz 1 mmmmm 10011 1 nnnnn ddddd', 'pmul', lanes((_x, _w, a, b) => polynomial(a, b), 1)],
  ...both('@0 #1110 zz 1 mmmmm 10110 1 nnnnn ddddd', 'sqdmulh',  lanes(doubledHigh(false), HS, HS)),
  ...both('@1 #1110 zz 1 mmmmm 10110 1 nnnnn ddddd', 'sqrdmulh', lanes(doubledHigh(true), HS, HS)),
  ['010 11110 zz 1 mmmmm 10000 1 nnnnn ddddd', 'add',   lanes((_x, _w, a, b) => a + b, 0, D)],
  ['011 11110 zz 1 mmmmm 10000 1 nnnnn ddddd', 'sub',   lanes((_x, _w, a, b) => a - b, 0, D)],
  ['010 11110 zz 1 mmmmm 10001 1 nnnnn ddddd', 'cmtst', lanes((_x, _w, a, b) => truth((a & b) !== 0n), 0, D)],
  ['011 11110 zz 1 mmmmm 10001 1 nnnnn ddddd', 'cmeq',  lanes((_x, _w, a, b) => truth(a === b), 0, D)],
  ...signs((u) => [
    [`01${u} 11110 zz 1 mmmmm 00110 1 nnnnn ddddd`, 'cmgt', lanes((_x, _w, a, b) => truth(a > b), 0, D)],
    [`01${u} 11110 zz 1 mmmmm 00111 1 nnnnn ddddd`, 'cmge', lanes((_x, _w, a, b) => truth(a >= b), 0, D)],
  ]),
  ['010 11110 zz 10000 01000 10 nnnnn ddddd', 'cmgt', lanes((_x, w, a) => truth(BigInt.asIntN(w, a) > 0n), 0, D)],
  ['011 11110 zz 10000 01000 10 nnnnn ddddd', 'cmge', lanes((_x, w, a) => truth(BigInt.asIntN(w, a) >= 0n), 0, D)],
  ['010 11110 zz 10000 01001 10 nnnnn ddddd', 'cmeq', lanes((_x, _w, a) => truth(a === 0n), 0, D)],
  ['011 11110 zz 10000 01001 10 nnnnn ddddd', 'cmle', lanes((_x, w, a) => truth(BigInt.asIntN(w, a) <= 0n), 0, D)],
  ['010 11110 zz 10000 01010 10 nnnnn ddddd', 'cmlt', lanes((_x, w, a) => truth(BigInt.asIntN(w, a) < 0n), 0, D)],
  ...different('0100', 'addhn', highNarrow((a, b) => a + b)),
  ...different('0110', 'subhn', highNarrow((a, b) => a - b)),
  ...different('0101', 'sabal', long((_x, _w, a, b, d) => d + abs(a - b))),
  ...different('0111', 'sabdl', long((_x, _w, a, b) => abs(a - b))),
  ...both('@0 #1110 zz 1 mmmmm 1001 00 nnnnn ddddd', 'sqdmlal', long(doubledInto(1n), HS, false, HS)),
  ...both('@0 #1110 zz 1 mmmmm 1011 00 nnnnn ddddd', 'sqdmlsl', long(doubledInto(-1n), HS, false, HS)),
  ...both('@0 #1110 zz 1 mmmmm 1101 00 nnnnn ddddd', 'sqdmull', long(doubled, HS, false, HS)),
  ['0Q0 01110 00 1 mmmmm 1110 00 nnnnn ddddd', 'pmull', long((_x, _w, a, b) => polynomial(BigInt.asUintN(8, a), BigInt.asUintN(8, b)), 1)],
  ...signs((u) => [
    [`0Q${u} 01110 zz 10000 00010 10 nnnnn ddddd`, 'saddlp', addPairs(false)],
    [`0Q${u} 01110 zz 10000 00110 10 nnnnn ddddd`, 'sadalp', addPairs(true)],
    ...both(`@${u} #1110 zz 10000 10100 10 nnnnn ddddd`, 'sqxtn', narrowing((x, w, a) => saturate(x, w, asSigned(x, 2 * w, a)))),
    [`0Q${u} 01110 zz 11000 00011 10 nnnnn ddddd`, 'saddlv', across((a, b) => a + b, true)],
    [`0Q${u} 01110 zz 11000 01010 10 nnnnn ddddd`, 'smaxv', across((a, b) => (a - b > 0n ? a : b))],
    [`0Q${u} 01110 zz 11000 11010 10 nnnnn ddddd`, 'sminv', across((a, b) => (a - b < 0n ? a : b))],
  ]),
  ['0Q0 01110 zz 11000 11011 10 nnnnn ddddd', 'addv', across((a, b) => a + b)],
  ['010 11110 11 11000 11011 10 nnnnn ddddd', 'addp', (x) => {
    x.setVector(x.rd, BigInt.asUintN(64, x.vector(x.rn) + (x.vector(x.rn) >> 64n)));
    return undefined;
  }],
  ...both('@0 #1110 zz 10000 00011 10 nnnnn ddddd', 'suqadd', lanes((x, w, a, _b, d) => saturate(x, w, BigInt.asIntN(w, d) + BigInt.asUintN(w, a), false), BHSD, BHSD)),
  ...both('@1 #1110 zz 10000 00011 10 nnnnn ddddd', 'usqadd', lanes((x, w, a, _b, d) => saturate(x, w, d + BigInt.asIntN(w, a), true), BHSD, BHSD)),
  ['0Q0 01110 zz 10000 00100 10 nnnnn ddddd', 'cls', lanes((_x, w, a) => BigInt(w - 1 - lengthOf(a < 0n ? ~a : a)))],
  ['0Q1 01110 zz 10000 00100 10 nnnnn ddddd', 'clz', lanes((_x, w, a) => BigInt(w - lengthOf(a)))],
  ['0Q1 01110 01 10000 00101 10 nnnnn ddddd', 'rbit', (x) => {
    const bytes = split(x.vector(x.rn), 8, x.length / 8);
    x.setVector(x.rd, join(bytes.map((a) => turnBits(x, 8, a, 0n, 0n)), 8));
    return undefined;
  }],
  ...both('@0 #1110 zz 10000 00111 10 nnnnn ddddd', 'sqabs', lanes((x, w, a) => saturate(x, w, abs(a)), BHSD, BHSD)),
  ...both('@1 #1110 zz 10000 00111 10 nnnnn ddddd', 'sqneg', lanes((x, w, a) => saturate(x, w, -BigInt.asIntN(w, a), false), BHSD, BHSD)),
  ['010 11110 zz 10000 01011 10 nnnnn ddddd', 'abs', lanes((_x, _w, a) => abs(a), 0, D)],
  ['011 11110 zz 10000 01011 10 nnnnn ddddd', 'neg', lanes((_x, _w, a) => -a, 0, D)],
  ...both('@1 #1110 zz 10000 10010 10 nnnnn ddddd', 'sqxtun', narrowing((x, w, a) => saturate(x, w, BigInt.asIntN(2 * w, a), true))),
  ...signs((u) => [
    ...scalarShifts(u, '00010', 'ssra', shiftLanes((_x, _w, a, by, d) => d + (a >> by), false, D)),
    ...shifts(u, '00100', 'srshr', shiftLanes((_x, _w, a, by) => rounded(a, by), false, D)),
    ...shifts(u, '00110', 'srsra', shiftLanes((_x, _w, a, by, d) => d + rounded(a, by), false, D)),
    ...shifts(u, '01110', 'sqshl', shiftLanes((x, w, a, by) => saturate(x, w, a << by), true, BHSD)),
    ...shifts(u, '10010', 'sqshrn', shiftNarrowing(false, isSignedForm, isUnsigned)),
    ...shifts(u, '10011', 'sqrshrn', shiftNarrowing(true, isSignedForm, isUnsigned)),
    ...scalarShifts(u, '00000', 'sshr', shiftLanes((_x, _w, a, by) => a >> by, false, D)),
  ]),
  ...scalarShifts('0', '01010', 'shl', shiftLanes((_x, _w, a, by) => a << by, true, D)),
  ...scalarShifts('1', '01000', 'sri', shiftLanes((_x, w, a, by, d) => (a >> by) | (d & ~(ones(w) >> by)), false, D)),
  ...scalarShifts('1', '01010', 'sli', shiftLanes((_x, _w, a, by, d) => (a << by) | (d & ((1n << by) - 1n)), true, D)),
  ...shifts('1', '01100', 'sqshlu', shiftLanes((x, w, a, by) => saturate(x, w, BigInt.asIntN(w, a) << by, true), true, BHSD)),
  ...shifts('1', '10000', 'sqshrun', shiftNarrowing(false, always, always)),
  ...shifts('1', '10001', 'sqrshrun', shiftNarrowing(true, always, always)),
  ...vectorShifts('0', '10001', 'rshrn', shiftNarrowing(true, () => false, undefined)),
  ['0Q0 01111 zz L mmmmm 1000 H 0 nnnnn ddddd', 'mul', byElement((_x, _w, a, b) => a * b, 0)],
  ['0Q1 01111 zz L mmmmm 0000 H 0 nnnnn ddddd', 'mla', byElement((_x, _w, a, b, d) => d + a * b, 0)],
  ['0Q1 01111 zz L mmmmm 0100 H 0 nnnnn ddddd', 'mls', byElement((_x, _w, a, b, d) => d - a * b, 0)],
  ...signs((u) => [
    [`0Q${u} 01111 zz L mmmmm 0010 H 0 nnnnn ddddd`, 'smlal', byElement((_x, _w, a, b, d) => d + a * b, 0, true)],
    [`0Q${u} 01111 zz L mmmmm 0110 H 0 nnnnn ddddd`, 'smlsl', byElement((_x, _w, a, b, d) => d - a * b, 0, true)],
    [`0Q${u} 01111 zz L mmmmm 1010 H 0 nnnnn ddddd`, 'smull', byElement((_x, _w, a, b) => a * b, 0, true)],
  ]),
  ...both('@0 #1111 zz L mmmmm 0011 H 0 nnnnn ddddd', 'sqdmlal', byElement(doubledInto(1n), HS, true)),
  ...both('@0 #1111 zz L mmmmm 0111 H 0 nnnnn ddddd', 'sqdmlsl', byElement(doubledInto(-1n), HS, true)),
  ...both('@0 #1111 zz L mmmmm 1011 H 0 nnnnn ddddd', 'sqdmull', byElement(doubled, HS, true)),
  ...both('@0 #1111 zz L mmmmm 1100 H 0 nnnnn ddddd', 'sqdmulh', byElement(doubledHigh(false), HS)),
  ...both('@0 #1111 zz L mmmmm 1101 H 0 nnnnn ddddd', 'sqrdmulh', byElement(doubledHigh(true), HS)),
  ['0Q0 01110000 mmmmm 0 ll 0 00 nnnnn ddddd', 'tbl', lookUp(false)],
  ['0Q0 01110000 mmmmm 0 ll 1 00 nnnnn ddddd', 'tbx', lookUp(true)],
];
