import { FOLDED_END } from '../../machine/fold.js';

/**
 * A number as a local holds it. Whatever points into the task's own window is kept as its distance from the window's beginning, above RELATIVE:
 * so a state does not say whose it is.
 */
export const RELATIVE = 1n << 64n;

/**
 * A task's own memory: its stack, and above it the thread pointer's block with struct rseq. Addresses. `area`: a struct rseq that lies elsewhere; in
 * distances from the window's beginning it comes behind the rest.
 */
export interface Window {
  readonly start: number;
  readonly end: number;
  readonly area?: { readonly start: number; readonly end: number };
}

/** Bytes of a window. */
export const sizeOf = ({ start, end, area }: Window): number =>
  end - start + (area === undefined ? 0 : area.end - area.start);

/** Distance of an address from the window's beginning; undefined where it is not in it. */
export function placeIn({ start, end, area }: Window, address: number): number | undefined {
  if (address >= start && address < end) return address - start;
  if (area !== undefined && address >= area.start && address < area.end)
    return end - start + address - area.start;
  return undefined;
}

/** The address at a distance from the window's beginning. */
export const addressIn = ({ start, end, area }: Window, place: number): number =>
  area === undefined || place < end - start ? start + place : area.start + place - (end - start);

const FIRST_BEYOND = BigInt(FOLDED_END);

export function toLocal(value: bigint, window: Window): bigint {
  if (value >= FIRST_BEYOND) return value;
  const place = placeIn(window, Number(value));
  return place === undefined ? value : RELATIVE | BigInt(place);
}

/** 0 that was written, where that is told from words that never were. */
export const ZERO = 1n << 65n;

export const fromLocal = (value: bigint, window: Window): bigint =>
  value === ZERO ? 0n : value < RELATIVE ? value : BigInt(addressIn(window, Number(value & (RELATIVE - 1n))));
