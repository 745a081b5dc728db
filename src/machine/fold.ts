/**
 * How the addresses of a real process, of 47 bits, lie in a memory of 4 GiB: block n, the addresses from n * 4 GiB on, is turned by n times a
 * factor, which is chosen so that no two pages of the process come to lie on one (kernel/image/folding.ts). To which block a page of
 * memory belongs is its tag; translated code compares that with the address's upper half.
 */
import { GUEST_END, GUEST_START, PAGE_SIZE } from './state.js';

/** A multiple of PAGE_SIZE below 2^32. */
export type Fold = number;

const BLOCK = 2 ** 32;
/** The first address that no program has. */
export const FOLDED_END = 2 ** 47;

/** Which block an address is in. */
export const blockOf = (address: number): number => Math.floor(address / BLOCK);

/** Where an address lies in memory. */
export const foldedAt = (fold: Fold, address: number): number =>
  ((address % BLOCK) + Math.imul(blockOf(address), fold)) >>> 0;

/** The address of a block that lies there. */
export const unfolded = (fold: Fold, at: number, block: number): number =>
  block * BLOCK + ((at - Math.imul(block, fold)) >>> 0);

/** Bytes [start, end) of memory, all of one block. */
export interface FoldedRange {
  readonly start: number;
  readonly end: number;
  readonly block: number;
}

/** Where addresses [start, end) lie: a piece for each block, cut where it goes round the end of memory. */
export function foldedRanges(fold: Fold, start: number, end: number): FoldedRange[] {
  const found: FoldedRange[] = [];
  for (let at = start; at < end; ) {
    const block = blockOf(at);
    const from = foldedAt(fold, at);
    const to = from + Math.min(end - at, (block + 1) * BLOCK - at, BLOCK - from);
    found.push({ start: from, end: to, block });
    at += to - from;
  }
  return found;
}

/** Is all of it in what programs can have? */
export const isInMemory = ({ start, end }: FoldedRange): boolean => start >= GUEST_START && end <= GUEST_END;

/** No access from this address may reach into the next page by going on in memory: it is the last page of its block. */
export const endsBlock = (address: number): boolean => address % BLOCK === BLOCK - PAGE_SIZE;
