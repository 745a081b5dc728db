import { DT, fileOffset } from './dynamic.js';
import { type ElfHeaders, ET, SHF, SHT } from './headers.js';
import type { MemoryLayout } from './layout.js';

/** One relocation entry of the file, not yet resolved. */
export interface RawRelocation {
  /** r_offset as an address in the image. */
  readonly place: number;
  readonly type: number;
  readonly symbol: number;
  /** undefined: REL, the addend stands in the field. */
  readonly addend: number | undefined;
  /** The symbol table (section index) that `symbol` counts in; undefined: the dynamic one. */
  readonly table: number | undefined;
}

/**
 * Every relocation entry of the file, unresolved: from PT_DYNAMIC (`tags`) where there is one, as the loader takes them, else from
 * the sections SHT_REL and SHT_RELA. Those for sections that are not loaded (.debug_*) are left out; so are RELR's (relrPlaces).
 */
export function rawRelocations(
  headers: ElfHeaders,
  memory: MemoryLayout,
  tags: ReadonlyMap<number, number>,
): RawRelocation[] {
  const tables: RawRelocation[][] = [];
  if (headers.type === ET.REL || tags.size === 0) {
    for (const section of headers.sections) {
      if (section.type !== SHT.RELA && section.type !== SHT.REL) continue;
      const target = headers.sections[section.info];
      const base = headers.type === ET.REL ? memory.addresses[section.info] : 0;
      if (target === undefined || base === undefined || (target.flags & SHF.ALLOC) === 0) continue;
      tables.push(
        relocationTable(headers, {
          offset: section.offset,
          size: section.size,
          rela: section.type === SHT.RELA,
          table: section.link,
          base,
        }),
      );
    }
    return tables.flat();
  }
  const isRela = tags.has(DT.RELA) || tags.get(DT.PLTREL) === DT.RELA;
  for (const [table, size, rela] of [
    [DT.RELA, DT.RELASZ, true],
    [DT.REL, DT.RELSZ, false],
    [DT.JMPREL, DT.PLTRELSZ, isRela],
  ] as const) {
    const address = tags.get(table);
    const offset = address === undefined ? undefined : fileOffset(memory.regions, address);
    if (offset !== undefined)
      tables.push(
        relocationTable(headers, {
          offset,
          size: tags.get(size) ?? 0,
          rela,
          table: undefined,
          base: 0,
        }),
      );
  }
  return tables.flat();
}

/** The entries of one REL or RELA table. `base` is added to each place (the section's address, in a relocatable object). */
export function relocationTable(
  headers: ElfHeaders,
  at: { offset: number; size: number; rela: boolean; table: number | undefined; base: number },
): RawRelocation[] {
  const { cursor } = headers;
  const wide = cursor.bits === 64;
  const entry = (wide ? 16 : 8) + (at.rela ? (wide ? 8 : 4) : 0);
  const room = Math.max(0, cursor.bytes.length - at.offset);
  const count = Math.floor(Math.min(at.size, room) / entry);
  const raw: RawRelocation[] = [];
  const mips64 = headers.machine === 8 && wide;
  for (let index = 0; index < count; index++) {
    const here = at.offset + index * entry;
    const place = at.base + cursor.word(here);
    let type: number;
    let symbol: number;
    if (!wide) {
      const info = cursor.u32(here + 4);
      type = info & 0xff;
      symbol = info >>> 8;
    } else if (mips64) {
      // MIPS N64 packs three types behind the symbol: r_sym, r_ssym, r_type3, r_type2, r_type.
      symbol = cursor.u32(here + 8);
      type = cursor.u8(here + 15);
      if (type === 3 && cursor.u8(here + 14) === 18) type = 18;
    } else {
      type = cursor.u32(here + (cursor.littleEndian ? 8 : 12));
      symbol = cursor.u32(here + (cursor.littleEndian ? 12 : 8));
    }
    const addend = at.rela ? (wide ? cursor.i64(here + 16) : cursor.i32(here + 8)) : undefined;
    raw.push({ place, type, symbol, addend, table: at.table });
  }
  return raw;
}

/** Places of DT_RELR: addresses and bitmaps of 63 (31) further words (gABI, "Relative relocations"). */
export function relrPlaces(headers: ElfHeaders, offset: number, size: number): number[] {
  const { cursor } = headers;
  const word = cursor.bits / 8;
  const places: number[] = [];
  const end = Math.min(offset + size, cursor.bytes.length);
  let next = 0;
  for (let at = offset; at + word <= end; at += word) {
    const low = cursor.u8(cursor.littleEndian ? at : at + word - 1);
    if ((low & 1) === 0) {
      const place = cursor.word(at);
      places.push(place);
      next = place + word;
      continue;
    }
    for (let bit = 1; bit < cursor.bits; bit++) {
      const byte = cursor.u8(cursor.littleEndian ? at + (bit >> 3) : at + word - 1 - (bit >> 3));
      if ((byte >> (bit & 7)) & 1) places.push(next + (bit - 1) * word);
    }
    next += (cursor.bits - 1) * word;
  }
  return places;
}
