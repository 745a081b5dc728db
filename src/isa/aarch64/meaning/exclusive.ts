import { add, and, constant, eq, isZero, load, nonZero, or, select, zext } from '../../expressions.js';
import type { Expression, StateField, Width } from '../../meaning.js';
import { extract, insert } from '../../vectors.js';
import { type Draft, low } from './draft.js';
import type { Form, Row } from './row.js';

/**
 * Exclusive, ordered and compare-and-swap accesses: Arm ARM C4.1.94. The machine does one instruction after the other, so that order needs no
 * barrier.
 *
 * The exclusive monitor (Arm ARM B2.12) holds the marked address, how many bytes were loaded, and what they were. A store exclusive succeeds
 * where the same access is marked and memory holds what was loaded; behind it nothing is marked. One that fails writes nothing. It fails where the architecture would let
 * it succeed in one case: another size at the same address, which is unpredictable there.
 */

/** The base register's address, which must be aligned to the access. */
export function aligned(d: Draft, bytes: number): Expression {
  const address = d.let(d.base(d.rn));
  if (bytes > 1) d.trap('alignment', nonZero(and(address, constant(64, bytes - 1))));
  return address;
}

/** By size, bits 31..30. */
export const bytesOf = (d: Draft): number => 1 << d.bits(31, 30);
export const widthOf = (d: Draft): Width => (8 << d.bits(31, 30)) as Width;

const loadOrdered: Form = (d) => {
  const value = d.let(load(widthOf(d), aligned(d, bytesOf(d))));
  d.set(d.rd, value);
};

const storeOrdered: Form = (d) => d.store(aligned(d, bytesOf(d)), d.get(d.rd, widthOf(d)));

const state = (field: StateField): Expression => ({ op: 'state', width: 64, field });
const mark = (address: Expression, bytes: number): Expression =>
  or(address, constant(64, BigInt(bytes) << 56n));

const loadExclusive: Form = (d) => {
  const bytes = bytesOf(d);
  const address = aligned(d, bytes);
  const value = d.let(load(widthOf(d), address));
  d.state('monitor', mark(address, bytes));
  d.state('monitorLow', zext(64, value));
  d.set(d.rd, value);
};

/** Of a pair: two registers of 32 or 64 bits by bit 30. */
const halfOf = (d: Draft): 32 | 64 => (d.isSet(30) ? 64 : 32);

/** Two halves at an address, that of the lower one first. */
const loadHalves = (d: Draft, half: 32 | 64, address: Expression): [Expression, Expression] => [
  d.let(load(half, address)),
  d.let(load(half, add(address, constant(64, half / 8)))),
];

/** Both halves by one store: half of them must not be left. */
function storeHalves(d: Draft, address: Expression, first: Expression, second: Expression): void {
  if (first.width === 64) d.store(address, insert(1, zext(128, first), second));
  else d.store(address, extract(64, 0, insert(1, zext(128, first), second)));
}

const loadExclusivePair: Form = (d) => {
  const half = halfOf(d);
  const address = aligned(d, half / 4);
  const [first, second] = loadHalves(d, half, address);
  d.state('monitor', mark(address, half / 4));
  d.state('monitorLow', zext(64, first));
  d.state('monitorHigh', zext(64, second));
  d.set(d.rd, first);
  d.set(d.ra, second);
};

const isMarked = (address: Expression, bytes: number): Expression =>
  eq(state('monitor'), mark(address, bytes));

/** Stores if `done`; then nothing is marked, and Rs is 0, else 1. Until memory is written nothing else must have changed: it may fault. */
function storeIf(d: Draft, done: Expression, store: () => void): void {
  const none = constant(64, 0);
  if (d.rm !== 31) d.set(d.rm, select(done, d.get(d.rm, 64), constant(64, 1)));
  d.state('monitor', select(done, state('monitor'), none));
  d.statements.push({ do: 'branch', condition: isZero(done), target: d.next });
  store();
  d.state('monitor', none);
  d.set(d.rm, constant(64, 0));
}

const storeExclusive: Form = (d) => {
  const [bytes, width] = [bytesOf(d), widthOf(d)];
  const address = aligned(d, bytes);
  const old = d.let(load(width, address));
  const isSame = eq(old, low(width, state('monitorLow')));
  const done = d.let(and(isMarked(address, bytes), isSame));
  const value = d.let(d.get(d.rd, width));
  storeIf(d, done, () => d.store(address, value));
};

const storeExclusivePair: Form = (d) => {
  const half = halfOf(d);
  const address = aligned(d, half / 4);
  const [first, second] = loadHalves(d, half, address);
  const isSame = and(eq(first, low(half, state('monitorLow'))), eq(second, low(half, state('monitorHigh'))));
  const done = d.let(and(isMarked(address, half / 4), isSame));
  const [one, other] = [d.let(d.get(d.rd, half)), d.let(d.get(d.ra, half))];
  storeIf(d, done, () => storeHalves(d, address, one, other));
};

/** cas: Rs is what to expect and gets what was there; Rt is stored where they are equal. */
const compareSwap: Form = (d) => {
  const width = widthOf(d);
  const address = aligned(d, bytesOf(d));
  const old = d.let(load(width, address));
  d.store(address, select(eq(old, d.get(d.rm, width)), d.get(d.rd, width), old));
  d.set(d.rm, old);
};

const compareSwapPair: Form = (d) => {
  if (((d.rm | d.rd) & 1) === 1) return d.reserve();
  const half = halfOf(d);
  const address = aligned(d, half / 4);
  const old = loadHalves(d, half, address);
  // Behind x30 comes the zero register.
  const isSame = d.let(and(eq(old[0], d.get(d.rm, half)), eq(old[1], d.get(d.rm + 1, half))));
  const chosen = old.map((value, index) => d.let(select(isSame, d.get(d.rd + index, half), value)));
  storeHalves(d, address, chosen[0]!, chosen[1]!);
  d.set(d.rm, old[0]);
  d.set(d.rm + 1, old[1]);
};

// biome-ignore format: a table
export const EXCLUSIVE: readonly Row[] = [
  ['zz 001000 000 mmmmm L ttttt nnnnn ddddd', 'stxr', storeExclusive],
  ['1z 001000 001 mmmmm L aaaaa nnnnn ddddd', 'stxp', storeExclusivePair],
  ['zz 001000 010 mmmmm A ttttt nnnnn ddddd', 'ldxr', loadExclusive],
  ['1z 001000 011 mmmmm A aaaaa nnnnn ddddd', 'ldxp', loadExclusivePair],
  ['0z 001000 0A1 mmmmm R 11111 nnnnn ddddd', 'casp', compareSwapPair],
  ['zz 001000 100 mmmmm L ttttt nnnnn ddddd', 'stlr', storeOrdered],
  ['zz 001000 110 mmmmm A ttttt nnnnn ddddd', 'ldar', loadOrdered],
  ['zz 001000 1A1 mmmmm R 11111 nnnnn ddddd', 'cas',  compareSwap],
];
