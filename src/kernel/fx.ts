/**
 * The floating point state as fxsave lays it out (Intel SDM vol. 1, table 10-2), of a thread's registers. Stands in signal frames.
 */
export const FX_SIZE = 512;

export function writeFx(_registers: BigUint64Array): Uint8Array {
  return new Uint8Array(FX_SIZE);
}

export function readFx(_registers: BigUint64Array, _bytes: Uint8Array): void {}

export function resetFpu(_registers: BigUint64Array): void {}
