import type { Addr } from '../../abi/address.js';
import type { Decoder, Instruction } from '../instruction.js';
import { ATOMICS } from './atomics.js';
import { BRANCHES } from './branches.js';
import { DATA_IMMEDIATE } from './data-immediate.js';
import { DATA_REGISTER } from './data-register.js';
import { Draft } from './draft.js';
import { FLOATING_POINT } from './fp.js';
import { LOADS_PAIR } from './loads-pair.js';
import { LOADS_SINGLE } from './loads-single.js';
import { CALLEE_SAVED, CALLER_SAVED, registerName, SP } from './registers.js';
import { SIMD_ARITHMETIC } from './simd-arithmetic.js';
import { SIMD_ELEMENTS } from './simd-elements.js';
import { SIMD_MOVES } from './simd-moves.js';
import { SIMD_SHIFTS } from './simd-shifts.js';
import { SIMD_STRUCTURES } from './simd-structures.js';
import { SYSTEM } from './system.js';
import { Table } from './table.js';

const table = new Table([
  ...DATA_IMMEDIATE,
  ...DATA_REGISTER,
  ...BRANCHES,
  ...SYSTEM,
  ...LOADS_SINGLE,
  ...LOADS_PAIR,
  ...ATOMICS,
  ...FLOATING_POINT,
  ...SIMD_ARITHMETIC,
  ...SIMD_MOVES,
  ...SIMD_ELEMENTS,
  ...SIMD_SHIFTS,
  ...SIMD_STRUCTURES,
]);

/** `.inst 0x........`; a tail of fewer than four bytes as bytes. */
const undecodable = (bytes: Uint8Array, address: Addr): Instruction => {
  const short = bytes.length < 4;
  const digits = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0'));
  const draft = new Draft(0, address);
  draft.flow = 'unknown';
  if (short || isUnallocated(bytes[3]!)) draft.mark('reserved');
  draft.text = short
    ? `.byte ${digits.map((two) => `0x${two}`).join(', ')}`
    : `.inst 0x${digits.reverse().join('')}`;
  return { ...draft.finish(), length: short ? Math.max(1, bytes.length) : 4 };
};

/** op0, bits 28..25: x001 and x011 are unallocated groups (Arm ARM C4.1); 0000 and 0010 hold SME and SVE. */
const isUnallocated = (highest: number): boolean => [0b0001, 0b0011].includes((highest >> 1) & 0xf);

const decode = (bytes: Uint8Array, address: Addr): Instruction => {
  if (bytes.length < 4) return undecodable(bytes, address);
  // Instructions are little-endian in big-endian programs too (Arm ARM B2.6.2).
  const word = (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
  for (const { mask, value, name, form } of table.candidates(word)) {
    if ((word & mask) >>> 0 !== value) continue;
    const draft = new Draft(word, address);
    if (form(draft, name)) return draft.finish();
  }
  return undecodable(bytes, address);
};

/**
 * AArch64 (A64): the base set, LSE, pointer authentication, memory tagging, FP and Advanced SIMD but for cryptography, dot
 * products and complex numbers; not SVE and SME.
 */
export const aarch64: Decoder = {
  architecture: 'aarch64',
  minLength: 4,
  maxLength: 4,
  stackPointer: SP,
  returnValue: 0,
  calleeSaved: CALLEE_SAVED,
  callerSaved: CALLER_SAVED,
  equal: 0,
  argumentRegisters: [0, 1, 2, 3, 4, 5, 6, 7],
  registerName,
  decode,
};
