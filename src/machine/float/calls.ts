import { STATE } from '../state.js';
import { FLOAT_NAMES } from './names.js';
import { FLOAT_FUNCTIONS, raised } from './sse.js';

/** An exception of SSE that MXCSR does not mask: the instruction has done nothing but raise its flag. */
export class FloatTrap extends Error {
  constructor() {
    super('an unmasked floating-point exception');
  }
}

const FUNCTIONS = FLOAT_NAMES.map((name) => FLOAT_FUNCTIONS.get(name)!);

/** By index in FLOAT_NAMES, on bits in the low part of 64: raises flags in MXCSR, and notes where one is unmasked. */
export function softFloat(view: DataView, index: number, a: bigint, b: bigint): bigint {
  const mxcsr = view.getUint32(STATE.mxcsr, true);
  const result = FUNCTIONS[index]!(mxcsr, BigInt.asUintN(64, a), BigInt.asUintN(64, b));
  const { flags, traps } = raised(mxcsr, result.flags);
  view.setUint32(STATE.mxcsr, mxcsr | flags, true);
  if (traps) view.setUint8(STATE.floatTrap, 1);
  return result.bits;
}

export function floatTrap(view: DataView): void {
  if (view.getUint8(STATE.floatTrap) === 0) return;
  view.setUint8(STATE.floatTrap, 0);
  throw new FloatTrap();
}
