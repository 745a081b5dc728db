import type { Kernel } from '../kernel.js';
import { areaAt } from '../mm/areas.js';
import type { Mm } from '../state.js';
import { wake } from '../wait.js';

/** FUTEX_BITSET_MATCH_ANY. */
export const ALL_BITS = 0xffff_ffff;

/** What a thread that waits for a futex has in Wait.data. */
export interface FutexWait {
  readonly kind: 'futex';
  readonly bitset: number;
}

/**
 * Which queue a futex has (kernel/futex/core.c get_futex_key). FUTEX_PRIVATE_FLAG makes another one, even in memory that is not shared:
 * who waits with it is not found by who wakes without.
 */
export function keyOf(mm: Mm, address: bigint, isPrivate: boolean): string {
  if (isPrivate) return `futex:${mm.id}:${address}:private`;
  const area = areaAt(mm, Number(address));
  // Shared memory is the same wherever it is mapped.
  return area?.shared && area.object !== undefined
    ? `futex:object:${area.object.id}:${area.offset + Number(address) - area.start}`
    : `futex:${mm.id}:${address}`;
}

/** Wakes up to `most` of those that wait with some bit of `bitset`. Returns how many. */
export const wakeQueue = (kernel: Kernel, key: string, most: number, bitset: number): number =>
  wake(kernel, key, most, (_, { data }) => ((data as FutexWait).bitset & bitset) !== 0);

/** The kernel's own wakes, of threads that end, are not private. */
export const wakeFutex = (kernel: Kernel, mm: Mm, address: bigint, most: number): number =>
  wakeQueue(kernel, keyOf(mm, address, false), most, ALL_BITS);
