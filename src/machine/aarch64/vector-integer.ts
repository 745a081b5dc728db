import { type Execute, type Execution, join, split, type VectorRow } from './execution.js';

/**
 * Integers lane by lane, but for what WebAssembly has an instruction for (isa/aarch64/meaning/simd-lanes.ts): Arm ARM C4.1.96, Advanced
 * SIMD. U, bit 29, says without sign. Scalar forms have one lane.
 */

const isUnsigned = (x: Execution): boolean => x.isSet(29);
const sizeOf = (x: Execution): number => x.bits(23, 22);
const asSigned = (x: Execution, width: number, value: bigint): bigint =>
  isUnsigned(x) ? value : BigInt.asIntN(width, value);

/** A number as one of `width` bits, or the nearest there is. */
function saturate(x: Execution, width: number, value: bigint, unsigned = isUnsigned(x)): bigint {
  const bits = BigInt(width);
  const [least, most] = unsigned ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  if (value >= least && value <= most) return value;
  x.saturated();
  return value < least ? least : most;
}

/** `sizes`: those that vectors have, then those of scalars, as bits by number. */
const BHS = 0b0111;
const BHSD = 0b1111;
const HS = 0b0110;
const D = 0b1000;

function isReserved(x: Execution, sizes: number, scalars: number): boolean {
  const size = sizeOf(x);
  if (x.isScalar) return ((scalars >> size) & 1) === 0;
  return ((sizes >> size) & 1) === 0 || (size === 3 && !x.isWhole);
}

type Lane = (x: Execution, width: number, a: bigint, b: bigint, d: bigint) => bigint;

/** Lanes of Vn, Vm and Vd: the first two with their sign where the form has one. */
const lanes =
  (each: Lane, sizes = BHS, scalars = 0): Execute =>
  (x) => {
    if (isReserved(x, sizes, scalars)) return 'undefined';
    const width = 8 << sizeOf(x);
    const count = x.isScalar ? 1 : x.length / width;
    const [n, m, d] = [x.rn, x.rm, x.rd].map((number) => split(x.vector(number), width, count));
    x.setVector(
      x.rd,
      join(
        n!.map((a, index) =>
          each(x, width, asSigned(x, width, a), asSigned(x, width, m![index]!), d![index]!),
        ),
        width,
      ),
    );
    return undefined;
  };

const abs = (a: bigint): bigint => (a < 0n ? -a : a);
const ones = (width: number): bigint => (1n << BigInt(width)) - 1n;
const truth = (holds: boolean): bigint => (holds ? -1n : 0n);

/** A shift by the signed low byte of the other lane: to the right where it is negative. */
const shiftBy =
  (rounds: boolean, saturates: boolean): Lane =>
  (x, width, a, b) => {
    const by = Number(BigInt.asIntN(8, b));
    if (by >= 0) {
      // Far beyond the width nothing but saturation is left.
      const moved = a << BigInt(Math.min(by, 2 * width));
      return saturates ? saturate(x, width, moved) : moved;
    }
    const down = BigInt(Math.min(-by, 2 * width));
    return (rounds ? a + (1n << (down - 1n)) : a) >> down;
  };

/** The product doubled, its upper half: with the only one that does not fit cut. */
const doubledHigh =
  (rounds: boolean): Lane =>
  (x, width, a, b) => {
    const product = 2n * BigInt.asIntN(width, a) * BigInt.asIntN(width, b);
    const bits = BigInt(width);
    return saturate(x, width, (product + (rounds ? 1n << (bits - 1n) : 0n)) >> bits, false);
  };

/** Polynomials over {0, 1}. */
function polynomial(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let n = 0n, rest = b; rest > 0n; n++, rest >>= 1n) if ((rest & 1n) === 1n) product ^= a << n;
  return product;
}

const SCALAR_SHIFTS = ['1iii', '01ii', '001i', '0001'];

/** Of shifts by an immediate: the size is that of the highest one of immh. */
const immediateSize = (x: Execution): number => 31 - Math.clz32(x.bits(22, 19));

const shiftLanes =
  (
    each: (x: Execution, width: number, a: bigint, by: bigint, d: bigint) => bigint,
    left: boolean,
    scalars: number,
  ): Execute =>
  (x) => {
    const size = immediateSize(x);
    const width = 8 << size;
    if (x.isScalar ? ((scalars >> size) & 1) === 0 : size === 3 && !x.isWhole) return 'undefined';
    const by = BigInt(left ? x.bits(22, 16) - width : 2 * width - x.bits(22, 16));
    const count = x.isScalar ? 1 : x.length / width;
    const [n, d] = [x.rn, x.rd].map((number) => split(x.vector(number), width, count));
    x.setVector(
      x.rd,
      join(
        n!.map((a, index) => each(x, width, asSigned(x, width, a), by, d![index]!)),
        width,
      ),
    );
    return undefined;
  };

const rounded = (a: bigint, by: bigint): bigint => (a + (1n << (by - 1n))) >> by;

/** The lower or the upper half of a vector, by Q. */
const half = (x: Execution, number: number): bigint =>
  x.isWhole ? x.vector(number) >> 64n : BigInt.asUintN(64, x.vector(number));

/** Writes what is narrow to the lower half, or with Q to the upper one. Of scalar forms it is all there is. */
function setHalf(x: Execution, value: bigint): void {
  x.setVector(x.rd, !x.isScalar && x.isWhole ? BigInt.asUintN(64, x.vector(x.rd)) | (value << 64n) : value);
}

/** Two narrow vectors to a wide one; `wide`: Vn is wide already. */
const long =
  (each: Lane, sizes = BHS, wide = false, scalars = 0): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (x.isScalar ? ((scalars >> size) & 1) === 0 : ((sizes >> size) & 1) === 0) return 'undefined';
    const width = 8 << size;
    const count = x.isScalar ? 1 : 64 / width;
    const narrow = (number: number): bigint[] =>
      split(x.isScalar ? x.vector(number) : half(x, number), width, count);
    const n = wide ? split(x.vector(x.rn), 2 * width, count) : narrow(x.rn);
    const m = narrow(x.rm);
    const d = split(x.vector(x.rd), 2 * width, count);
    const firstWidth = wide ? 2 * width : width;
    x.setVector(
      x.rd,
      join(
        n.map((a, index) =>
          each(x, 2 * width, asSigned(x, firstWidth, a), asSigned(x, width, m[index]!), d[index]!),
        ),
        2 * width,
      ),
    );
    return undefined;
  };

/** Vn and Vm of wide elements to the upper halves of what comes out. */
const highNarrow =
  (each: (a: bigint, b: bigint) => bigint): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (size === 3) return 'undefined';
    const width = 8 << size;
    const [n, m] = [x.rn, x.rm].map((number) => split(x.vector(number), 2 * width, 64 / width));
    const round = isUnsigned(x) ? 1n << BigInt(width - 1) : 0n;
    const made = n!.map((a, index) => (each(a, m![index]!) + round) >> BigInt(width));
    setHalf(x, join(made, width));
    return undefined;
  };

/** Wide elements to narrow ones by size. */
const narrowing =
  (each: (x: Execution, width: number, a: bigint) => bigint): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (size === 3) return 'undefined';
    const width = 8 << size;
    const n = split(x.vector(x.rn), 2 * width, x.isScalar ? 1 : 64 / width);
    setHalf(
      x,
      join(
        n.map((a) => each(x, width, a)),
        width,
      ),
    );
    return undefined;
  };

/** The same with a shift. `from`: are wide elements signed? `to`: are narrow ones not? */
const shiftNarrowing =
  (
    rounds: boolean,
    signed: (x: Execution) => boolean,
    unsigned: ((x: Execution) => boolean) | undefined,
  ): Execute =>
  (x) => {
    const size = immediateSize(x);
    if (size > 2) return 'undefined';
    const width = 8 << size;
    const by = BigInt(2 * width - x.bits(22, 16));
    const n = split(x.vector(x.rn), 2 * width, x.isScalar ? 1 : 64 / width);
    const made = n.map((a) => {
      const value = signed(x) ? BigInt.asIntN(2 * width, a) : a;
      const moved = rounds ? rounded(value, by) : value >> by;
      return unsigned === undefined ? moved : saturate(x, width, moved, unsigned(x));
    });
    setHalf(x, join(made, width));
    return undefined;
  };

/** Neighbours of Vn added, to elements twice as wide. */
const addPairs =
  (accumulates: boolean): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (size === 3) return 'undefined';
    const width = 8 << size;
    const n = split(x.vector(x.rn), width, x.length / width).map((a) => asSigned(x, width, a));
    const d = split(x.vector(x.rd), 2 * width, x.length / width / 2);
    x.setVector(
      x.rd,
      join(
        d.map((sum, index) => n[2 * index]! + n[2 * index + 1]! + (accumulates ? sum : 0n)),
        2 * width,
      ),
    );
    return undefined;
  };

/** All lanes to one. */
const across =
  (combine: (a: bigint, b: bigint) => bigint, wide = false): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (size === 3 || (size === 2 && !x.isWhole)) return 'undefined';
    const width = 8 << size;
    const all = split(x.vector(x.rn), width, x.length / width).map((a) => asSigned(x, width, a));
    x.setVector(x.rd, BigInt.asUintN(wide ? 2 * width : width, all.reduce(combine)));
    return undefined;
  };

/** Vm's element by H, L and M. */
const byElement =
  (each: Lane, scalars: number, isLong = false): Execute =>
  (x) => {
    const size = sizeOf(x);
    if (size === 0 || size === 3 || (x.isScalar && ((scalars >> size) & 1) === 0)) return 'undefined';
    const width = 8 << size;
    const [high, low, middle] = [x.bits(11, 11), x.bits(21, 21), x.bits(20, 20)];
    const number = size === 1 ? x.rm & 15 : x.rm;
    const index = size === 1 ? high * 4 + low * 2 + middle : high * 2 + low;
    const signed = (value: bigint): bigint =>
      isLong ? asSigned(x, width, value) : BigInt.asIntN(width, value);
    const element = signed(BigInt.asUintN(width, x.vector(number) >> BigInt(index * width)));
    const to = isLong ? 2 * width : width;
    const count = x.isScalar ? 1 : isLong ? 64 / width : x.length / width;
    const source = isLong && !x.isScalar ? half(x, x.rn) : x.vector(x.rn);
    const [n, d] = [split(source, width, count), split(x.vector(x.rd), to, count)];
    x.setVector(
      x.rd,
      join(
        n.map((a, lane) => each(x, to, signed(a), element, d[lane]!)),
        to,
      ),
    );
    return undefined;
  };

/** sqdmull and its kind: the doubled product, and added or subtracted, saturated both times. `width`: the wide one. */
const doubled = (x: Execution, width: number, a: bigint, b: bigint): bigint =>
  saturate(x, width, 2n * a * b, false);
const doubledInto =
  (sign: bigint): Lane =>
  (x, width, a, b, d) =>
    saturate(x, width, BigInt.asIntN(width, d) + sign * doubled(x, width, a, b), false);

/** tbl, tbx: bytes by number from one to four registers; numbers beyond give 0, or leave what was there. */
const lookUp =
  (leaves: boolean): Execute =>
  (x) => {
    const count = x.bits(14, 13) + 1;
    const all = Array.from({ length: count }, (_, n) => split(x.vector((x.rn + n) % 32), 8, 16)).flat();
    const bytes = x.length / 8;
    const [m, d] = [split(x.vector(x.rm), 8, bytes), split(x.vector(x.rd), 8, bytes)];
    x.setVector(
      x.rd,
      join(
        m.map((at, n) => all[Number(at)] ?? (leaves ? d[n]! : 0n)),
        8,
      ),
    );
    return undefined;
  };

const lengthOf = (a: bigint): number => (a === 0n ? 0 : a.toString(2).length);
const countOnes = (a: bigint): bigint => BigInt(a.toString(2).replaceAll('0', '').length);
const turnBits: Lane = (_x, width, a) => {
  let turned = 0n;
  for (let n = 0, rest = a; n < width; n++, rest >>= 1n) turned = (turned << 1n) | (rest & 1n);
  return turned;
};

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
  ['0Q0 01110 zz 1 mmmmm 10010 1 nnnnn ddddd', 'mla',  lanes((_x, _w, a, b, d) => d + a * b)],
  ['0Q1 01110 zz 1 mmmmm 10010 1 nnnnn ddddd', 'mls',  lanes((_x, _w, a, b, d) => d - a * b)],
  ['0Q0 01110 zz 1 mmmmm 10011 1 nnnnn ddddd', 'mul',  lanes((_x, _w, a, b) => a * b)],
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
  ...different('0000', 'saddl', long((_x, _w, a, b) => a + b)),
  ...different('0001', 'saddw', long((_x, _w, a, b) => a + b, BHS, true)),
  ...different('0010', 'ssubl', long((_x, _w, a, b) => a - b)),
  ...different('0011', 'ssubw', long((_x, _w, a, b) => a - b, BHS, true)),
  ...different('0100', 'addhn', highNarrow((a, b) => a + b)),
  ...different('0110', 'subhn', highNarrow((a, b) => a - b)),
  ...different('0101', 'sabal', long((_x, _w, a, b, d) => d + abs(a - b))),
  ...different('0111', 'sabdl', long((_x, _w, a, b) => abs(a - b))),
  ...different('1000', 'smlal', long((_x, _w, a, b, d) => d + a * b)),
  ...different('1010', 'smlsl', long((_x, _w, a, b, d) => d - a * b)),
  ...different('1100', 'smull', long((_x, _w, a, b) => a * b)),
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
  ['0Q0 01110 00 10000 00101 10 nnnnn ddddd', 'cnt', lanes((_x, w, a) => countOnes(BigInt.asUintN(w, a)))],
  ['0Q1 01110 00 10000 00101 10 nnnnn ddddd', 'not', lanes((_x, w, a) => a ^ ones(w))],
  ['0Q1 01110 01 10000 00101 10 nnnnn ddddd', 'rbit', (x) => {
    const bytes = split(x.vector(x.rn), 8, x.length / 8);
    x.setVector(x.rd, join(bytes.map((a) => turnBits(x, 8, a, 0n, 0n)), 8));
    return undefined;
  }],
  ...both('@0 #1110 zz 10000 00111 10 nnnnn ddddd', 'sqabs', lanes((x, w, a) => saturate(x, w, abs(a)), BHSD, BHSD)),
  ...both('@1 #1110 zz 10000 00111 10 nnnnn ddddd', 'sqneg', lanes((x, w, a) => saturate(x, w, -BigInt.asIntN(w, a), false), BHSD, BHSD)),
  ...both('@0 #1110 zz 10000 01011 10 nnnnn ddddd', 'abs', lanes((_x, _w, a) => abs(a), BHSD, D)),
  ...both('@1 #1110 zz 10000 01011 10 nnnnn ddddd', 'neg', lanes((_x, _w, a) => -a, BHSD, D)),
  ...both('@1 #1110 zz 10000 10010 10 nnnnn ddddd', 'sqxtun', narrowing((x, w, a) => saturate(x, w, BigInt.asIntN(2 * w, a), true))),
  ['0Q1 01110 zz 10000 10011 10 nnnnn ddddd', 'shll', (x) => {
    const width = 8 << sizeOf(x);
    if (width === 64) return 'undefined';
    x.setVector(x.rd, join(split(half(x, x.rn), width, 64 / width).map((a) => a << BigInt(width)), 2 * width));
    return undefined;
  }],
  ...signs((u) => [
    ...shifts(u, '00010', 'ssra', shiftLanes((_x, _w, a, by, d) => d + (a >> by), false, D)),
    ...shifts(u, '00100', 'srshr', shiftLanes((_x, _w, a, by) => rounded(a, by), false, D)),
    ...shifts(u, '00110', 'srsra', shiftLanes((_x, _w, a, by, d) => d + rounded(a, by), false, D)),
    ...shifts(u, '01110', 'sqshl', shiftLanes((x, w, a, by) => saturate(x, w, a << by), true, BHSD)),
    ...shifts(u, '10010', 'sqshrn', shiftNarrowing(false, isSignedForm, isUnsigned)),
    ...shifts(u, '10011', 'sqrshrn', shiftNarrowing(true, isSignedForm, isUnsigned)),
    ...vectorShifts(u, '10100', 'sshll', (x) => {
      const size = immediateSize(x);
      if (size > 2) return 'undefined';
      const width = 8 << size;
      const by = BigInt(x.bits(22, 16) - width);
      x.setVector(x.rd, join(split(half(x, x.rn), width, 64 / width).map((a) => asSigned(x, width, a) << by), 2 * width));
      return undefined;
    }),
    ...scalarShifts(u, '00000', 'sshr', shiftLanes((_x, _w, a, by) => a >> by, false, D)),
  ]),
  ...scalarShifts('0', '01010', 'shl', shiftLanes((_x, _w, a, by) => a << by, true, D)),
  ...shifts('1', '01000', 'sri', shiftLanes((_x, w, a, by, d) => (a >> by) | (d & ~(ones(w) >> by)), false, D)),
  ...shifts('1', '01010', 'sli', shiftLanes((_x, _w, a, by, d) => (a << by) | (d & ((1n << by) - 1n)), true, D)),
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
