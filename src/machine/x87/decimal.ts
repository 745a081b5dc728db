import type { Bits80 } from '../float/value.js';

/** Packed decimals: 18 digits, four bits each, and the sign in bit 79 (Intel SDM vol. 1, 4.7). */
const DIGITS = 18;
export const INDEFINITE_DECIMAL: Bits80 = { significand: 0xc000_0000_0000_0000n, head: 0xffff };

export function toDecimal(value: bigint, negative: boolean): Bits80 {
  let rest = value < 0n ? -value : value;
  let digits = 0n;
  for (let n = 0; n < DIGITS; n++) {
    digits |= (rest % 10n) << BigInt(4 * n);
    rest /= 10n;
  }
  return {
    significand: BigInt.asUintN(64, digits),
    head: Number(digits >> 64n) | (negative ? 0x8000 : 0),
  };
}

/** Digits above 9 have no meaning; each counts for what it is. */
export function fromDecimal(low: bigint, high: number): { magnitude: bigint; negative: boolean } {
  const digits = low | (BigInt(high & 0xff) << 64n);
  let magnitude = 0n;
  for (let n = DIGITS - 1; n >= 0; n--) magnitude = magnitude * 10n + ((digits >> BigInt(4 * n)) & 15n);
  return { magnitude, negative: (high & 0x8000) !== 0 };
}
