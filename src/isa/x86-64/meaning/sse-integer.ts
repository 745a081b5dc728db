import { Mnemonic, OpKind } from 'iced-x86';
import { constant, ltu, select, truncate } from '../../expressions.js';
import type { Expression } from '../../meaning.js';
import { extract, shuffle, shuffleLanes, vector } from '../../vectors.js';
import type { Row } from './integer.js';
import { ZERO } from './sse-moves.js';

type Two = (a: Expression, b: Expression) => Expression;

const two =
  (compute: Two): Row =>
  (d) => {
    const b = d.vector(1);
    d.write(0, compute(d.read(0), b));
  };

/** An operation that WebAssembly has too, operands in the same order or the other way round. */
const lanes = (fn: string): Row => two((a, b) => vector(fn, a, b));
const turned = (fn: string): Row => two((a, b) => vector(fn, b, a));

/** The upper halves of products of 16-bit lanes. */
const multiplyHigh = (suffix: 's' | 'u'): Row =>
  two((a, b) => {
    const low = vector(`i32x4.extmul_low_i16x8_${suffix}`, a, b);
    const high = vector(`i32x4.extmul_high_i16x8_${suffix}`, a, b);
    return shuffleLanes(16, low, high, [1, 3, 5, 7, 9, 11, 13, 15]);
  });

/** pmuludq: the even lanes of 32 bits. */
const multiplyEven: Row = two((a, b) => {
  const even = (e: Expression): Expression => shuffleLanes(32, e, e, [0, 2, 0, 2]);
  return vector('i64x2.extmul_low_i32x4_u', even(a), even(b));
});

/** psadbw: differences of bytes without a sign, summed by halves. */
const sumOfDifferences: Row = (d) => {
  const b = d.vector(1);
  const a = d.read(0);
  const difference = vector('v128.or', vector('i8x16.sub_sat_u', a, b), vector('i8x16.sub_sat_u', b, a));
  const words = vector('i16x8.extadd_pairwise_i8x16_u', difference);
  const sums = d.let(vector('i32x4.extadd_pairwise_i16x8_u', words));
  const low = vector('v128.and', sums, constant(128, 0xffff_ffff_0000_0000_ffff_ffffn));
  d.write(0, vector('i64x2.add', low, vector('i64x2.shr_u', sums, constant(32, 32))));
};

/** Shifts of lanes: a count above the lane's width gives zeros, or copies of the sign. The count is 64 bits of a vector, or an immediate. */
const shiftLanes =
  (width: 16 | 32 | 64, fn: 'shl' | 'shr_s' | 'shr_u'): Row =>
  (d) => {
    const byImmediate = d.operands[1]?.kind === OpKind.Immediate8;
    const count = d.let(
      byImmediate ? constant(64, d.instruction.immediate(1) & 0xffn) : extract(64, 0, d.vector(1)),
    );
    const most = constant(64, width - 1);
    const fits = d.let(ltu(count, constant(64, width)));
    const by = truncate(32, d.let(select(fits, count, most)));
    const moved = vector(`${width === 64 ? 'i64x2' : width === 32 ? 'i32x4' : 'i16x8'}.${fn}`, d.read(0), by);
    d.write(0, fn === 'shr_s' ? moved : select(fits, moved, ZERO));
  };

/** pslldq, psrldq: by bytes, zeros come in. */
const shiftBytes =
  (left: boolean): Row =>
  (d) => {
    const count = Math.min(Number(d.instruction.immediate(1) & 0xffn), 16);
    const a = d.read(0);
    const bytes = Array.from({ length: 16 }, (_, n) => (left ? 16 + n - count : n + count));
    d.write(0, left ? shuffle(ZERO, a, bytes) : shuffle(a, ZERO, bytes));
  };

const shapes: readonly (readonly [string, string])[] = [
  ['b', 'i8x16'],
  ['w', 'i16x8'],
  ['d', 'i32x4'],
  ['q', 'i64x2'],
];
const named = (name: string): Mnemonic => Mnemonic[name as keyof typeof Mnemonic] as Mnemonic;
const each = (prefix: string, suffixes: string, fn: string): [Mnemonic, Row][] =>
  shapes
    .filter(([suffix]) => suffixes.includes(suffix))
    .map(([suffix, shape]) => [named(prefix + suffix), lanes(`${shape}.${fn}`)]);

const both = (names: readonly Mnemonic[], row: Row): [Mnemonic, Row][] => names.map((name) => [name, row]);

/** Integer lanes and bitwise operations of SSE and SSE2. */
export const SSE_INTEGER: readonly (readonly [Mnemonic, Row])[] = [
  ...each('Padd', 'bwdq', 'add'),
  ...each('Psub', 'bwdq', 'sub'),
  ...each('Padds', 'bw', 'add_sat_s'),
  ...each('Paddus', 'bw', 'add_sat_u'),
  ...each('Psubs', 'bw', 'sub_sat_s'),
  ...each('Psubus', 'bw', 'sub_sat_u'),
  ...each('Pcmpeq', 'bwd', 'eq'),
  ...each('Pcmpgt', 'bwd', 'gt_s'),
  ...each('Pavg', 'bw', 'avgr_u'),
  [Mnemonic.Pminub, lanes('i8x16.min_u')],
  [Mnemonic.Pmaxub, lanes('i8x16.max_u')],
  [Mnemonic.Pminsw, lanes('i16x8.min_s')],
  [Mnemonic.Pmaxsw, lanes('i16x8.max_s')],
  [Mnemonic.Pmullw, lanes('i16x8.mul')],
  [Mnemonic.Pmulhw, multiplyHigh('s')],
  [Mnemonic.Pmulhuw, multiplyHigh('u')],
  [Mnemonic.Pmaddwd, lanes('i32x4.dot_i16x8_s')],
  [Mnemonic.Pmuludq, multiplyEven],
  [Mnemonic.Psadbw, sumOfDifferences],
  [Mnemonic.Packsswb, lanes('i8x16.narrow_i16x8_s')],
  [Mnemonic.Packuswb, lanes('i8x16.narrow_i16x8_u')],
  [Mnemonic.Packssdw, lanes('i16x8.narrow_i32x4_s')],
  ...both([Mnemonic.Pand, Mnemonic.Andps, Mnemonic.Andpd], lanes('v128.and')),
  ...both([Mnemonic.Por, Mnemonic.Orps, Mnemonic.Orpd], lanes('v128.or')),
  ...both([Mnemonic.Pxor, Mnemonic.Xorps, Mnemonic.Xorpd], lanes('v128.xor')),
  // The first operand is the one inverted; WebAssembly inverts the second.
  ...both([Mnemonic.Pandn, Mnemonic.Andnps, Mnemonic.Andnpd], turned('v128.andnot')),
  [Mnemonic.Psllw, shiftLanes(16, 'shl')],
  [Mnemonic.Pslld, shiftLanes(32, 'shl')],
  [Mnemonic.Psllq, shiftLanes(64, 'shl')],
  [Mnemonic.Psrlw, shiftLanes(16, 'shr_u')],
  [Mnemonic.Psrld, shiftLanes(32, 'shr_u')],
  [Mnemonic.Psrlq, shiftLanes(64, 'shr_u')],
  [Mnemonic.Psraw, shiftLanes(16, 'shr_s')],
  [Mnemonic.Psrad, shiftLanes(32, 'shr_s')],
  [Mnemonic.Pslldq, shiftBytes(true)],
  [Mnemonic.Psrldq, shiftBytes(false)],
];
