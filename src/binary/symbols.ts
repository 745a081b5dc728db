import { type Addr, addr } from '../abi/address.js';
import { type ElfHeaders, ET, type SectionHeader } from './headers.js';
import type { ImageSymbol } from './image.js';

const KINDS: Readonly<Record<number, ImageSymbol['kind']>> = {
  1: 'object',
  2: 'function',
  3: 'section',
  6: 'tls',
  10: 'function',
};
const BINDINGS = ['local', 'global', 'weak'] as const;
/** Where symbols and their strings lie in the file, in bytes. */
export interface SymbolSource {
  readonly offset: number;
  readonly count: number;
  readonly strings: number;
  readonly stringsSize: number;
  readonly section: number;
}

export function symbolSources(headers: ElfHeaders, type: number): SymbolSource[] {
  return headers.sections
    .filter((section) => section.type === type)
    .flatMap((section) => {
      const strings = headers.sections[section.link];
      return strings === undefined ? [] : [sourceOf(headers, section, strings)];
    });
}

function sourceOf(headers: ElfHeaders, section: SectionHeader, strings: SectionHeader): SymbolSource {
  const size = headers.cursor.bits === 64 ? 24 : 16;
  const room = Math.max(0, headers.cursor.bytes.length - section.offset);
  return {
    offset: section.offset,
    count: Math.floor(Math.min(section.size, room) / size),
    strings: strings.offset,
    stringsSize: strings.size,
    section: section.index,
  };
}

/** Reads a symbol table (gABI, "Symbol Table"). `addresses` are those of the sections, in a relocatable object. */
export function readSymbols(
  headers: ElfHeaders,
  source: SymbolSource,
  addresses: readonly (Addr | undefined)[],
): ImageSymbol[] {
  const { cursor, type } = headers;
  const wide = cursor.bits === 64;
  const size = wide ? 24 : 16;
  const extended = headers.sections.find((section) => section.type === 18 && section.link === source.section);
  const symbols: ImageSymbol[] = [];
  for (let index = 0; index < source.count; index++) {
    const at = source.offset + index * size;
    const info = cursor.u8(at + (wide ? 4 : 12));
    const listed = cursor.u16(at + (wide ? 6 : 14));
    const shndx =
      listed === 0xffff && extended !== undefined ? cursor.u32(extended.offset + 4 * index) : listed;
    const value = wide ? cursor.u64(at + 8) : cursor.u32(at + 4);
    const kind = KINDS[info & 15] ?? 'other';
    const nameAt = cursor.u32(at);
    const named = nameAt > 0 && nameAt < source.stringsSize;
    const name = named
      ? cursor.string(source.strings + nameAt, source.stringsSize - nameAt)
      : kind === 'section'
        ? (headers.sections[shndx]?.name ?? '')
        : '';
    symbols.push({
      name,
      address: addressOf(type, kind, shndx, value, addresses),
      size: wide ? cursor.u64(at + 16) : cursor.u32(at + 8),
      kind,
      binding: BINDINGS[info >> 4] ?? 'global',
    });
  }
  return symbols;
}

function addressOf(
  type: number,
  kind: ImageSymbol['kind'],
  shndx: number,
  value: number,
  addresses: readonly (Addr | undefined)[],
): Addr | undefined {
  if (shndx === 0 || shndx === 0xfff2 || value > Number.MAX_SAFE_INTEGER) return undefined;
  if (type !== ET.REL || kind === 'tls' || shndx === 0xfff1) return addr(value);
  const base = addresses[shndx];
  return base === undefined ? undefined : addr(base + value);
}
