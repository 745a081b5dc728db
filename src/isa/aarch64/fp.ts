import type { Draft } from './draft.js';
import { condition, floatImmediate, floatText, hexImmediate } from './fields.js';
import { general, vector } from './registers.js';
import { operands, type Special } from './simd-operands.js';
import type { Form, Row } from './table.js';
import { bit, register } from './values.js';

/** Floating point on scalars: Arm ARM C4.1.96 (conversions, moves, arithmetic, comparisons). */

const specials: Readonly<Record<string, Special>> = {
  ':cond': (d) => condition(d.bits(15, 12)),
  ':nzcv': (d) => hexImmediate(d.bits(3, 0)),
  ':imm8': (d) => floatText(floatImmediate(d.bits(20, 13))),
  // Fixed point: 64 - scale fractional bits; a word has at most 32.
  ':fbits': (d) => (d.wide || d.bits(15, 15) ? `#${64 - d.bits(15, 10)}` : undefined),
};
const form = (codes: string): Form => operands(codes, 'bhsd', specials);

/** A form that also writes, or reads, the flags. */
const flagging =
  (codes: string, reads: boolean, writes: boolean): Form =>
  (d, name) => {
    if (reads) d.readFlags();
    if (writes) d.writeFlags();
    return form(codes)(d, name);
  };

const TYPES = ['s', 'd', undefined, 'h'] as const;

/** fmov between the files: the bits as they are (C7.2.115). half, word, double by ftype; the width by sf. */
const moveAcross = (d: Draft, name: string): boolean => {
  const type = TYPES[d.bits(23, 22)];
  const toVector = d.bits(16, 16) === 1;
  const { wide, rd, rn } = d;
  if (!type || (type !== 'h' && wide !== (type === 'd'))) return false;
  const bits = type === 'h' ? 16 : type === 's' ? 32 : 64;
  d.mark('simd');
  if (toVector) {
    const value = d.get(rn, bits);
    d.use(value);
    d.writes |= bit(vector(rd));
    d.effects.push({ kind: 'register', register: vector(rd), value });
    d.text = `${name} ${type}${rd}, ${general(rn, wide)}`;
    return true;
  }
  d.set(rd, register(vector(rn), bits));
  d.text = `${name} ${general(rd, wide)}, ${type}${rn}`;
  return true;
};

/** fmov of the upper half of a vector: x0, v0.d[1]. */
const moveUpper = (d: Draft, name: string): boolean => {
  const { rd, rn } = d;
  d.mark('simd');
  if (d.bits(16, 16)) {
    d.use(d.get(rn, 64), register(vector(rd), 64));
    d.writes |= bit(vector(rd));
    d.text = `${name} v${rd}.d[1], ${general(rn, 1)}`;
    return true;
  }
  d.set(rd, { op: 'unknown', from: [register(vector(rn), 64)] });
  d.text = `${name} ${general(rd, 1)}, v${rn}.d[1]`;
  return true;
};

const list = (names: string, pattern: (code: string) => string, width: number, made: Form): Row[] =>
  names
    .split(' ')
    .flatMap((name, n): Row[] =>
      name === '-' ? [] : [[pattern(n.toString(2).padStart(width, '0')), name, made]],
    );

// biome-ignore format: a table
export const FLOATING_POINT: readonly Row[] = [
  ...list('fmov fabs fneg fsqrt', (c) => `00011110 ff1 0000${c} 10000 nnnnn ddddd`, 2, form('Fd Fn')),
  ['00011110 ff1 000100 10000 nnnnn ddddd', 'fcvt',  (d, name) => d.bits(23, 22) !== 0 && form('Sd Fn')(d, name)],
  ['00011110 ff1 000101 10000 nnnnn ddddd', 'fcvt',  (d, name) => d.bits(23, 22) !== 1 && form('Dd Fn')(d, name)],
  ['00011110 ff1 000111 10000 nnnnn ddddd', 'fcvt',  (d, name) => d.bits(23, 22) !== 3 && form('Hd Fn')(d, name)],
  ['00011110 011 000110 10000 nnnnn ddddd', 'bfcvt', form('Hd Sn')],
  ...list('frintn frintp frintm frintz frinta - frintx frinti',
    (c) => `00011110 ff1 001${c} 10000 nnnnn ddddd`, 3, form('Fd Fn')),
  ...list('frint32z frint32x frint64z frint64x', (c) => `00011110 0f1 0100${c} 10000 nnnnn ddddd`, 2, form('Fd Fn')),
  ...list('fmul fdiv fadd fsub fmax fmin fmaxnm fminnm fnmul',
    (c) => `00011110 ff1 mmmmm ${c} 10 nnnnn ddddd`, 4, form('Fd Fn Fm')),
  ['00011110 ff1 mmmmm 001000 nnnnn 00000',      'fcmp',    flagging('Fn Fm', false, true)],
  ['00011110 ff1 00000 001000 nnnnn 01000',      'fcmp',    flagging('Fn #0.0', false, true)],
  ['00011110 ff1 mmmmm 001000 nnnnn 10000',      'fcmpe',   flagging('Fn Fm', false, true)],
  ['00011110 ff1 00000 001000 nnnnn 11000',      'fcmpe',   flagging('Fn #0.0', false, true)],
  ['00011110 ff1 mmmmm cccc 01 nnnnn 0 iiii',    'fccmp',   flagging('Fn Fm :nzcv :cond', true, true)],
  ['00011110 ff1 mmmmm cccc 01 nnnnn 1 iiii',    'fccmpe',  flagging('Fn Fm :nzcv :cond', true, true)],
  ['00011110 ff1 mmmmm cccc 11 nnnnn ddddd',     'fcsel',   flagging('Fd Fn Fm :cond', true, false)],
  ['00011110 ff1 iiiiiiii 100 00000 ddddd',      'fmov',    form('Fd :imm8')],
  ['00011111 ff0 mmmmm 0 aaaaa nnnnn ddddd',     'fmadd',   form('Fd Fn Fm Fa')],
  ['00011111 ff0 mmmmm 1 aaaaa nnnnn ddddd',     'fmsub',   form('Fd Fn Fm Fa')],
  ['00011111 ff1 mmmmm 0 aaaaa nnnnn ddddd',     'fnmadd',  form('Fd Fn Fm Fa')],
  ['00011111 ff1 mmmmm 1 aaaaa nnnnn ddddd',     'fnmsub',  form('Fd Fn Fm Fa')],
  ...list('fcvtns fcvtnu - - fcvtas fcvtau', (c) => `f0011110 ff1 00 ${c} 000000 nnnnn ddddd`, 3, form('Rd Fn')),
  ...list('- - scvtf ucvtf',                 (c) => `f0011110 ff1 00 ${c} 000000 nnnnn ddddd`, 3, form('Fd Rn')),
  ...list('fcvtps fcvtpu',                   (c) => `f0011110 ff1 01 ${c} 000000 nnnnn ddddd`, 3, form('Rd Fn')),
  ...list('fcvtms fcvtmu',                   (c) => `f0011110 ff1 10 ${c} 000000 nnnnn ddddd`, 3, form('Rd Fn')),
  ...list('fcvtzs fcvtzu',                   (c) => `f0011110 ff1 11 ${c} 000000 nnnnn ddddd`, 3, form('Rd Fn')),
  ['00011110 011 11 110 000000 nnnnn ddddd',     'fjcvtzs', flagging('Wd Dn', false, true)],
  ['f0011110 ff1 00 11i 000000 nnnnn ddddd',     'fmov',    moveAcross],
  ['10011110 101 01 11i 000000 nnnnn ddddd',     'fmov',    moveUpper],
  ['f0011110 ff0 00 010 ssssss nnnnn ddddd',     'scvtf',   form('Fd Rn :fbits')],
  ['f0011110 ff0 00 011 ssssss nnnnn ddddd',     'ucvtf',   form('Fd Rn :fbits')],
  ['f0011110 ff0 11 000 ssssss nnnnn ddddd',     'fcvtzs',  form('Rd Fn :fbits')],
  ['f0011110 ff0 11 001 ssssss nnnnn ddddd',     'fcvtzu',  form('Rd Fn :fbits')],
];
