import type { Addr } from '../abi/address.js';
import type { Region } from './image.js';
import type { Placed } from './layout.js';

/** A placed part of the file with its bytes, as an image shows it. `bytes` may be shorter than `size` (.bss). */
export const regionFrom = ({ start, size, flags, name }: Placed, bytes: Uint8Array): Region => ({
  start,
  size,
  bytes,
  readable: flags.r,
  writable: flags.w,
  executable: flags.x,
  name,
});

/** The one that holds the address, by binary search: `regions` ascend by address and do not overlap. */
export function regionOf<R extends { start: Addr; size: number }>(
  regions: readonly R[],
  address: number,
): R | undefined {
  let low = 0;
  let high = regions.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const region = regions[middle]!;
    if (address < region.start) high = middle - 1;
    else if (address >= region.start + region.size) low = middle + 1;
    else return region;
  }
  return undefined;
}
