/** Names and numbers that fields of A64 encodings stand for. */

export const CONDITIONS: readonly string[] = 'eq ne cs cc mi pl vs vc hi ls ge lt gt le al nv'.split(' ');
/** Arm ARM C1.2.4: bit 0 turns a condition round. */
export const condition = (code: number): string => CONDITIONS[code & 15]!;

export const SHIFTS = ['lsl', 'lsr', 'asr', 'ror'] as const;
export const EXTENDS = ['uxtb', 'uxth', 'uxtw', 'uxtx', 'sxtb', 'sxth', 'sxtw', 'sxtx'] as const;

/** An immediate as objdump prints it: `#0x10`. */
export const hexImmediate = (value: number | bigint): string =>
  value < 0 ? `#-0x${(-value).toString(16)}` : `#0x${value.toString(16)}`;

/**
 * DecodeBitMasks (Arm ARM shared/functions/integer/DecodeBitMasks), the immediate half: an element of
 * 2..64 bits holds imms+1 ones turned right by immr and repeats over the register. Undefined: reserved.
 */
export const bitmask = (n: number, imms: number, immr: number, wide: boolean): bigint | undefined => {
  if (!wide && n === 1) return undefined;
  const pattern = (n << 6) | (~imms & 63);
  if (pattern < 2) return undefined;
  const size = 1 << (31 - Math.clz32(pattern));
  const ones = imms & (size - 1);
  const turn = immr & (size - 1);
  if (ones === size - 1) return undefined;
  const element = (1n << BigInt(ones + 1)) - 1n;
  const turned = ((element >> BigInt(turn)) | (element << BigInt(size - turn))) & ((1n << BigInt(size)) - 1n);
  let value = 0n;
  for (let at = 0; at < (wide ? 64 : 32); at += size) value |= turned << BigInt(at);
  return value;
};

/** MoveWidePreferred (Arm ARM): movz or movn makes this value, so `mov` is not the name of the orr. */
export const moveWidePreferred = (value: bigint, wide: boolean): boolean => {
  const full = wide ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  for (let at = 0n; at < (wide ? 64n : 32n); at += 16n) {
    const field = 0xffffn << at;
    if ((value & ~field) === 0n || (~value & full & ~field) === 0n) return true;
  }
  return false;
};

/** VFPExpandImm (Arm ARM): sign, three bits of exponent, four of fraction. */
export const floatImmediate = (imm8: number): number => {
  const sign = imm8 & 0x80 ? -1 : 1;
  const exponent = ((imm8 >> 4) & 7) ^ 4;
  return sign * (1 + (imm8 & 15) / 16) * 2 ** (exponent - 3);
};

/** `#1.000000000000000000e+00` */
export const floatText = (value: number): string => {
  const [digits, exponent] = value.toExponential(18).split('e') as [string, string];
  return `#${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
};

/** ld1..ld4, st1..st4 of whole registers: opcode, bits 15..12 -> registers, and elements of a structure (Arm ARM C4.1.94). */
export const STRUCTURES: Readonly<Record<number, readonly [registers: number, interleaved: number]>> = {
  0: [4, 4],
  2: [4, 1],
  4: [3, 3],
  6: [3, 1],
  7: [1, 1],
  8: [2, 2],
  10: [2, 1],
};
