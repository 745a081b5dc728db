/**
 * A question about one symbol of a linked file, answered by a look through its tables. Reading all of a large file's symbols, with their names, takes
 * a hundred times as long, which is worth it only to who has many questions.
 */
import { type Addr, addr } from '../abi/address.js';
import type { ElfHeaders } from './headers.js';
import type { FunctionRange, ImageSymbol } from './image.js';
import { readSymbol, type SymbolSource } from './symbols.js';

/** Headers with a table of theirs: those of the file, or of its debug file. */
export type ScanTable = readonly [ElfHeaders, SymbolSource];

/** The symbol of this name that ProgramImage.symbol gives: the one with the lowest address, an undefined one before all. */
export function scanForName(tables: readonly ScanTable[], name: string): ImageSymbol | undefined {
  const wanted = new TextEncoder().encode(`${name}\0`);
  let best: ImageSymbol | undefined;
  for (const [headers, source] of tables) {
    const { bytes } = headers.cursor;
    const view = viewOf(bytes);
    const { littleEndian } = headers.cursor;
    const size = headers.cursor.bits === 64 ? 24 : 16;
    for (let index = 0; index < countIn(bytes, source, size); index++) {
      const nameAt = view.getUint32(source.offset + index * size, littleEndian);
      if (nameAt === 0 || nameAt + wanted.length > source.stringsSize) continue;
      let at = source.strings + nameAt;
      let same = 0;
      while (same < wanted.length && bytes[at] === wanted[same]) {
        at++;
        same++;
      }
      if (same < wanted.length) continue;
      const symbol = readSymbol(headers, source, index, []);
      if (symbol.kind !== 'section' && (best === undefined || (symbol.address ?? -1) < (best.address ?? -1)))
        best = symbol;
    }
  }
  return best;
}

const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;

/** The function with a size that holds an address, as functionIndex has it; `unsure`: one without a size begins between, and may be it. */
export function scanForFunction(
  tables: readonly ScanTable[],
  address: Addr,
): FunctionRange | 'unsure' | undefined {
  let nearest = -1;
  let unsized = -1;
  let found: ImageSymbol[] = [];
  for (const [headers, source] of tables) {
    const { cursor } = headers;
    const view = viewOf(cursor.bytes);
    const wide = cursor.bits === 64;
    const entry = wide ? 24 : 16;
    for (let index = 0; index < countIn(cursor.bytes, source, entry); index++) {
      const at = source.offset + index * entry;
      const info = view.getUint8(at + (wide ? 4 : 12)) & 15;
      if (info !== STT_FUNC && info !== STT_GNU_IFUNC) continue;
      // Of another file.
      if (view.getUint16(at + (wide ? 6 : 14), cursor.littleEndian) === 0) continue;
      const start = wide
        ? wideAt(view, at + 8, cursor.littleEndian)
        : view.getUint32(at + 4, cursor.littleEndian);
      if (start > address) continue;
      const size = wide
        ? wideAt(view, at + 16, cursor.littleEndian)
        : view.getUint32(at + 8, cursor.littleEndian);
      if (size === 0) unsized = Math.max(unsized, start);
      if (start < nearest || address >= start + size) continue;
      const symbol = readSymbol(headers, source, index, []);
      if (symbol.address === undefined || symbol.name === '' || /^\$[xdat]/.test(symbol.name)) continue;
      if (start > nearest) found = [];
      nearest = start;
      if (!found.some(({ name }) => name === symbol.name)) found.push(symbol);
    }
  }
  if (unsized >= nearest && unsized >= 0) return 'unsure';
  const last = found.at(-1);
  return (
    last && { name: last.name, start: last.address!, end: addr(last.address! + last.size), from: 'symbol' }
  );
}

/** No more than the file has room for: the number may be a guess. */
const countIn = (bytes: Uint8Array, { offset, count }: SymbolSource, size: number): number =>
  Math.min(count, Math.floor((bytes.length - offset) / size));

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Exact to 2^53, and larger ones stay large. */
const wideAt = (view: DataView, at: number, little: boolean): number =>
  view.getUint32(at + (little ? 4 : 0), little) * 2 ** 32 + view.getUint32(at + (little ? 0 : 4), little);
