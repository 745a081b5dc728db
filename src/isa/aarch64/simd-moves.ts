import type { Draft } from './draft.js';
import { floatImmediate, floatText, hexImmediate } from './fields.js';
import { general, vector } from './registers.js';
import { operands } from './simd-operands.js';
import type { Form, Row } from './table.js';
import { bit, register as registerValue, unknown } from './values.js';

/** Advanced SIMD that moves and rearranges: immediates, elements, permutations, table look-ups (Arm ARM C4.1.96). */

const q = (d: Draft): number => d.bits(30, 30);
const bytesOf = (d: Draft): string => (q(d) ? '16b' : '8b');

/** Notes reads and writes of vector registers; the numbers wrap at 32. */
const touch = (d: Draft, written: number | undefined, ...read: number[]): void => {
  d.mark('simd');
  for (const n of read) d.reads |= bit(vector(n));
  if (written !== undefined) d.writes |= bit(vector(written));
};

/** imm8 is a:b:c:d:e:f:g:h, bits 18..16 and 9..5. */
const imm8 = (d: Draft): number => d.bits(18, 16) * 32 + d.bits(9, 5);

/** Each bit of imm8 eight times (AdvSIMDExpandImm, cmode 1110, op 1). */
const byteMask = (imm: number): bigint => {
  let value = 0n;
  for (let n = 0; n < 8; n++) if ((imm >> n) & 1) value |= 0xffn << BigInt(8 * n);
  return value;
};

/** movi, mvni, orr, bic, fmov of an immediate: the table of AdvSIMDExpandImm (Arm ARM shared/functions/vector). */
const immediate = (d: Draft): boolean => {
  const [cmode, op, wide] = [d.bits(15, 12), d.bits(29, 29), q(d)];
  const half = d.bits(11, 11) === 1;
  const imm = imm8(d);
  if (half && (cmode !== 15 || op === 1)) return false;
  touch(d, d.rd);
  const to = (narrow: string, broad: string) => `v${d.rd}.${wide ? broad : narrow}`;
  if (cmode === 15) {
    if (op === 1 && !wide) return false;
    const shape = op ? '2d' : half ? (wide ? '8h' : '4h') : wide ? '4s' : '2s';
    d.text = `fmov v${d.rd}.${shape}, ${floatText(floatImmediate(imm))}`;
  } else if (cmode === 14) {
    if (op === 0) d.text = `movi ${to('8b', '16b')}, ${hexImmediate(imm)}`;
    else d.text = `movi ${wide ? `v${d.rd}.2d` : `d${d.rd}`}, ${hexImmediate(byteMask(imm))}`;
  } else if (cmode >= 12) {
    d.text = `${op ? 'mvni' : 'movi'} ${to('2s', '4s')}, ${hexImmediate(imm)}, msl #${cmode & 1 ? 16 : 8}`;
  } else {
    const keeps = (cmode & 1) === 1;
    if (keeps) touch(d, d.rd, d.rd);
    const name = keeps ? (op ? 'bic' : 'orr') : op ? 'mvni' : 'movi';
    const shift = (cmode >= 8 ? (cmode >> 1) & 1 : (cmode >> 1) & 3) * 8;
    const shape = cmode >= 8 ? to('4h', '8h') : to('2s', '4s');
    d.text = `${name} ${shape}, ${hexImmediate(imm)}${shift ? `, lsl #${shift}` : ''}`;
  }
  return true;
};

const LETTERS = 'bhsd';
/** Size and index of an element from imm5, bits 20..16: the lowest one is the size, what is above it the index. */
const element = (d: Draft): { size: number; index: number } | undefined => {
  const imm5 = d.rm;
  if ((imm5 & 15) === 0) return undefined;
  const size = 31 - Math.clz32(imm5 & -imm5);
  return { size, index: imm5 >> (size + 1) };
};
const SHAPES = ['8b', '16b', '4h', '8h', '2s', '4s', '', '2d'];

const duplicate: Form = (d, name) => {
  const e = element(d);
  const shape = e && SHAPES[e.size * 2 + q(d)];
  if (!e || !shape) return false;
  if (name === 'general') {
    d.use(d.get(d.rn, e.size === 3 ? 64 : 32));
    touch(d, d.rd);
    d.text = `dup v${d.rd}.${shape}, ${general(d.rn, e.size === 3)}`;
  } else {
    touch(d, d.rd, d.rn);
    d.text = `dup v${d.rd}.${shape}, v${d.rn}.${LETTERS[e.size]}[${e.index}]`;
  }
  return true;
};

const duplicateScalar: Form = (d) => {
  const e = element(d);
  if (!e) return false;
  touch(d, d.rd, d.rn);
  d.text = `mov ${LETTERS[e.size]}${d.rd}, v${d.rn}.${LETTERS[e.size]}[${e.index}]`;
  return true;
};

/** smov, umov: an element into a general register; umov of all 32 or 64 bits is called mov. */
const extractElement: Form = (d, name) => {
  const e = element(d);
  const wide = q(d) === 1;
  if (!e) return false;
  if (name === 'smov' ? e.size > (wide ? 2 : 1) : wide !== (e.size === 3)) return false;
  touch(d, undefined, d.rn);
  d.set(d.rd, unknown(registerValue(vector(d.rn), 64)));
  const shown = name === 'umov' && e.size >= 2 ? 'mov' : name;
  d.text = `${shown} ${general(d.rd, wide)}, v${d.rn}.${LETTERS[e.size]}[${e.index}]`;
  return true;
};

const insertElement: Form = (d, name) => {
  const e = element(d);
  if (!e) return false;
  const to = `v${d.rd}.${LETTERS[e.size]}[${e.index}]`;
  if (name === 'general') {
    d.use(d.get(d.rn, e.size === 3 ? 64 : 32));
    touch(d, d.rd, d.rd);
    d.text = `mov ${to}, ${general(d.rn, e.size === 3)}`;
  } else {
    touch(d, d.rd, d.rd, d.rn);
    d.text = `mov ${to}, v${d.rn}.${LETTERS[e.size]}[${d.bits(14, 11) >> e.size}]`;
  }
  return true;
};

const extract: Form = (d) => {
  const at = d.bits(14, 11);
  if (!q(d) && at >= 8) return false;
  touch(d, d.rd, d.rn, d.rm);
  const shape = bytesOf(d);
  d.text = `ext v${d.rd}.${shape}, v${d.rn}.${shape}, v${d.rm}.${shape}, #${at}`;
  return true;
};

/** `{v1.16b}`, `{v1.16b, v2.16b}`, `{v1.16b-v3.16b}`; a list that wraps is written out. */
export const listText = (first: number, count: number, shape: string): string => {
  const name = (n: number) => `v${(first + n) & 31}.${shape}`;
  if (count > 2 && first + count <= 32) return `{${name(0)}-${name(count - 1)}}`;
  return `{${Array.from({ length: count }, (_, n) => name(n)).join(', ')}}`;
};

const lookUp: Form = (d, name) => {
  const count = d.bits(14, 13) + 1;
  touch(d, d.rd, d.rm, ...Array.from({ length: count }, (_, n) => d.rn + n));
  // tbx leaves the elements whose index is out of range.
  if (name === 'tbx') touch(d, d.rd, d.rd);
  const shape = bytesOf(d);
  d.text = `${name} v${d.rd}.${shape}, ${listText(d.rn, count, '16b')}, v${d.rm}.${shape}`;
  return true;
};

const permute = operands('Vd.T Vn.T Vm.T');
/** Across lanes: the vector needs more than two elements. */
const across =
  (codes: string, sizes: string): Form =>
  (d, name) =>
    (d.bits(23, 22) < 2 || q(d) === 1) && operands(codes, sizes)(d, name);

// biome-ignore format: a table
export const SIMD_MOVES: readonly Row[] = [
  ['0Qo 0111100000 iii cccc h 1 iiiii ddddd',     '',        immediate],
  ['0Q0 01110000 iiiii 0 0000 1 nnnnn ddddd',     'element', duplicate],
  ['0Q0 01110000 iiiii 0 0001 1 nnnnn ddddd',     'general', duplicate],
  ['010 11110000 iiiii 0 0000 1 nnnnn ddddd',     '',        duplicateScalar],
  ['0Q0 01110000 iiiii 0 0101 1 nnnnn ddddd',     'smov',    extractElement],
  ['0Q0 01110000 iiiii 0 0111 1 nnnnn ddddd',     'umov',    extractElement],
  ['010 01110000 iiiii 0 0011 1 nnnnn ddddd',     'general', insertElement],
  ['011 01110000 iiiii 0 jjjj 1 nnnnn ddddd',     'element', insertElement],
  ['0Q1 01110000 mmmmm 0 iiii 0 nnnnn ddddd',     'ext',     extract],
  ['0Q0 01110000 mmmmm 0 ll 0 00 nnnnn ddddd',    'tbl',     lookUp],
  ['0Q0 01110000 mmmmm 0 ll 1 00 nnnnn ddddd',    'tbx',     lookUp],
  ['0Q0 01110 zz 0 mmmmm 0 001 10 nnnnn ddddd',   'uzp1',    permute],
  ['0Q0 01110 zz 0 mmmmm 0 010 10 nnnnn ddddd',   'trn1',    permute],
  ['0Q0 01110 zz 0 mmmmm 0 011 10 nnnnn ddddd',   'zip1',    permute],
  ['0Q0 01110 zz 0 mmmmm 0 101 10 nnnnn ddddd',   'uzp2',    permute],
  ['0Q0 01110 zz 0 mmmmm 0 110 10 nnnnn ddddd',   'trn2',    permute],
  ['0Q0 01110 zz 0 mmmmm 0 111 10 nnnnn ddddd',   'zip2',    permute],
  ['0Q0 01110 zz 11000 00011 10 nnnnn ddddd',     'saddlv',  across('Yd Vn.T', 'bhs')],
  ['0Q1 01110 zz 11000 00011 10 nnnnn ddddd',     'uaddlv',  across('Yd Vn.T', 'bhs')],
  ['0Q0 01110 zz 11000 01010 10 nnnnn ddddd',     'smaxv',   across('Zd Vn.T', 'bhs')],
  ['0Q1 01110 zz 11000 01010 10 nnnnn ddddd',     'umaxv',   across('Zd Vn.T', 'bhs')],
  ['0Q0 01110 zz 11000 11010 10 nnnnn ddddd',     'sminv',   across('Zd Vn.T', 'bhs')],
  ['0Q1 01110 zz 11000 11010 10 nnnnn ddddd',     'uminv',   across('Zd Vn.T', 'bhs')],
  ['0Q0 01110 zz 11000 11011 10 nnnnn ddddd',     'addv',    across('Zd Vn.T', 'bhs')],
  ['011 01110 00 11000 01100 10 nnnnn ddddd',     'fmaxnmv', operands('Sd Vn.4s')],
  ['011 01110 10 11000 01100 10 nnnnn ddddd',     'fminnmv', operands('Sd Vn.4s')],
  ['011 01110 00 11000 01111 10 nnnnn ddddd',     'fmaxv',   operands('Sd Vn.4s')],
  ['011 01110 10 11000 01111 10 nnnnn ddddd',     'fminv',   operands('Sd Vn.4s')],
  ['010 11110 11 11000 11011 10 nnnnn ddddd',     'addp',    operands('Dd Vn.2d')],
  ['011 11110 00 11000 01101 10 nnnnn ddddd',     'faddp',   operands('Sd Vn.2s')],
  ['011 11110 01 11000 01101 10 nnnnn ddddd',     'faddp',   operands('Dd Vn.2d')],
];
