import type { Meaning, Trap } from '../../meaning.js';
import { Table } from '../table.js';
import { ATOMICS } from './atomics.js';
import { BRANCHES } from './branches.js';
import { Draft } from './draft.js';
import { EXCLUSIVE } from './exclusive.js';
import { INTEGER_IMMEDIATE } from './integer-immediate.js';
import { INTEGER_REGISTER } from './integer-register.js';
import { MEMORY } from './memory.js';
import type { Row } from './row.js';
import { SIMD_LANES } from './simd-lanes.js';
import { SIMD_MOVES } from './simd-moves.js';
import { SIMD_STRUCTURES } from './simd-structures.js';
import { SYSTEM } from './system.js';

const table = new Table<Row[2]>([
  ...INTEGER_IMMEDIATE,
  ...INTEGER_REGISTER,
  ...MEMORY,
  ...BRANCHES,
  ...EXCLUSIVE,
  ...ATOMICS,
  ...SYSTEM,
  ...SIMD_MOVES,
  ...SIMD_LANES,
  ...SIMD_STRUCTURES,
]);

/**
 * What an instruction of A64 does (Arm ARM C6 and C7): its word, and the address it stands at. The processor is an Armv8.0 with atomics (LSE)
 * and CRC32: what belongs to another extension is undefined, as on such a processor. What this machine does not know of FP and vectors is
 * `unsupported`.
 */
export function wordMeaning(word: number, address: bigint): Meaning {
  for (const { mask, value, form } of table.candidates(word)) {
    if ((word & mask) >>> 0 !== value) continue;
    const draft = new Draft(word, address);
    form(draft);
    return { statements: draft.statements, next: draft.next };
  }
  const trap: Trap = isVector(word) ? 'unsupported' : 'undefined';
  return { statements: [{ do: 'trap', trap }], next: BigInt.asUintN(64, address + 4n) };
}

/** FP and Advanced SIMD (op0, bits 28..25, is x111), and their loads and stores (x1x0 with bit 26). */
const isVector = (word: number): boolean => {
  const op0 = (word >>> 25) & 15;
  return (op0 & 7) === 7 || ((op0 & 5) === 4 && ((word >>> 26) & 1) === 1);
};
