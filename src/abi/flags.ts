/** A named bit of a flags word. */
export interface Flag {
  readonly name: string;
  /** The bit itself; an unsigned 32-bit value. */
  readonly value: number;
  readonly since: string;
  readonly comment: string;
  readonly source: string;
}

/** `A|B|0x80`, `0` for none: known bits by name, the rest in hexadecimal (strace's style). */
export function flagNames(flags: readonly Flag[], value: number): string {
  const bits = value >>> 0;
  if (bits === 0) return '0';
  const known = flags.filter((flag) => (bits & flag.value) !== 0);
  const rest = known.reduce((left, flag) => left & ~flag.value, bits) >>> 0;
  const names = known.map((flag) => flag.name);
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names.join('|');
}
