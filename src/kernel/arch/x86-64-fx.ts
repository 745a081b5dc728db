import { SI } from '../../abi/signals.js';
import { resetFloat, STATE, STATE_SIZES } from '../../machine/state.js';
import { FX, MXCSR_MASK, readImage, writeImage } from '../../machine/x87/image.js';

/**
 * The floating point state as fxsave lays it out (Intel SDM vol. 1, table 10-2), of a thread's registers. Stands in signal frames.
 */
export const FX_SIZE = FX.size;

export function writeFx(registers: BigUint64Array): Uint8Array {
  return writeImage(new DataView(registers.buffer));
}

/** Bits that MXCSR does not have are taken away (arch/x86/kernel/fpu/signal.c, __fpu_restore_sig). */
export function readFx(registers: BigUint64Array, bytes: Uint8Array): void {
  const image = bytes.slice(0, FX.size);
  const view = new DataView(image.buffer);
  view.setUint32(FX.mxcsr, view.getUint32(FX.mxcsr, true) & MXCSR_MASK, true);
  readImage(new DataView(registers.buffer), image);
}

/** As a program finds it at its beginning, and every signal handler at its own (fpu__clear_user_states). */
export function resetFpu(registers: BigUint64Array): void {
  new Uint8Array(registers.buffer).fill(0, STATE.mxcsr, STATE_SIZES['x86-64']);
  resetFloat(new DataView(registers.buffer));
}

/** Exceptions by their bits, the first one that counts (arch/x86/kernel/fpu/core.c, fpu__exception_code). */
const FLOAT_CODES = [
  [1, SI.FPE_FLTINV],
  [4, SI.FPE_FLTDIV],
  [8, SI.FPE_FLTOVF],
  [0x12, SI.FPE_FLTUND],
  [0x20, SI.FPE_FLTRES],
] as const;
const [X86_TRAP_MF, X86_TRAP_XF] = [16, 19] as const;

/** An unmasked exception of the x87 that is pending, else one of SSE: its si_code and its trap. */
export function floatException(registers: BigUint64Array): { code: number; trap: number } {
  const view = new DataView(registers.buffer);
  const status = view.getUint16(STATE.x87Status, true);
  const mxcsr = view.getUint32(STATE.mxcsr, true);
  const pending = (status & 0x80) !== 0;
  const found = pending ? status & ~view.getUint16(STATE.x87Control, true) : mxcsr & ~(mxcsr >> 7);
  const code = FLOAT_CODES.find(([bits]) => (found & bits) !== 0)?.[1] ?? SI.KERNEL;
  return { code, trap: pending ? X86_TRAP_MF : X86_TRAP_XF };
}
