import { type Execute, type Execution, join, split, type VectorRow } from './execution.js';
import type { FloatUnit } from './float.js';
import { negate } from './scalar-float.js';
import type { IntegerRounding } from './to-integer.js';

/** Floating-point numbers lane by lane: Arm ARM C4.1.96, Advanced SIMD. Scalar forms have one lane. */

type Width = 32 | 64;
type Two = (unit: FloatUnit, width: Width, a: bigint, b: bigint) => bigint;
type One = (unit: FloatUnit, width: Width, a: bigint) => bigint;

/** sz, bit 22. */
const widthOf = (x: Execution): Width => (x.isSet(22) ? 64 : 32);
const lanesOf = (x: Execution): number => (x.isScalar ? 1 : x.length / widthOf(x));
/** Double words in half a vector. */
const isReserved = (x: Execution): boolean => !x.isScalar && !x.isWhole && x.isSet(22);

const lanes =
  (make: (x: Execution, width: Width, n: bigint[], m: bigint[], d: bigint[]) => bigint[]): Execute =>
  (x) => {
    if (isReserved(x)) return 'undefined';
    const [width, count] = [widthOf(x), lanesOf(x)];
    const read = (number: number): bigint[] => split(x.vector(number), width, count);
    x.setVector(x.rd, join(make(x, width, read(x.rn), read(x.rm), read(x.rd)), width));
    return undefined;
  };

const two = (operation: Two): Execute =>
  lanes((x, width, n, m) => n.map((a, index) => operation(x.float, width, a, m[index]!)));
const one = (operation: One): Execute => lanes((x, width, n) => n.map((a) => operation(x.float, width, a)));

/** fmla, fmls. */
const accumulate = (subtracts: boolean): Execute =>
  lanes((x, width, n, m, d) =>
    n.map((a, index) => x.float.multiplyAdd(width, d[index]!, subtracts ? negate(width, a) : a, m[index]!)),
  );

/** Neighbours of Vn and then of Vm; of scalar forms the two of Vn. */
const pairwise =
  (operation: Two): Execute =>
  (x) => {
    if (isReserved(x)) return 'undefined';
    const width = widthOf(x);
    const count = x.isScalar ? 2 : x.length / width;
    const all = split(x.vector(x.rn), width, count);
    if (!x.isScalar) all.push(...split(x.vector(x.rm), width, count));
    const made = all.flatMap((a, n) => (n % 2 === 0 ? [operation(x.float, width, a, all[n + 1]!)] : []));
    x.setVector(x.rd, join(made, width));
    return undefined;
  };

/** fmaxv and its kind: four lanes by pairs. */
const across =
  (operation: Two): Execute =>
  (x) => {
    const [a, b, c, d] = split(x.vector(x.rn), 32, 4);
    const first = operation(x.float, 32, a!, b!);
    x.setVector(x.rd, operation(x.float, 32, first, operation(x.float, 32, c!, d!)));
    return undefined;
  };

type Order = -1 | 0 | 1 | undefined;
const ONES = (width: Width): bigint => (1n << BigInt(width)) - 1n;
const absolute = (width: Width, a: bigint): bigint => a & (ONES(width) >> 1n);

/** All ones where the order holds. */
const compare = (holds: (order: Order) => boolean, loud: boolean, amounts = false): Execute =>
  two((unit, width, a, b) => {
    const of = (value: bigint): bigint => (amounts ? absolute(width, value) : value);
    return holds(unit.compare(width, of(a), of(b), loud)) ? ONES(width) : 0n;
  });
const compareZero = (holds: (order: Order) => boolean, loud: boolean): Execute =>
  one((unit, width, a) => (holds(unit.compare(width, a, 0n, loud)) ? ONES(width) : 0n));

const isEqual = (order: Order): boolean => order === 0;
const isAbove = (order: Order): boolean => order === 1;
const isNotBelow = (order: Order): boolean => order === 0 || order === 1;
const isBelow = (order: Order): boolean => order === -1;
const isNotAbove = (order: Order): boolean => order === 0 || order === -1;

const difference: Two = (unit, width, a, b) => absolute(width, unit.subtract(width, a, b));

const roundLanes = (rounding: IntegerRounding | undefined, exact = false): Execute =>
  one((unit, width, a) => unit.roundToInteger(width, a, rounding ?? unit.rounding, exact));

const toInteger = (rounding: IntegerRounding): Execute =>
  lanes((x, width, n) => n.map((a) => x.float.toFixed(width, a, width, 0, !x.isSet(29), rounding)));
const fromInteger: Execute = lanes((x, width, n) =>
  n.map((a) => x.float.fromFixed(x.isSet(29) ? a : BigInt.asIntN(width, a), width, 0)),
);

/** immh:immb of conversions with a point: the element's width, and how many bits are behind it. */
const fixed =
  (convert: (x: Execution, width: Width, a: bigint, fraction: number) => bigint): Execute =>
  (x) => {
    const immediate = x.bits(22, 16);
    const width = immediate >= 64 ? 64 : 32;
    if (immediate < 32 || (!x.isScalar && width === 64 && !x.isWhole)) return 'undefined';
    const values = split(x.vector(x.rn), width, x.isScalar ? 1 : x.length / width);
    x.setVector(
      x.rd,
      join(
        values.map((a) => convert(x, width, a, 2 * width - immediate)),
        width,
      ),
    );
    return undefined;
  };

/** Vm's element by its number H:L, or H of double words. */
const byElement =
  (operation: (unit: FloatUnit, width: Width, d: bigint, n: bigint, m: bigint) => bigint): Execute =>
  (x) => {
    const width = widthOf(x);
    if (isReserved(x) || (width === 64 && x.isSet(21))) return 'undefined';
    const index = width === 64 ? x.bits(11, 11) : x.bits(11, 11) * 2 + x.bits(21, 21);
    const element = BigInt.asUintN(width, x.vector(x.rm) >> BigInt(index * width));
    const [n, d] = [x.rn, x.rd].map((number) => split(x.vector(number), width, lanesOf(x)));
    x.setVector(
      x.rd,
      join(
        n!.map((a, lane) => operation(x.float, width, d![lane]!, a, element)),
        width,
      ),
    );
    return undefined;
  };

/** fcvtl, fcvtn and their second halves: between elements of 16 and 32, or 32 and 64 bits. */
const lengthen: Execute = (x) => {
  const [from, to] = x.isSet(22) ? ([32, 64] as const) : ([16, 32] as const);
  if (from === 16 && x.float.has(1 << 26)) return 'unsupported';
  const source = x.isWhole ? x.vector(x.rn) >> 64n : x.vector(x.rn);
  x.setVector(
    x.rd,
    join(
      split(source, from, 64 / from).map((a) => x.float.convert(from, to, a)),
      to,
    ),
  );
  return undefined;
};
const shorten: Execute = (x) => {
  const [from, to] = x.isSet(22) ? ([64, 32] as const) : ([32, 16] as const);
  if (to === 16 && x.float.has(1 << 26)) return 'unsupported';
  const made = join(
    split(x.vector(x.rn), from, 128 / from).map((a) => x.float.convert(from, to, a)),
    to,
  );
  x.setVector(x.rd, x.isWhole ? BigInt.asUintN(64, x.vector(x.rd)) | (made << 64n) : made);
  return undefined;
};

/** As vector and as scalar forms: the same bits but for Q and bit 28. */
const both = (bits: string, name: string, execute: Execute): VectorRow[] => [
  [bits.replace('@', '0Q').replace('#', '0'), name, execute],
  [bits.replace('@', '01').replace('#', '1'), name, execute],
];

// biome-ignore format: a table
export const VECTOR_FLOAT: readonly VectorRow[] = [
  ['0Q0 01110 0z 1 mmmmm 11000 1 nnnnn ddddd', 'fmaxnm', two((unit, width, a, b) => unit.maximumNumber(width, a, b))],
  ['0Q0 01110 1z 1 mmmmm 11000 1 nnnnn ddddd', 'fminnm', two((unit, width, a, b) => unit.minimumNumber(width, a, b))],
  ['0Q0 01110 0z 1 mmmmm 11001 1 nnnnn ddddd', 'fmla',   accumulate(false)],
  ['0Q0 01110 1z 1 mmmmm 11001 1 nnnnn ddddd', 'fmls',   accumulate(true)],
  ['0Q0 01110 0z 1 mmmmm 11010 1 nnnnn ddddd', 'fadd',   two((unit, width, a, b) => unit.add(width, a, b))],
  ['0Q0 01110 1z 1 mmmmm 11010 1 nnnnn ddddd', 'fsub',   two((unit, width, a, b) => unit.subtract(width, a, b))],
  ...both('@0 #1110 0z 1 mmmmm 11011 1 nnnnn ddddd', 'fmulx', two((unit, width, a, b) => unit.multiplyExtended(width, a, b))),
  ['0Q1 01110 0z 1 mmmmm 11011 1 nnnnn ddddd', 'fmul',   two((unit, width, a, b) => unit.multiply(width, a, b))],
  ['0Q1 01110 0z 1 mmmmm 11111 1 nnnnn ddddd', 'fdiv',   two((unit, width, a, b) => unit.divide(width, a, b))],
  ['0Q0 01110 0z 1 mmmmm 11110 1 nnnnn ddddd', 'fmax',   two((unit, width, a, b) => unit.maximum(width, a, b))],
  ['0Q0 01110 1z 1 mmmmm 11110 1 nnnnn ddddd', 'fmin',   two((unit, width, a, b) => unit.minimum(width, a, b))],
  ...both('@1 #1110 1z 1 mmmmm 11010 1 nnnnn ddddd', 'fabd',  two(difference)),
  ...both('@0 #1110 0z 1 mmmmm 11100 1 nnnnn ddddd', 'fcmeq', compare(isEqual, false)),
  ...both('@1 #1110 0z 1 mmmmm 11100 1 nnnnn ddddd', 'fcmge', compare(isNotBelow, true)),
  ...both('@1 #1110 1z 1 mmmmm 11100 1 nnnnn ddddd', 'fcmgt', compare(isAbove, true)),
  ...both('@1 #1110 0z 1 mmmmm 11101 1 nnnnn ddddd', 'facge', compare(isNotBelow, true, true)),
  ...both('@1 #1110 1z 1 mmmmm 11101 1 nnnnn ddddd', 'facgt', compare(isAbove, true, true)),
  ['0Q1 01110 0z 1 mmmmm 11000 1 nnnnn ddddd', 'fmaxnmp', pairwise((unit, width, a, b) => unit.maximumNumber(width, a, b))],
  ['0Q1 01110 1z 1 mmmmm 11000 1 nnnnn ddddd', 'fminnmp', pairwise((unit, width, a, b) => unit.minimumNumber(width, a, b))],
  ['0Q1 01110 0z 1 mmmmm 11010 1 nnnnn ddddd', 'faddp',   pairwise((unit, width, a, b) => unit.add(width, a, b))],
  ['0Q1 01110 0z 1 mmmmm 11110 1 nnnnn ddddd', 'fmaxp',   pairwise((unit, width, a, b) => unit.maximum(width, a, b))],
  ['0Q1 01110 1z 1 mmmmm 11110 1 nnnnn ddddd', 'fminp',   pairwise((unit, width, a, b) => unit.minimum(width, a, b))],
  ['011 11110 0z 11000 01100 10 nnnnn ddddd', 'fmaxnmp', pairwise((unit, width, a, b) => unit.maximumNumber(width, a, b))],
  ['011 11110 1z 11000 01100 10 nnnnn ddddd', 'fminnmp', pairwise((unit, width, a, b) => unit.minimumNumber(width, a, b))],
  ['011 11110 0z 11000 01101 10 nnnnn ddddd', 'faddp',   pairwise((unit, width, a, b) => unit.add(width, a, b))],
  ['011 11110 0z 11000 01111 10 nnnnn ddddd', 'fmaxp',   pairwise((unit, width, a, b) => unit.maximum(width, a, b))],
  ['011 11110 1z 11000 01111 10 nnnnn ddddd', 'fminp',   pairwise((unit, width, a, b) => unit.minimum(width, a, b))],
  ['011 01110 00 11000 01100 10 nnnnn ddddd', 'fmaxnmv', across((unit, width, a, b) => unit.maximumNumber(width, a, b))],
  ['011 01110 10 11000 01100 10 nnnnn ddddd', 'fminnmv', across((unit, width, a, b) => unit.minimumNumber(width, a, b))],
  ['011 01110 00 11000 01111 10 nnnnn ddddd', 'fmaxv',   across((unit, width, a, b) => unit.maximum(width, a, b))],
  ['011 01110 10 11000 01111 10 nnnnn ddddd', 'fminv',   across((unit, width, a, b) => unit.minimum(width, a, b))],
  ...both('@0 #1110 1z 10000 01100 10 nnnnn ddddd', 'fcmgt', compareZero(isAbove, true)),
  ...both('@1 #1110 1z 10000 01100 10 nnnnn ddddd', 'fcmge', compareZero(isNotBelow, true)),
  ...both('@0 #1110 1z 10000 01101 10 nnnnn ddddd', 'fcmeq', compareZero(isEqual, false)),
  ...both('@1 #1110 1z 10000 01101 10 nnnnn ddddd', 'fcmle', compareZero(isNotAbove, true)),
  ...both('@0 #1110 1z 10000 01110 10 nnnnn ddddd', 'fcmlt', compareZero(isBelow, true)),
  ['0Q0 01110 1z 10000 01111 10 nnnnn ddddd', 'fabs',   one((_unit, width, a) => absolute(width, a))],
  ['0Q1 01110 1z 10000 01111 10 nnnnn ddddd', 'fneg',   one((_unit, width, a) => negate(width, a))],
  ['0Q1 01110 1z 10000 11111 10 nnnnn ddddd', 'fsqrt',  one((unit, width, a) => unit.root(width, a))],
  ['0Q0 01110 0z 10000 11000 10 nnnnn ddddd', 'frintn', roundLanes(0)],
  ['0Q0 01110 1z 10000 11000 10 nnnnn ddddd', 'frintp', roundLanes(2)],
  ['0Q1 01110 0z 10000 11000 10 nnnnn ddddd', 'frinta', roundLanes('away')],
  ['0Q0 01110 0z 10000 11001 10 nnnnn ddddd', 'frintm', roundLanes(1)],
  ['0Q0 01110 1z 10000 11001 10 nnnnn ddddd', 'frintz', roundLanes(3)],
  ['0Q1 01110 0z 10000 11001 10 nnnnn ddddd', 'frintx', roundLanes(undefined, true)],
  ['0Q1 01110 1z 10000 11001 10 nnnnn ddddd', 'frinti', roundLanes(undefined)],
  ...['0', '1'].flatMap((u) => [
    ...both(`@${u} #1110 0z 10000 11010 10 nnnnn ddddd`, 'fcvtns', toInteger(0)),
    ...both(`@${u} #1110 1z 10000 11010 10 nnnnn ddddd`, 'fcvtps', toInteger(2)),
    ...both(`@${u} #1110 0z 10000 11011 10 nnnnn ddddd`, 'fcvtms', toInteger(1)),
    ...both(`@${u} #1110 1z 10000 11011 10 nnnnn ddddd`, 'fcvtzs', toInteger(3)),
    ...both(`@${u} #1110 0z 10000 11100 10 nnnnn ddddd`, 'fcvtas', toInteger('away')),
    ...both(`@${u} #1110 0z 10000 11101 10 nnnnn ddddd`, 'scvtf', fromInteger),
    ...['1iii', '01ii', '001i'].flatMap((immh) => [
      ...both(`@${u} #11110 ${immh} iii 11100 1 nnnnn ddddd`, 'scvtf',
        fixed((x, width, a, fraction) => x.float.fromFixed(x.isSet(29) ? a : BigInt.asIntN(width, a), width, fraction))),
      ...both(`@${u} #11110 ${immh} iii 11111 1 nnnnn ddddd`, 'fcvtzs',
        fixed((x, width, a, fraction) => x.float.toFixed(width, a, width, fraction, !x.isSet(29), 3))),
    ]),
  ]),
  ...both('@0 #1111 1z L mmmmm 0001 H 0 nnnnn ddddd', 'fmla', byElement((unit, width, d, n, m) => unit.multiplyAdd(width, d, n, m))),
  ...both('@0 #1111 1z L mmmmm 0101 H 0 nnnnn ddddd', 'fmls', byElement((unit, width, d, n, m) => unit.multiplyAdd(width, d, negate(width, n), m))),
  ...both('@0 #1111 1z L mmmmm 1001 H 0 nnnnn ddddd', 'fmul', byElement((unit, width, _d, n, m) => unit.multiply(width, n, m))),
  ...both('@1 #1111 1z L mmmmm 1001 H 0 nnnnn ddddd', 'fmulx', byElement((unit, width, _d, n, m) => unit.multiplyExtended(width, n, m))),
  ['0Q0 01110 0z 10000 10111 10 nnnnn ddddd', 'fcvtl', lengthen],
  ['0Q0 01110 0z 10000 10110 10 nnnnn ddddd', 'fcvtn', shorten],
];
