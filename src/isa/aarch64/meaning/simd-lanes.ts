import { constant } from '../../expressions.js';
import type { Expression } from '../../meaning.js';
import { vector } from '../../vectors.js';
import type { Draft } from './draft.js';
import type { Form, Row } from './row.js';
import { bytesOf, elements, isWhole, lanesOf, setVector, ZEROS } from './simd.js';

/** Advanced SIMD lane by lane: what WebAssembly has an instruction for. The rest is in ../vectors. */

type Two = (a: Expression, b: Expression) => Expression;

/** Vn and Vm, of bits. */
const bitwise =
  (combine: (n: Expression, m: Expression, d: Expression) => Expression): Form =>
  (d) =>
    setVector(d, combine(d.vector(d.rn), d.vector(d.rm), d.vector(d.rd)));

const and: Two = (a, b) => vector('v128.and', a, b);
const or: Two = (a, b) => vector('v128.or', a, b);
const xor: Two = (a, b) => vector('v128.xor', a, b);
const andNot: Two = (a, b) => vector('v128.andnot', a, b);
const not = (a: Expression): Expression => vector('v128.not', a);
/** Bits of `a` where the mask has ones, of `b` where it has zeros. */
const choose = (a: Expression, b: Expression, mask: Expression): Expression =>
  vector('v128.bitselect', a, b, mask);

/** Elements of double words need a whole vector. */
const isReserved = (d: Draft, most: number): boolean => {
  const size = d.bits(23, 22);
  return size > most || (size === 3 && !isWhole(d));
};

const lanes = (name: string, size: number): Two => {
  const fn = `${lanesOf(size)}.${name}`;
  return (a, b) => vector(fn, a, b);
};

/** `most`: the largest size of elements there is. */
const threeSame =
  (combine: (size: number) => Two, most: number): Form =>
  (d) => {
    if (isReserved(d, most)) return d.reserve();
    setVector(d, combine(d.bits(23, 22))(d.vector(d.rn), d.vector(d.rm)));
  };
const named = (name: string, most: number): Form => threeSame((size) => lanes(name, size), most);

/** Neighbours of the two vectors one behind the other. */
const pairwise =
  (name: string, most: number): Form =>
  (d) => {
    if (isReserved(d, most)) return d.reserve();
    const size = d.bits(23, 22);
    const count = bytesOf(d) >> size;
    const [n, m] = [d.let(d.vector(d.rn)), d.let(d.vector(d.rm))];
    const part = (odd: number): Expression => {
      const picks = Array.from({ length: count }, (_, index) => {
        const at = 2 * index + odd;
        return at < count ? at : at - count + (16 >> size);
      });
      return elements(n, m, size, picks);
    };
    setVector(d, lanes(name, size)(part(0), part(1)));
  };

/** Double words without sign, which WebAssembly does not compare, with sign: both moved by the sign's bit. */
const unsigned =
  (name: string) =>
  (size: number): Two =>
  (a, b) => {
    if (size < 3) return lanes(`${name}_u`, size)(a, b);
    const signs = constant(128, (1n << 127n) | (1n << 63n));
    return lanes(`${name}_s`, size)(xor(a, signs), xor(b, signs));
  };

const compareZero =
  (compare: (size: number) => Two): Form =>
  (d) => {
    if (isReserved(d, 3)) return d.reserve();
    setVector(d, compare(d.bits(23, 22))(d.vector(d.rn), ZEROS));
  };

const turned =
  (name: string) =>
  (size: number): Two =>
  (a, b) =>
    lanes(name, size)(b, a);
const plain =
  (name: string) =>
  (size: number): Two =>
    lanes(name, size);

/** Bits that both have: not none. */
const test =
  (size: number): Two =>
  (a, b) =>
    not(lanes('eq', size)(and(a, b), ZEROS));

const one =
  (change: (value: Expression, size: number) => Expression): Form =>
  (d) => {
    if (isReserved(d, 3)) return d.reserve();
    setVector(d, change(d.vector(d.rn), d.bits(23, 22)));
  };

/** tbl of one register; numbers beyond it give 0. */
const lookUp: Form = (d) => setVector(d, vector('i8x16.swizzle', d.vector(d.rn), d.vector(d.rm)));

/** immh:immb of shifts by an immediate: the element's size is that of its highest one. */
const sizeOfShift = (d: Draft): number => 31 - Math.clz32(d.bits(22, 19));

const shift = (name: string, value: Expression, size: number, by: number): Expression =>
  vector(`${lanesOf(size)}.${name}`, value, constant(32, by));

const shiftLeft: Form = (d) => {
  const size = sizeOfShift(d);
  if (size === 3 && !isWhole(d)) return d.reserve();
  setVector(d, shift('shl', d.vector(d.rn), size, d.bits(22, 16) - (8 << size)));
};

/** Vn's elements shifted to the right; by as much as their width gives zeros, or signs. Undefined: reserved. */
function shiftedRight(d: Draft, signed: boolean): Expression | undefined {
  const size = sizeOfShift(d);
  if (size === 3 && !isWhole(d)) return undefined;
  const width = 8 << size;
  const by = 2 * width - d.bits(22, 16);
  if (by === width && !signed) return ZEROS;
  return shift(signed ? 'shr_s' : 'shr_u', d.vector(d.rn), size, Math.min(by, width - 1));
}

const shiftRight =
  (signed: boolean): Form =>
  (d) => {
    const value = shiftedRight(d, signed);
    if (value === undefined) return d.reserve();
    setVector(d, value);
  };

/** Every other element of `value`, into the lower half of Vd; with Q into the upper one, the lower stays. */
function narrow(d: Draft, value: Expression, size: number): void {
  const count = 8 >> size;
  const evens = Array.from({ length: count }, (_, n) => 2 * n);
  if (isWhole(d)) {
    const kept = Array.from({ length: count }, (_, n) => n);
    const moved = evens.map((n) => n + (16 >> size));
    d.setVector(d.rd, elements(d.vector(d.rd), value, size, [...kept, ...moved]));
  } else setVector(d, elements(value, value, size, evens));
}

/** ssra, usra: the shifted elements added. */
const shiftRightAdd =
  (signed: boolean): Form =>
  (d) => {
    const value = shiftedRight(d, signed);
    if (value === undefined) return d.reserve();
    setVector(d, lanes('add', sizeOfShift(d))(d.vector(d.rd), value));
  };

/** sri, sli: bits of Vd stay where none came. */
const shiftInsert =
  (left: boolean): Form =>
  (d) => {
    const size = sizeOfShift(d);
    if (size === 3 && !isWhole(d)) return d.reserve();
    const width = 8 << size;
    const by = left ? d.bits(22, 16) - width : 2 * width - d.bits(22, 16);
    const ones = (1n << BigInt(width)) - 1n;
    const moved = left ? (ones << BigInt(by)) & ones : ones >> BigInt(by);
    if (moved === 0n) {
      setVector(d, d.vector(d.rd));
      return;
    }
    let mask = 0n;
    for (let at = 0; at < 128; at += width) mask |= moved << BigInt(at);
    setVector(
      d,
      choose(shift(left ? 'shl' : 'shr_u', d.vector(d.rn), size, by), d.vector(d.rd), constant(128, mask)),
    );
  };

const extractNarrow: Form = (d) => {
  if (d.bits(23, 22) === 3) return d.reserve();
  narrow(d, d.vector(d.rn), d.bits(23, 22));
};

const shiftRightNarrow: Form = (d) => {
  const size = sizeOfShift(d);
  if (size > 2) return d.reserve();
  const by = 2 * (8 << size) - d.bits(22, 16);
  narrow(d, d.let(shift('shr_u', d.vector(d.rn), size + 1, by)), size);
};

// biome-ignore format: a table
export const SIMD_LANES: readonly Row[] = [
  ['0Q0 01110 001 mmmmm 00011 1 nnnnn ddddd', 'and', bitwise(and)],
  ['0Q0 01110 011 mmmmm 00011 1 nnnnn ddddd', 'bic', bitwise(andNot)],
  ['0Q0 01110 101 mmmmm 00011 1 nnnnn ddddd', 'orr', bitwise(or)],
  ['0Q0 01110 111 mmmmm 00011 1 nnnnn ddddd', 'orn', bitwise((n, m) => or(n, not(m)))],
  ['0Q1 01110 001 mmmmm 00011 1 nnnnn ddddd', 'eor', bitwise(xor)],
  ['0Q1 01110 011 mmmmm 00011 1 nnnnn ddddd', 'bsl', bitwise((n, m, d) => choose(n, m, d))],
  ['0Q1 01110 101 mmmmm 00011 1 nnnnn ddddd', 'bit', bitwise((n, m, d) => choose(n, d, m))],
  ['0Q1 01110 111 mmmmm 00011 1 nnnnn ddddd', 'bif', bitwise((n, m, d) => choose(d, n, m))],
  ['0Q0 01110 zz 1 mmmmm 10000 1 nnnnn ddddd', 'add',   named('add', 3)],
  ['0Q1 01110 zz 1 mmmmm 10000 1 nnnnn ddddd', 'sub',   named('sub', 3)],
  ['0Q1 01110 zz 1 mmmmm 10001 1 nnnnn ddddd', 'cmeq',  named('eq', 3)],
  ['0Q0 01110 zz 1 mmmmm 10001 1 nnnnn ddddd', 'cmtst', threeSame(test, 3)],
  ['0Q0 01110 zz 1 mmmmm 00110 1 nnnnn ddddd', 'cmgt',  named('gt_s', 3)],
  ['0Q0 01110 zz 1 mmmmm 00111 1 nnnnn ddddd', 'cmge',  named('ge_s', 3)],
  ['0Q1 01110 zz 1 mmmmm 00110 1 nnnnn ddddd', 'cmhi',  threeSame(unsigned('gt'), 3)],
  ['0Q1 01110 zz 1 mmmmm 00111 1 nnnnn ddddd', 'cmhs',  threeSame(unsigned('ge'), 3)],
  ['0Q0 01110 zz 1 mmmmm 01100 1 nnnnn ddddd', 'smax',  named('max_s', 2)],
  ['0Q1 01110 zz 1 mmmmm 01100 1 nnnnn ddddd', 'umax',  named('max_u', 2)],
  ['0Q0 01110 zz 1 mmmmm 01101 1 nnnnn ddddd', 'smin',  named('min_s', 2)],
  ['0Q1 01110 zz 1 mmmmm 01101 1 nnnnn ddddd', 'umin',  named('min_u', 2)],
  ['0Q0 01110 zz 1 mmmmm 10111 1 nnnnn ddddd', 'addp',  pairwise('add', 3)],
  ['0Q0 01110 zz 1 mmmmm 10100 1 nnnnn ddddd', 'smaxp', pairwise('max_s', 2)],
  ['0Q1 01110 zz 1 mmmmm 10100 1 nnnnn ddddd', 'umaxp', pairwise('max_u', 2)],
  ['0Q0 01110 zz 1 mmmmm 10101 1 nnnnn ddddd', 'sminp', pairwise('min_s', 2)],
  ['0Q1 01110 zz 1 mmmmm 10101 1 nnnnn ddddd', 'uminp', pairwise('min_u', 2)],
  ['0Q0 01110 zz 10000 01000 10 nnnnn ddddd',  'cmgt',  compareZero(plain('gt_s'))],
  ['0Q1 01110 zz 10000 01000 10 nnnnn ddddd',  'cmge',  compareZero(plain('ge_s'))],
  ['0Q0 01110 zz 10000 01001 10 nnnnn ddddd',  'cmeq',  compareZero(plain('eq'))],
  ['0Q1 01110 zz 10000 01001 10 nnnnn ddddd',  'cmle',  compareZero(turned('ge_s'))],
  ['0Q0 01110 zz 10000 01010 10 nnnnn ddddd',  'cmlt',  compareZero(turned('gt_s'))],
  ['0Q0 01110 zz 10000 01011 10 nnnnn ddddd',  'abs',   one((a, size) => vector(`${lanesOf(size)}.abs`, a))],
  ['0Q1 01110 zz 10000 01011 10 nnnnn ddddd',  'neg',   one((a, size) => lanes('sub', size)(ZEROS, a))],
  ['0Q1 01110 00 10000 00101 10 nnnnn ddddd',  'not',   one(not)],
  ['0Q0 01110 00 10000 00101 10 nnnnn ddddd',  'cnt',   one((a) => vector('i8x16.popcnt', a))],
  ['0Q0 01110000 mmmmm 0 00 0 00 nnnnn ddddd', 'tbl',   lookUp],
  ['0Q0 01110 zz 10000 10010 10 nnnnn ddddd',  'xtn',   extractNarrow],
  ...['1iii', '01ii', '001i', '0001'].flatMap((immh): Row[] => [
    [`0Q0 011110 ${immh} iii 01010 1 nnnnn ddddd`, 'shl',  shiftLeft],
    [`0Q0 011110 ${immh} iii 00000 1 nnnnn ddddd`, 'sshr', shiftRight(true)],
    [`0Q1 011110 ${immh} iii 00000 1 nnnnn ddddd`, 'ushr', shiftRight(false)],
    [`0Q0 011110 ${immh} iii 10000 1 nnnnn ddddd`, 'shrn', shiftRightNarrow],
    [`0Q0 011110 ${immh} iii 00010 1 nnnnn ddddd`, 'ssra', shiftRightAdd(true)],
    [`0Q1 011110 ${immh} iii 00010 1 nnnnn ddddd`, 'usra', shiftRightAdd(false)],
    [`0Q1 011110 ${immh} iii 01000 1 nnnnn ddddd`, 'sri',  shiftInsert(false)],
    [`0Q1 011110 ${immh} iii 01010 1 nnnnn ddddd`, 'sli',  shiftInsert(true)],
  ]),
];
