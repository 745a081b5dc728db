import { constant } from '../../expressions.js';
import type { Meaning } from '../../meaning.js';
import { Table } from '../table.js';
import { ATOMICS } from './atomics.js';
import { BRANCHES } from './branches.js';
import { Draft } from './draft.js';
import { EXCLUSIVE } from './exclusive.js';
import { FLOAT_FAST } from './float-fast.js';
import { FLOAT_FLAGS } from './float-flags.js';
import { INTEGER_IMMEDIATE } from './integer-immediate.js';
import { INTEGER_REGISTER } from './integer-register.js';
import { MEMORY } from './memory.js';
import type { Row } from './row.js';
import { SIMD_LANES } from './simd-lanes.js';
import { SIMD_MOVES } from './simd-moves.js';
import { SIMD_STRUCTURES } from './simd-structures.js';
import { SIMD_WIDEN } from './simd-widen.js';
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
  ...SIMD_WIDEN,
  ...SIMD_STRUCTURES,
  ...FLOAT_FLAGS,
  ...FLOAT_FAST,
]);

/**
 * What an instruction of A64 does (Arm ARM C6 and C7): its word, and the address it stands at. The processor is an Armv8.0 with atomics (LSE)
 * and CRC32: what belongs to another extension is undefined, as on such a processor. Arithmetic on vectors and numbers that no row has is done
 * by the machine (machine/aarch64), which knows what it does not know.
 */
export function wordMeaning(word: number, address: bigint): Meaning {
  for (const { mask, value, form } of table.candidates(word)) {
    if ((word & mask) >>> 0 !== value) continue;
    const draft = new Draft(word, address);
    form(draft);
    return { statements: draft.statements, next: draft.next };
  }
  const draft = new Draft(word, address);
  if (isVector(word)) draft.helper('vector', constant(64, word));
  else draft.trap('undefined');
  return { statements: draft.statements, next: draft.next };
}

/** Arithmetic of FP and Advanced SIMD: op0, bits 28..25, is x111. */
const isVector = (word: number): boolean => ((word >>> 25) & 7) === 7;
