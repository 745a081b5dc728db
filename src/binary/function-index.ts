import { type Addr, addr } from '../abi/address.js';
import type { FunctionRange, ProgramImage } from './image.js';

/** Which function holds an address. */
export interface FunctionIndex {
  at(address: Addr): FunctionRange | undefined;
}

/** Functions by address, from symbols. A symbol without a size (hand-written assembly) reaches to the next one. */
export function functionIndex(image: ProgramImage): FunctionIndex {
  const symbols = image.symbols.filter(
    (symbol) => symbol.kind === 'function' && symbol.address !== undefined && !/^\$[xdat]/.test(symbol.name),
  );
  const ranges: FunctionRange[] = [];
  for (const [index, symbol] of symbols.entries()) {
    const start = symbol.address!;
    let end = start + symbol.size;
    if (symbol.size === 0) {
      const next = symbols.slice(index + 1, index + 64).find((other) => other.address! > start)?.address;
      const section = image.sectionAt(start);
      const limit = section?.address === undefined ? start + 4096 : section.address + section.size;
      end = Math.min(next ?? limit, limit);
    }
    if (end > start) ranges.push({ name: symbol.name, start, end: addr(end), from: 'symbol' });
  }
  return {
    at(address) {
      let low = 0;
      let high = ranges.length - 1;
      let best = -1;
      while (low <= high) {
        const middle = (low + high) >> 1;
        if (ranges[middle]!.start <= address) {
          best = middle;
          low = middle + 1;
        } else high = middle - 1;
      }
      // Aliases share a start, and an inner label may follow it: look back a little.
      for (let index = best; index >= 0 && index > best - 16; index--) {
        if (address < ranges[index]!.end) return ranges[index];
      }
      return undefined;
    },
  };
}
