import { type ElfHeaders, PT, SHT } from './headers.js';
import type { Placed } from './layout.js';

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

/** What PT_DYNAMIC says: tag -> first value (gABI, "Dynamic Section"). */
export function dynamicTags(headers: ElfHeaders): Map<number, number> {
  const { cursor } = headers;
  const tags = new Map<number, number>();
  const segment = headers.programs.find((program) => program.type === PT.DYNAMIC);
  const section = headers.sections.find(({ type }) => type === SHT.DYNAMIC);
  const offset = segment?.offset ?? section?.offset;
  const size = segment?.filesz ?? section?.size ?? 0;
  if (offset === undefined) return tags;
  const word = cursor.bits / 8;
  const end = Math.min(offset + size, cursor.bytes.length) - 2 * word;
  for (let at = offset; at <= end; at += 2 * word) {
    const tag = cursor.word(at);
    if (tag === 0) break;
    if (!tags.has(tag)) tags.set(tag, cursor.word(at + word));
  }
  return tags;
}

export const DT = {
  RELA: 7,
  RELASZ: 8,
  SYMTAB: 6,
  STRTAB: 5,
  STRSZ: 10,
  JMPREL: 23,
  PLTRELSZ: 2,
  PLTREL: 20,
  REL: 17,
  RELSZ: 18,
  RELR: 36,
  RELRSZ: 35,
  HASH: 4,
  GNU_HASH: 0x6ffffef5,
  FLAGS_1: 0x6ffffffb,
} as const;

/** File offset of an address, by the segments; undefined where it is not in the file. */
export function fileOffset(regions: readonly Placed[], address: number): number | undefined {
  const region = regions.find(({ start, fileSize }) => address >= start && address < start + fileSize);
  return region && region.offset + (address - region.start);
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
