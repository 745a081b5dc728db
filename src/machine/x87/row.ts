import type { Trap } from '../../isa/meaning.js';
import { STATE } from '../state.js';
import type { Unit } from './unit.js';

/**
 * What a statement of the x87 does with two operands of 64 bits. It may say why it could not: then it has done nothing. What it makes for
 * the rest of its instruction is in STATE.x87Result.
 */
export type Row =
  | ((unit: Unit, a: bigint, b: bigint) => Trap | undefined)
  | ((unit: Unit, a: bigint, b: bigint) => void);

/** Low 8 bytes, the high 2 bytes of 80 bits, and what a later `commit` adds to the status word. */
export function setResult(unit: Unit, low: bigint, high = 0, status = 0): void {
  const { view } = unit;
  view.setBigUint64(STATE.x87Result, BigInt.asUintN(64, low), true);
  view.setUint16(STATE.x87Result + 8, high, true);
  view.setUint16(STATE.x87Result + 10, status, true);
}

export const resultStatus = ({ view }: Unit): number => view.getUint16(STATE.x87Result + 10, true);
