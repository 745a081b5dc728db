import type { Meaning } from '../../meaning.js';
import { Table } from '../table.js';
import { BRANCHES } from './branches.js';
import { Draft } from './draft.js';
import { INTEGER_IMMEDIATE } from './integer-immediate.js';
import type { Row } from './row.js';

const table = new Table<Row[2]>([...INTEGER_IMMEDIATE, ...BRANCHES]);

/** What an instruction of A64 does (Arm ARM C6 and C7): its word, and the address it stands at. Never undefined: what is not known here says so. */
export function wordMeaning(word: number, address: bigint): Meaning {
  for (const { mask, value, form } of table.candidates(word)) {
    if ((word & mask) >>> 0 !== value) continue;
    const draft = new Draft(word, address);
    form(draft);
    return { statements: draft.statements, next: draft.next };
  }
  return { statements: [{ do: 'trap', trap: 'unsupported' }], next: BigInt.asUintN(64, address + 4n) };
}
