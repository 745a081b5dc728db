import type { Execute, Execution, VectorRow } from './execution.js';
import { floatType } from './execution.js';
import type { FloatUnit, FloatWidth } from './float.js';
import type { IntegerRounding } from './to-integer.js';

/** Floating-point numbers one at a time: Arm ARM C4.1.96, floating-point data processing. Arithmetic on 16 bits is not there (FEAT_FP16). */

type Width = Exclude<FloatWidth, 16>;
type One = (unit: FloatUnit, width: Width, a: bigint) => bigint;
type Two = (unit: FloatUnit, width: Width, a: bigint, b: bigint) => bigint;

/** By ftype a number of 32 or 64 bits. */
const typed =
  (execute: (x: Execution, width: Width) => void): Execute =>
  (x) => {
    const width = floatType(x);
    if (width === undefined || width === 16) return 'undefined';
    execute(x, width);
    return undefined;
  };

const one = (operation: One): Execute =>
  typed((x, width) => x.setVector(x.rd, operation(x.float, width, x.scalar(x.rn, width))));
const two = (operation: Two): Execute =>
  typed((x, width) =>
    x.setVector(x.rd, operation(x.float, width, x.scalar(x.rn, width), x.scalar(x.rm, width))),
  );

export const negate = (width: FloatWidth, bits: bigint): bigint => bits ^ (1n << BigInt(width - 1));

/** fmadd, fmsub, fnmadd, fnmsub: o1 turns the addend round, o1 and o0 not alike the first factor. */
const multiplyAdd = (addend: boolean, factor: boolean): Execute =>
  typed((x, width) => {
    const value = (number: number, turned: boolean): bigint =>
      turned ? negate(width, x.scalar(number, width)) : x.scalar(number, width);
    x.setVector(
      x.rd,
      x.float.multiplyAdd(width, value(x.ra, addend), value(x.rn, factor), x.scalar(x.rm, width)),
    );
  });

const ALTERNATIVE_HALF = 1 << 26;

/** fcvt: opc, bits 16..15, says to what. */
const convert: Execute = (x) => {
  const from = floatType(x);
  const to = ([32, 64, undefined, 16] as const)[x.bits(16, 15)];
  if (from === undefined || to === undefined || from === to) return 'undefined';
  if ((from === 16 || to === 16) && x.float.has(ALTERNATIVE_HALF)) return 'unsupported';
  x.setVector(x.rd, x.float.convert(from, to, x.scalar(x.rn, from)));
  return undefined;
};

/** By frintn, p, m, z, a; x and i take FPCR's. */
const INTEGER_ROUNDINGS: readonly (IntegerRounding | undefined)[] = [0, 2, 1, 3, 'away', undefined];

const roundToInteger = (number: number, exact = false): Execute =>
  one((unit, width, a) => unit.roundToInteger(width, a, INTEGER_ROUNDINGS[number] ?? unit.rounding, exact));

/** To general registers; with `fixed` there is a point, at 64 - scale. */
const toInteger = (rounding: IntegerRounding, fixed = false): Execute =>
  typedFixed(fixed, (x, width, fraction) => {
    const to = x.isSet(31) ? 64 : 32;
    x.setGeneral(x.rd, x.float.toFixed(width, x.scalar(x.rn, width), to, fraction, !x.isSet(16), rounding));
  });

const fromInteger = (fixed = false): Execute =>
  typedFixed(fixed, (x, width, fraction) => {
    const from = x.isSet(31) ? 64 : 32;
    const bits = BigInt.asUintN(from, x.general(x.rn));
    x.setVector(x.rd, x.float.fromFixed(x.isSet(16) ? bits : BigInt.asIntN(from, bits), width, fraction));
  });

function typedFixed(
  fixed: boolean,
  execute: (x: Execution, width: Width, fraction: number) => void,
): Execute {
  return (x) => {
    const scale = x.bits(15, 10);
    if (fixed && !x.isSet(31) && scale < 32) return 'undefined';
    return typed((each, width) => execute(each, width, fixed ? 64 - scale : 0))(x);
  };
}

/** N, Z, C and V of a comparison (Arm ARM, FPCompare). */
const UNORDERED = 0b0011;
const RESULTS: Readonly<Record<-1 | 0 | 1, number>> = { [-1]: 0b1000, 0: 0b0110, 1: 0b0010 };

/** fcmp, fccmp, with 0 instead of Vm, or loud about every NaN. */
const compare = (withZero: boolean, loudBit: number): Execute =>
  typed((x, width) => {
    const b = withZero ? 0n : x.scalar(x.rm, width);
    const order = x.float.compare(width, x.scalar(x.rn, width), b, x.isSet(loudBit));
    x.setResult(order === undefined ? UNORDERED : RESULTS[order]);
  });

// biome-ignore format: a table
export const SCALAR_FLOAT: readonly VectorRow[] = [
  ['00011110 ff1 000011 10000 nnnnn ddddd', 'fsqrt',  one((unit, width, a) => unit.root(width, a))],
  ['00011110 ff1 0001cc 10000 nnnnn ddddd', 'fcvt',   convert],
  ['00011110 ff1 001000 10000 nnnnn ddddd', 'frintn', roundToInteger(0)],
  ['00011110 ff1 001001 10000 nnnnn ddddd', 'frintp', roundToInteger(1)],
  ['00011110 ff1 001010 10000 nnnnn ddddd', 'frintm', roundToInteger(2)],
  ['00011110 ff1 001011 10000 nnnnn ddddd', 'frintz', roundToInteger(3)],
  ['00011110 ff1 001100 10000 nnnnn ddddd', 'frinta', roundToInteger(4)],
  ['00011110 ff1 001110 10000 nnnnn ddddd', 'frintx', roundToInteger(5, true)],
  ['00011110 ff1 001111 10000 nnnnn ddddd', 'frinti', roundToInteger(5)],
  ['00011110 ff1 mmmmm 0000 10 nnnnn ddddd', 'fmul',   two((unit, width, a, b) => unit.multiply(width, a, b))],
  ['00011110 ff1 mmmmm 0001 10 nnnnn ddddd', 'fdiv',   two((unit, width, a, b) => unit.divide(width, a, b))],
  ['00011110 ff1 mmmmm 0010 10 nnnnn ddddd', 'fadd',   two((unit, width, a, b) => unit.add(width, a, b))],
  ['00011110 ff1 mmmmm 0011 10 nnnnn ddddd', 'fsub',   two((unit, width, a, b) => unit.subtract(width, a, b))],
  ['00011110 ff1 mmmmm 0100 10 nnnnn ddddd', 'fmax',   two((unit, width, a, b) => unit.maximum(width, a, b))],
  ['00011110 ff1 mmmmm 0101 10 nnnnn ddddd', 'fmin',   two((unit, width, a, b) => unit.minimum(width, a, b))],
  ['00011110 ff1 mmmmm 0110 10 nnnnn ddddd', 'fmaxnm', two((unit, width, a, b) => unit.maximumNumber(width, a, b))],
  ['00011110 ff1 mmmmm 0111 10 nnnnn ddddd', 'fminnm', two((unit, width, a, b) => unit.minimumNumber(width, a, b))],
  ['00011110 ff1 mmmmm 1000 10 nnnnn ddddd', 'fnmul',  two((unit, width, a, b) => negate(width, unit.multiply(width, a, b)))],
  ['00011110 ff1 mmmmm 001000 nnnnn c0000',  'fcmp',   compare(false, 4)],
  ['00011110 ff1 mmmmm 001000 nnnnn c1000',  'fcmp',   compare(true, 4)],
  ['00011110 ff1 mmmmm cccc 01 nnnnn c iiii', 'fccmp', compare(false, 4)],
  ['00011111 ff0 mmmmm 0 aaaaa nnnnn ddddd', 'fmadd',  multiplyAdd(false, false)],
  ['00011111 ff0 mmmmm 1 aaaaa nnnnn ddddd', 'fmsub',  multiplyAdd(false, true)],
  ['00011111 ff1 mmmmm 0 aaaaa nnnnn ddddd', 'fnmadd', multiplyAdd(true, true)],
  ['00011111 ff1 mmmmm 1 aaaaa nnnnn ddddd', 'fnmsub', multiplyAdd(true, false)],
  ['f0011110 ff1 00 00i 000000 nnnnn ddddd', 'fcvtns', toInteger(0)],
  ['f0011110 ff1 00 10i 000000 nnnnn ddddd', 'fcvtas', toInteger('away')],
  ['f0011110 ff1 01 00i 000000 nnnnn ddddd', 'fcvtps', toInteger(2)],
  ['f0011110 ff1 10 00i 000000 nnnnn ddddd', 'fcvtms', toInteger(1)],
  ['f0011110 ff1 11 00i 000000 nnnnn ddddd', 'fcvtzs', toInteger(3)],
  ['f0011110 ff1 00 01i 000000 nnnnn ddddd', 'scvtf',  fromInteger()],
  ['f0011110 ff0 11 00i ssssss nnnnn ddddd', 'fcvtzs', toInteger(3, true)],
  ['f0011110 ff0 00 01i ssssss nnnnn ddddd', 'scvtf',  fromInteger(true)],
];
