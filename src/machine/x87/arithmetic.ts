import {
  add,
  compare,
  denormals,
  divide,
  multiply,
  type Operation,
  type Outcome,
  squareRoot,
  subtract,
} from '../float/operations.js';
import { DOUBLE, INDEFINITE, INVALID, SINGLE, unpack, type Value } from '../float/value.js';
import { type Row, setResult } from './row.js';
import { C0, C1, C2, C3, STACK_FAULT, type Unit } from './unit.js';

const turned =
  (operation: Operation): Operation =>
  (context, a, b) =>
    operation(context, b, a);

const OPERATIONS: Readonly<Record<string, Operation>> = {
  add,
  mul: multiply,
  sub: subtract,
  subr: turned(subtract),
  div: divide,
  divr: turned(divide),
};

/** An operand from memory, as bits. */
export const MEMORY: Readonly<Record<string, (bits: bigint) => Value>> = {
  f32: (bits) => unpack(SINGLE, bits & 0xffff_ffffn),
  f64: (bits) => unpack(DOUBLE, bits),
  i16: (bits) => integer(BigInt.asIntN(16, bits)),
  i32: (bits) => integer(BigInt.asIntN(32, bits)),
  i64: (bits) => integer(BigInt.asIntN(64, bits)),
};

export function integer(value: bigint): Value {
  if (value === 0n) return { kind: 'zero', sign: 0 };
  const sign = value < 0n ? 1 : 0;
  return { kind: 'finite', sign, significand: sign === 1 ? -value : value, exponent: 0, denormal: false };
}

function compute(unit: Unit, operation: Operation, to: number, other: Value, pops: number): void {
  const { precision } = unit;
  const outcome = operation(unit.context(precision), unit.value(to), other);
  unit.deliver(to, outcome, pops, precision);
}

const stackFault: Outcome = { value: INDEFINITE, flags: INVALID | STACK_FAULT, up: false };

/** a: the destination in bits 2..0, the source in 6..4, how many to pop in 9..8. */
const onStack =
  (operation: Operation): Row =>
  (unit, a) => {
    const [to, from, pops] = [Number(a) & 7, (Number(a) >> 4) & 7, Number(a) >> 8];
    if (unit.isEmpty(to) || unit.isEmpty(from)) unit.deliver(to, stackFault, pops);
    else compute(unit, operation, to, unit.value(from), pops);
  };

/** a: the operand's bits. */
const withMemory =
  (operation: Operation, read: (bits: bigint) => Value): Row =>
  (unit, a) => {
    if (unit.isEmpty(0)) unit.deliver(0, stackFault, 0);
    else compute(unit, operation, 0, read(a), 0);
  };

const root: Row = (unit) => {
  if (unit.isEmpty(0)) {
    unit.deliver(0, stackFault, 0);
    return;
  }
  const { precision } = unit;
  const value = unit.value(0);
  unit.deliver(0, squareRoot(unit.context(precision), value, value), 0, precision);
};

const CODES = C0 | C2 | C3;
const UNORDERED = C0 | C2 | C3;
const codesOf = (order: -1 | 0 | 1 | undefined): number =>
  order === undefined ? UNORDERED : order === 0 ? C3 : order === -1 ? C0 : 0;

/** The order of two values and what comparing them raises; `quietToo`: a quiet NaN is invalid. */
function judge(a: Value, b: Value, quietToo: boolean): { codes: number; flags: number } {
  const order = compare(a, b);
  if (order !== undefined) return { codes: codesOf(order), flags: denormals(a, b) };
  const invalid = [a, b].some(
    (value) => value.kind === 'unsupported' || (value.kind === 'nan' && (quietToo || value.signaling)),
  );
  return { codes: UNORDERED, flags: invalid ? INVALID : 0 };
}

function setCodes(unit: Unit, { codes, flags }: { codes: number; flags: number }, pops: number): void {
  const goesOn = unit.raise(flags);
  unit.status = (unit.status & ~CODES) | codes;
  if (goesOn) unit.pop(pops);
}

const emptyCodes = { codes: UNORDERED, flags: INVALID | STACK_FAULT };

/** a: the source in bits 2..0, how many to pop in 9..8. */
const compareStack =
  (quietToo: boolean): Row =>
  (unit, a) => {
    const [from, pops] = [Number(a) & 7, Number(a) >> 8];
    const empty = unit.isEmpty(0) || unit.isEmpty(from);
    setCodes(unit, empty ? emptyCodes : judge(unit.value(0), unit.value(from), quietToo), pops);
  };

/** a: the operand's bits; b: how many to pop. */
const compareMemory =
  (read: (bits: bigint) => Value): Row =>
  (unit, a, b) => {
    setCodes(unit, unit.isEmpty(0) ? emptyCodes : judge(unit.value(0), read(a), true), Number(b));
  };

/** CF, PF and ZF as the result, whether the exception is masked or not (measured on AMD; Intel leaves them if it is not). */
const compareFlags =
  (quietToo: boolean): Row =>
  (unit, a) => {
    const [from, pops] = [Number(a) & 7, Number(a) >> 8];
    const empty = unit.isEmpty(0) || unit.isEmpty(from);
    const { codes, flags } = empty ? emptyCodes : judge(unit.value(0), unit.value(from), quietToo);
    const goesOn = unit.raise(flags);
    // C0, C2 and C3 stand where CF, PF and ZF do, eight bits higher.
    setResult(unit, BigInt(codes >> 8));
    if (goesOn) unit.pop(pops);
  };

/** fxam: what ST(0) is; C1 is its sign. */
const CLASSES: Readonly<Record<Value['kind'] | 'denormal', number>> = {
  unsupported: 0,
  nan: C0,
  finite: C2,
  infinity: C2 | C0,
  zero: C3,
  denormal: C3 | C2,
};

const examine: Row = (unit) => {
  const { head } = unit.read(0);
  const value = unit.value(0);
  const kind = value.kind === 'finite' && value.denormal ? 'denormal' : value.kind;
  const codes = unit.isEmpty(0) ? C3 | C0 : CLASSES[kind];
  unit.status = (unit.status & ~(CODES | C1)) | codes | (head >= 0x8000 ? C1 : 0);
};

const changeSign =
  (change: (head: number) => number): Row =>
  (unit) => {
    if (unit.isEmpty(0)) {
      unit.deliver(0, stackFault, 0);
      return;
    }
    unit.raise(0);
    const { significand, head } = unit.read(0);
    unit.write(0, { significand, head: change(head) });
  };

export const ARITHMETIC: readonly (readonly [string, Row])[] = [
  ...Object.entries(OPERATIONS).flatMap(([name, operation]): [string, Row][] => [
    [`${name} st`, onStack(operation)],
    ...Object.entries(MEMORY).map(([format, read]): [string, Row] => [
      `${name} ${format}`,
      withMemory(operation, read),
    ]),
  ]),
  ...Object.entries(MEMORY).map(([format, read]): [string, Row] => [`com ${format}`, compareMemory(read)]),
  ['com st', compareStack(true)],
  ['ucom st', compareStack(false)],
  ['comi', compareFlags(true)],
  ['ucomi', compareFlags(false)],
  [
    'tst',
    (unit) => setCodes(unit, unit.isEmpty(0) ? emptyCodes : judge(unit.value(0), integer(0n), true), 0),
  ],
  ['xam', examine],
  ['sqrt', root],
  ['chs', changeSign((head) => head ^ 0x8000)],
  ['abs', changeSign((head) => head & 0x7fff)],
];
