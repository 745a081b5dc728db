import { type ElfHeaders, PT, SHT } from './headers.js';
import type { Placed } from './layout.js';

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

/** Tags of PT_DYNAMIC that are looked at (gABI, "Dynamic Section"). */
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
  FLAGS_1: 0x6ffffffb,
} as const;

/** File offset of an address, by the segments; undefined where it is not in the file. */
export function fileOffset(regions: readonly Placed[], address: number): number | undefined {
  const region = regions.find(({ start, fileSize }) => address >= start && address < start + fileSize);
  return region && region.offset + (address - region.start);
}
