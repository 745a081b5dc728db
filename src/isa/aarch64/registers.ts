import { FLAGS, type RegisterId, type RegisterSet, registerBit, VECTOR0 } from '../instruction.js';

/** Register field 31 names the stack pointer in some encodings and the zero register in the others. */
export const SP: RegisterId = 31;
export const LINK: RegisterId = 30;

/** `x3`, `w3`; 31 is `xzr`, `wzr` (Arm ARM C1.2.5). */
export const general = (n: number, wide: boolean | number): string =>
  n === 31 ? (wide ? 'xzr' : 'wzr') : `${wide ? 'x' : 'w'}${n}`;

/** As `general`, where 31 is `sp`, `wsp`. */
export const generalOrSp = (n: number, wide: boolean | number): string =>
  n === 31 ? (wide ? 'sp' : 'wsp') : `${wide ? 'x' : 'w'}${n}`;

/** The vector register `n` in the register numbering of the contract. */
export const vector = (n: number): RegisterId => VECTOR0 + (n & 31);

const span = (from: number, to: number): RegisterSet => {
  let set = 0n;
  for (let n = from; n <= to; n++) set |= registerBit(n);
  return set;
};

/**
 * AAPCS64 6.1.1 and 6.1.2: x19..x29 and the low half of v8..v15 are kept. The link register is not: the
 * call itself overwrites it. x18 is a temporary on Linux (6.1.1, "platform register").
 */
export const CALLEE_SAVED: RegisterSet = span(19, 29) | span(vector(8), vector(15));
export const CALLER_SAVED: RegisterSet =
  span(0, 18) |
  registerBit(LINK) |
  registerBit(FLAGS) |
  span(vector(0), vector(7)) |
  span(vector(16), vector(31));

export const registerName = (register: RegisterId): string => {
  if (register === SP) return 'sp';
  if (register < SP) return `x${register}`;
  if (register === FLAGS) return 'nzcv';
  if (register >= VECTOR0 && register < VECTOR0 + 32) return `v${register - VECTOR0}`;
  return `r${register}`;
};
