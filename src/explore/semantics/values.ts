/**
 * A number as a local holds it. Whatever points into the task's own window is kept as its distance from the window's beginning, above RELATIVE:
 * so a state does not say whose it is.
 */
export const RELATIVE = 1n << 64n;

/** A task's own memory: its stack, and above it the thread pointer's block with struct rseq. Addresses. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

export const toLocal = (value: bigint, { start, end }: Window): bigint =>
  value >= BigInt(start) && value < BigInt(end) ? RELATIVE | (value - BigInt(start)) : value;

/** 0 that was written, where that is told from words that never were. */
export const ZERO = 1n << 65n;

export const fromLocal = (value: bigint, { start }: Window): bigint =>
  value === ZERO ? 0n : value < RELATIVE ? value : (value & (RELATIVE - 1n)) + BigInt(start);
