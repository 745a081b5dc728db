/**
 * Addresses in the process's view: unsigned, in bytes. User addresses on every architecture that has
 * rseq are below 2^57 in theory and below 2^47 (x86-64) or 2^48 (arm64) in practice, so a number holds
 * them exactly up to 2^53. A 64-bit field read from a file that is larger stays a bigint: it is
 * outside TASK_SIZE, and every rule that meets it says so.
 */
export type Addr = number & { readonly __brand: 'Addr' };

/** A number known to be an address, branded; nothing is checked (asAddr does, for a bigint of a file). */
export const addr = (value: number): Addr => value as Addr;

/** The address moved on by `bytes`; keeps the brand. */
export const plus = (base: Addr, bytes: number): Addr => (base + bytes) as Addr;

/** `0x4011c4`, as every tool of the field prints it. */
export const hex = (value: number | bigint): string =>
  value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;

/** A 64-bit value as an address, or undefined where it is outside any user address space. */
export const asAddr = (value: bigint): Addr | undefined =>
  value >= 0n && value <= 0x1f_ffff_ffff_ffffn ? (Number(value) as Addr) : undefined;
