import { FOLDED_END, type Fold, foldedRanges, isInMemory } from '../../machine/fold.js';
import { PAGE_SIZE } from '../../machine/state.js';

/** A range of addresses that must have room in memory. */
interface Wanted {
  readonly start: number;
  readonly end: number;
  readonly growsDown: boolean;
}

/** Tries; each turns the blocks of 4 GiB another way. */
const TRIES = 4096;
/** Room for stacks and for the heap to grow, in bytes: what is left when that is not to be had. */
const ROOMS = [64 << 20, 8 << 20, 1 << 20, 0];
/** Knuth's multiplicative hashing: the tries are far from each other. */
const STEP = 0x9e37_7000;

/**
 * How a process's addresses can lie in a memory of 4 GiB without two of them at one place; undefined where there is no way. The same for the same
 * addresses. `brk`: the heap grows from there.
 */
export function foldFor(maps: readonly Wanted[], brk: number): Fold | undefined {
  for (const room of ROOMS) {
    const wanted = maps.map(({ start, end, growsDown }) => ({
      start: growsDown ? start - room : start,
      end: end === brk ? end + room : end,
    }));
    for (let n = 0; n < TRIES; n++) {
      const fold = (Math.imul(n, STEP) >>> 0) - ((Math.imul(n, STEP) >>> 0) % PAGE_SIZE);
      if (fits(fold, wanted)) return fold;
    }
  }
  return undefined;
}

function fits(fold: Fold, wanted: readonly { start: number; end: number }[]): boolean {
  const ranges = wanted.flatMap(({ start, end }) => foldedRanges(fold, start, Math.min(end, FOLDED_END)));
  if (!ranges.every(isInMemory)) return false;
  ranges.sort((a, b) => a.start - b.start);
  return ranges.every(({ start }, n) => n === 0 || ranges[n - 1]!.end <= start);
}
