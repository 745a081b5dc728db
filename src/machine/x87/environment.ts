import { unpack80 } from '../float/value.js';
import type { Unit } from './unit.js';

/** fnstenv's 28 bytes, and the eight registers that fnsave puts behind them (Intel SDM vol. 1, figure 8-9, 32-bit protected mode). */
const ENV = { control: 0, status: 4, tags: 8, size: 28 };
export const ENVIRONMENT_SIZE = ENV.size;
export const SAVED_SIZE = 108;

const [VALID, ZERO, SPECIAL, EMPTY] = [0, 1, 2, 3];

/** Two bits a physical register (SDM vol. 1, 8.1.7): made from what it holds. */
function tagWord(unit: Unit): number {
  let word = 0;
  for (let index = 0; index < 8; index++) {
    const physical = (unit.top + index) & 7;
    word |= tag(unit, index) << (2 * physical);
  }
  return word;
}

function tag(unit: Unit, index: number): number {
  if (unit.isEmpty(index)) return EMPTY!;
  const value = unpack80(unit.read(index));
  if (value.kind === 'zero') return ZERO!;
  return value.kind === 'finite' && !value.denormal ? VALID! : SPECIAL!;
}

/** Masks all exceptions. Last instruction and operand are zeros: this machine does not note them. */
export function storeEnvironment(unit: Unit): Uint8Array {
  const bytes = new Uint8Array(ENV.size).fill(0xff, 0, 12);
  const view = new DataView(bytes.buffer);
  view.setUint16(ENV.control, unit.control, true);
  view.setUint16(ENV.status, unit.status, true);
  view.setUint16(ENV.tags, tagWord(unit), true);
  // The upper half of the operand's selector is reserved, and set.
  view.setUint16(ENV.size - 2, 0xffff, true);
  return bytes;
}

export function loadEnvironment(unit: Unit, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  unit.status = view.getUint16(ENV.status, true);
  const tags = view.getUint16(ENV.tags, true);
  unit.valid = [0, 1, 2, 3, 4, 5, 6, 7].reduce(
    (bits, n) => bits | (((tags >> (2 * n)) & 3) === EMPTY ? 0 : 1 << n),
    0,
  );
  unit.control = view.getUint16(ENV.control, true);
}

export function saveAll(unit: Unit): Uint8Array {
  const bytes = new Uint8Array(SAVED_SIZE);
  bytes.set(storeEnvironment(unit));
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < 8; index++) {
    const { significand, head } = unit.read(index);
    view.setBigUint64(ENV.size + 10 * index, significand, true);
    view.setUint16(ENV.size + 10 * index + 8, head, true);
  }
  return bytes;
}

export function restoreAll(unit: Unit, bytes: Uint8Array): void {
  loadEnvironment(unit, bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { valid } = unit;
  for (let index = 0; index < 8; index++) {
    const at = ENV.size + 10 * index;
    unit.write(index, { significand: view.getBigUint64(at, true), head: view.getUint16(at + 8, true) });
  }
  unit.valid = valid;
}
