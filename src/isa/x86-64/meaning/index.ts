import type { Instruction, Mnemonic } from 'iced-x86';
import type { Meaning } from '../../meaning.js';
import { BITS } from './bits.js';
import { CONTROL } from './control.js';
import { Draft } from './draft.js';
import { INTEGER, type Row } from './integer.js';
import { MULTIPLY } from './multiply.js';
import { SHIFTS } from './shifts.js';
import { STRINGS } from './strings.js';

const ROWS: ReadonlyMap<Mnemonic, Row> = new Map([
  ...INTEGER,
  ...SHIFTS,
  ...MULTIPLY,
  ...BITS,
  ...CONTROL,
  ...STRINGS,
]);

/** What an x86-64 instruction does (Intel SDM vol. 2); undefined where no row says so: it must not be run. */
export function meaningOf(instruction: Instruction): Meaning | undefined {
  const row = ROWS.get(instruction.mnemonic);
  if (row === undefined || isFar(instruction)) return undefined;
  const draft = new Draft(instruction);
  row(draft);
  return { statements: draft.statements, next: instruction.nextIP };
}

/** To another code segment: no 64-bit program does. */
const isFar = (instruction: Instruction): boolean =>
  instruction.isJmpFarIndirect ||
  instruction.isCallFarIndirect ||
  instruction.isJmpFar ||
  instruction.isCallFar;
