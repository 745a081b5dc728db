import type { Trap } from '../../isa/meaning.js';
import { ARITHMETIC } from './arithmetic.js';
import type { Row } from './row.js';
import { SPECIAL } from './special.js';
import { TRANSCENDENTAL } from './transcendental.js';
import { TRANSFERS } from './transfers.js';
import { reset, Unit } from './unit.js';

/** What does not wait for exceptions that are pending. */
const CONTROL: readonly (readonly [string, Row])[] = [
  ['init', reset],
  [
    'clear exceptions',
    (unit) => {
      unit.status &= 0x7f00;
    },
  ],
];

const WAITING: readonly (readonly [string, Row])[] = [
  ...ARITHMETIC,
  ...TRANSFERS,
  ...SPECIAL,
  ...TRANSCENDENTAL,
  [
    'load control',
    (unit, a) => {
      unit.control = Number(a & 0xffffn);
    },
  ],
  ['wait', () => {}],
  [
    'empty',
    (unit) => {
      enterMmx(unit);
      unit.valid = 0;
    },
  ],
  ['enter mmx', enterMmx],
  [
    'write mmx',
    (unit, a, b) => {
      enterMmx(unit);
      unit.write(Number(a), { significand: b, head: 0xffff });
    },
  ],
];

/** An instruction of MMX leaves all registers full, and the top at 0. */
function enterMmx(unit: Unit): void {
  unit.top = 0;
  unit.valid = 0xff;
}

/** An unmasked exception found before stops what comes next (Intel SDM vol. 1, 8.6). */
const waiting =
  (row: Row): Row =>
  (unit, a, b) =>
    unit.isPending ? 'float' : row(unit, a, b);

const ROWS: readonly (readonly [string, Row])[] = [
  ...CONTROL,
  ...WAITING.map(([name, row]) => [name, waiting(row)] as const),
];

/** Statements of the x87 by number. */
export const X87_NAMES: readonly string[] = ROWS.map(([name]) => name);

/** Does a statement by its number; what is returned stops the instruction, with nothing done. */
export function runX87(view: DataView, number: number, a: bigint, b: bigint): Trap | undefined {
  const unit = new Unit(view);
  return ROWS[number]![1](unit, BigInt.asUintN(64, a), BigInt.asUintN(64, b)) ?? undefined;
}
