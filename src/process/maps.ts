/** Questions about what is mapped where. A process with a thousand threads has thousands of maps. */

interface Range {
  readonly start: bigint;
  /** Behind the last byte. */
  readonly end: bigint;
}

/** Index of the first range that ends behind an address; the ranges ascend, and do not overlap. */
export function firstBehind(ranges: readonly Range[], address: bigint): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.end > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The range with this address. */
export function holding<T extends Range>(ranges: readonly T[], address: bigint): T | undefined {
  const found = ranges[firstBehind(ranges, address)];
  return found !== undefined && found.start <= address ? found : undefined;
}

/** Those that have a part of [start, end). */
export function covering<T extends Range>(ranges: readonly T[], start: bigint, end: bigint): T[] {
  const found: T[] = [];
  for (let index = firstBehind(ranges, start); index < ranges.length && ranges[index]!.start < end; index++)
    found.push(ranges[index]!);
  return found;
}
