import type { Trap } from '../../isa/meaning.js';
import { STATE } from '../state.js';

/** Offsets in the 512 bytes of fxsave (Intel SDM vol. 1, table 10-2). */
export const FX = {
  control: 0,
  status: 2,
  valid: 4,
  mxcsr: 24,
  mxcsrMask: 28,
  registers: 32,
  xmm: 160,
  size: 512,
} as const;
export const MXCSR_MASK = 0xffff;

const topOf = (view: DataView): number => (view.getUint16(STATE.x87Status, true) >> 11) & 7;

/**
 * The state as fxsave writes it. The x87's registers stand in the stack's order. Its last instruction, operand and opcode are zeros: this
 * machine does not note them.
 */
export function writeImage(view: DataView): Uint8Array {
  const bytes = new Uint8Array(FX.size);
  const image = new DataView(bytes.buffer);
  const state = new Uint8Array(view.buffer);
  image.setUint16(FX.control, view.getUint16(STATE.x87Control, true), true);
  image.setUint16(FX.status, view.getUint16(STATE.x87Status, true), true);
  image.setUint8(FX.valid, view.getUint8(STATE.x87Valid));
  image.setUint32(FX.mxcsr, view.getUint32(STATE.mxcsr, true), true);
  image.setUint32(FX.mxcsrMask, MXCSR_MASK, true);
  const top = topOf(view);
  for (let n = 0; n < 8; n++) {
    const from = STATE.x87Registers + 16 * ((top + n) & 7);
    bytes.set(state.subarray(from, from + 10), FX.registers + 16 * n);
  }
  bytes.set(state.subarray(STATE.xmm, STATE.xmm + 256), FX.xmm);
  return bytes;
}

/** The opposite. Reserved bits of MXCSR trap, with nothing done. */
export function readImage(view: DataView, bytes: Uint8Array): Trap | undefined {
  const image = new DataView(bytes.buffer, bytes.byteOffset, FX.size);
  const mxcsr = image.getUint32(FX.mxcsr, true);
  if (mxcsr > MXCSR_MASK) return 'general-protection';
  const state = new Uint8Array(view.buffer);
  view.setUint16(STATE.x87Control, image.getUint16(FX.control, true) | 0x40, true);
  view.setUint16(STATE.x87Status, image.getUint16(FX.status, true), true);
  view.setUint8(STATE.x87Valid, image.getUint8(FX.valid));
  view.setUint32(STATE.mxcsr, mxcsr, true);
  const top = topOf(view);
  for (let n = 0; n < 8; n++) {
    const from = FX.registers + 16 * n;
    state.set(bytes.subarray(from, from + 10), STATE.x87Registers + 16 * ((top + n) & 7));
  }
  state.set(bytes.subarray(FX.xmm, FX.xmm + 256), STATE.xmm);
  return undefined;
}
