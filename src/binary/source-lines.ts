import type { Addr } from '../abi/address.js';
import type { ElfHeaders } from './headers.js';
import type { ImageSymbol, SourceLine } from './image.js';
import type { MemoryLayout } from './layout.js';

/** Source positions by address, from the file's DWARF line tables. */
export function sourceLines(
  _headers: ElfHeaders,
  _memory: MemoryLayout,
  _symbols: (table: number) => readonly ImageSymbol[],
  _warnings: string[],
): (at: Addr) => SourceLine | undefined {
  return () => undefined;
}
