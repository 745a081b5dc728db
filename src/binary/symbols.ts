import { type Addr, addr } from '../abi/address.js';
import { DT, fileOffset } from './dynamic.js';
import { type ElfHeaders, ET, type SectionHeader, SHT } from './headers.js';
import type { ImageSymbol } from './image.js';
import type { MemoryLayout } from './layout.js';
import type { ThreadSections } from './thread-block.js';

const KINDS: Readonly<Record<number, ImageSymbol['kind']>> = {
  1: 'object',
  2: 'function',
  3: 'section',
  6: 'tls',
  10: 'function',
};
const BINDINGS = ['local', 'global', 'weak'] as const;

/** Symbol tables by the index of the section that holds them; `undefined` is the dynamic one. */
export type SymbolTables = ReadonlyMap<number | undefined, readonly ImageSymbol[]>;

/** Where symbols and their strings lie in the file, in bytes. */
export interface SymbolSource {
  readonly offset: number;
  readonly count: number;
  readonly strings: number;
  readonly stringsSize: number;
  /** Index of the section; -1: found by PT_DYNAMIC. */
  readonly section: number;
}

/** The symbol tables of section type `type` (SHT_SYMTAB or SHT_DYNSYM). */
export function symbolSources(headers: ElfHeaders, type: number): SymbolSource[] {
  return headers.sections
    .filter((section) => section.type === type)
    .flatMap((section) => {
      const strings = headers.sections[section.link];
      return strings === undefined ? [] : [sourceOf(headers, section, strings)];
    });
}

function sourceOf(headers: ElfHeaders, section: SectionHeader, strings: SectionHeader): SymbolSource {
  const room = Math.max(0, headers.cursor.bytes.length - section.offset);
  return {
    offset: section.offset,
    count: Math.floor(Math.min(section.size, room) / entrySize(headers)),
    strings: strings.offset,
    stringsSize: strings.size,
    section: section.index,
  };
}

/** sizeof(Elf64_Sym) or sizeof(Elf32_Sym). */
const entrySize = (headers: ElfHeaders): number => (headers.cursor.bits === 64 ? 24 : 16);

/** Every symbol table of the file, read. The dynamic one is found by PT_DYNAMIC (`tags`) where no section names it. */
export function readSymbolTables(
  headers: ElfHeaders,
  memory: MemoryLayout,
  tags: ReadonlyMap<number, number>,
  threads: ThreadSections,
): SymbolTables {
  const tables = new Map<number | undefined, readonly ImageSymbol[]>();
  for (const source of [...symbolSources(headers, SHT.DYNSYM), ...symbolSources(headers, SHT.SYMTAB)]) {
    tables.set(source.section, readSymbols(headers, source, memory.addresses, threads));
  }
  const dynamic = headers.sections.find(({ type }) => type === SHT.DYNSYM);
  const source = unnamedSource(headers, memory, tags);
  if (dynamic !== undefined) tables.set(undefined, tables.get(dynamic.index) ?? []);
  else if (source !== undefined) tables.set(undefined, readSymbols(headers, source, []));
  return tables;
}

/** The dynamic symbols of a file whose sections do not name them. */
export const unnamedSource = (
  headers: ElfHeaders,
  memory: MemoryLayout,
  tags: ReadonlyMap<number, number>,
): SymbolSource | undefined =>
  headers.sections.some(({ type }) => type === SHT.DYNSYM) ? undefined : dynamicSource(headers, memory, tags);

function dynamicSource(
  headers: ElfHeaders,
  memory: MemoryLayout,
  tags: ReadonlyMap<number, number>,
): SymbolSource | undefined {
  const offsetOf = (tag: number) => {
    const address = tags.get(tag);
    return address === undefined ? undefined : fileOffset(memory.regions, address);
  };
  const [symbols, strings] = [offsetOf(DT.SYMTAB), offsetOf(DT.STRTAB)];
  if (symbols === undefined || strings === undefined) return undefined;
  // No table tells the number of dynamic symbols; in practice the string table follows.
  const count = strings > symbols ? Math.floor((strings - symbols) / entrySize(headers)) : 0;
  return { offset: symbols, count, strings, stringsSize: tags.get(DT.STRSZ) ?? 0, section: -1 };
}

/** Reads a symbol table (gABI, "Symbol Table"). `addresses` are those of the sections, `threads` places of the thread-local ones, in a relocatable object. */
export function readSymbols(
  headers: ElfHeaders,
  source: SymbolSource,
  addresses: readonly (Addr | undefined)[],
  threads: ThreadSections = new Map(),
): ImageSymbol[] {
  const extended = headers.sections.find((section) => section.type === 18 && section.link === source.section);
  const symbols: ImageSymbol[] = [];
  for (let index = 0; index < source.count; index++)
    symbols.push(readSymbol(headers, source, index, addresses, threads, extended));
  return symbols;
}

/** One entry of it. */
export function readSymbol(
  headers: ElfHeaders,
  source: SymbolSource,
  index: number,
  addresses: readonly (Addr | undefined)[],
  threads: ThreadSections = new Map(),
  extended?: SectionHeader,
): ImageSymbol {
  const { cursor, type } = headers;
  const wide = cursor.bits === 64;
  const at = source.offset + index * entrySize(headers);
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
  return {
    name,
    address:
      type === ET.REL && (kind === 'tls' || (kind === 'section' && threads.has(shndx)))
        ? threadOffset(shndx, value, threads)
        : addressOf(type, shndx, value, addresses),
    size: wide ? cursor.u64(at + 16) : cursor.u32(at + 8),
    kind,
    binding: BINDINGS[info >> 4] ?? 'global',
  };
}

/** Of an object's thread-local symbol: where it is in the block; undefined where another file defines it. */
function threadOffset(shndx: number, value: number, threads: ThreadSections): Addr | undefined {
  const section = threads.get(shndx);
  return section === undefined || value > Number.MAX_SAFE_INTEGER ? undefined : addr(section + value);
}

function addressOf(
  type: number,
  shndx: number,
  value: number,
  addresses: readonly (Addr | undefined)[],
): Addr | undefined {
  if (shndx === 0 || shndx === 0xfff2 || value > Number.MAX_SAFE_INTEGER) return undefined;
  if (type !== ET.REL || shndx === 0xfff1) return addr(value);
  const base = addresses[shndx];
  return base === undefined ? undefined : addr(base + value);
}

/** Symbols that both .symtab and .dynsym hold count once. Ascending by address before and after. */
export function withoutTwins(symbols: readonly ImageSymbol[]): ImageSymbol[] {
  const kept: ImageSymbol[] = [];
  let here: Addr | undefined;
  let names = new Set<string>();
  for (const symbol of symbols) {
    if (symbol.address !== here || kept.length === 0) {
      here = symbol.address;
      names = new Set();
    }
    if (names.has(symbol.name)) continue;
    names.add(symbol.name);
    kept.push(symbol);
  }
  return kept;
}
