import type { Addr } from '../abi/address.js';
import { type Inflate, sectionBytes } from './compressed.js';
import { type DebugSections, LineTable } from './dwarf/line-table.js';
import { type ElfHeaders, ET, type SectionHeader, SHT } from './headers.js';
import type { ImageSymbol, SourceLine } from './image.js';
import { relocationTable } from './relocation-tables.js';
import { implicitAddend, patch, relocationTypes } from './relocation-types.js';

/** `all`: read all of them now. */
export type SourceLines = (at: Addr, all?: boolean) => SourceLine | undefined;

/** Source positions by address, from the file's DWARF line tables. */
export function sourceLines(
  headers: ElfHeaders,
  symbols: (table: number) => readonly ImageSymbol[],
  warnings: string[],
  inflate?: Inflate,
): SourceLines {
  const read = (name: string): Uint8Array | undefined => {
    const section = headers.sections.find((each) => each.name === name && each.type !== SHT.NOBITS);
    if (section === undefined) return undefined;
    try {
      return relocated(headers, section, sectionBytes(headers, section, inflate), symbols);
    } catch (error) {
      warnings.push(
        `${name} ${(error as Error).message}: source lines are missing (objcopy --decompress-debug-sections helps)`,
      );
      return undefined;
    }
  };
  const line = read('.debug_line');
  if (line === undefined) return () => undefined;
  const sections: DebugSections = {
    line,
    lineStr: once(() => read('.debug_line_str')),
    str: once(() => read('.debug_str')),
    littleEndian: headers.cursor.littleEndian,
    addressSize: headers.cursor.bits === 64 ? 8 : 4,
  };
  const table = new LineTable(sections);
  return (at, all) => table.lookup(at, all);
}

/** Few line tables need both sections with strings, and these are large. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** A debug section's bytes; those of a relocatable object with its relocations applied. */
function relocated(
  headers: ElfHeaders,
  section: SectionHeader,
  bytes: Uint8Array,
  symbols: (table: number) => readonly ImageSymbol[],
): Uint8Array {
  if (headers.type !== ET.REL) return bytes;
  const tables = headers.sections.filter(
    (each) => (each.type === SHT.RELA || each.type === SHT.REL) && each.info === section.index,
  );
  if (tables.length === 0) return bytes;
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const types = relocationTypes(headers.architecture);
  for (const table of tables) {
    const raw = relocationTable(headers, {
      offset: table.offset,
      size: table.size,
      rela: table.type === SHT.RELA,
      table: table.link,
      base: 0,
    });
    for (const { place, type, symbol, addend } of raw) {
      const row = types.get(type);
      const target = symbols(table.link)[symbol]?.address;
      if (row === undefined) continue;
      const added = addend ?? implicitAddend(view, place, row.field, headers.cursor.littleEndian);
      // Debug sections have no address: a symbol of one counts from its beginning.
      patch(view, place, row.field, (target ?? 0) + added, place, headers.cursor.littleEndian);
    }
  }
  return copy;
}
