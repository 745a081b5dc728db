import type { AddressExpression, MemoryAccess, RegisterId, RegisterSet, Value } from '../instruction.js';

export type Bits = 32 | 64;
type Operation = 'add' | 'sub' | 'mul' | 'shl' | 'shr' | 'and' | 'or' | 'xor';

export const constant = (value: number): Value => ({ op: 'constant', value });
export const ZERO: Value = constant(0);
export const unknown = (...from: Value[]): Value => ({ op: 'unknown', from });
export const register = (number: RegisterId, bits: 8 | 16 | 32 | 64): Value => ({
  op: 'register',
  register: number,
  bits,
});
export const operation = (op: Operation, a: Value, b: Value, bits: Bits): Value => ({ op, a, b, bits });
export const load = (memory: MemoryAccess, signed = false): Value => ({ op: 'load', memory, signed });

/**
 * A constant of 64 bits, signed; of 32 bits, unsigned (a w register is zero-extended). One that a number
 * does not hold exactly is unknown.
 */
export const bigConstant = (value: bigint, bits: Bits): Value => {
  const exact = bits === 64 ? BigInt.asIntN(64, value) : BigInt.asUintN(32, value);
  const number = Number(exact);
  return BigInt(number) === exact ? constant(number) : unknown();
};

/** `width` one bits, moved up by `lsb`. */
export const mask = (width: number, lsb: number): bigint => ((1n << BigInt(width)) - 1n) << BigInt(lsb);

const BIT: readonly RegisterSet[] = Array.from({ length: 96 }, (_, n) => 1n << BigInt(n));
export const bit = (number: RegisterId): RegisterSet => BIT[number] ?? 0n;

const addressReads = (address: AddressExpression): RegisterSet =>
  (address.base === undefined ? 0n : bit(address.base)) |
  (address.index === undefined ? 0n : bit(address.index));

/** The registers a value is made of, those of the addresses it loads from included. */
export const readsOf = (value: Value): RegisterSet => {
  switch (value.op) {
    case 'register':
      return bit(value.register);
    case 'constant':
    case 'condition':
    case 'thread-pointer':
      return 0n;
    case 'address':
      return addressReads(value.address);
    case 'load':
      return addressReads(value.memory.address);
    case 'unknown':
      return value.from.reduce((set, part) => set | readsOf(part), 0n);
    default:
      return readsOf(value.a) | readsOf(value.b);
  }
};

export { addressReads };
