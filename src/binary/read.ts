import { type Addr, addr, hex, plus } from '../abi/address.js';
import { DT, dynamicTags, fileOffset, type RawRelocation, relocationTable, relrPlaces } from './dynamic.js';
import { type FunctionIndex, functionIndex } from './function-index.js';
import { type ElfHeaders, ET, PT, readHeaders, SHF, SHT } from './headers.js';
import type {
  FunctionRange,
  ImageHeader,
  ImageSection,
  ImageSymbol,
  ProgramImage,
  Region,
  Relocation,
  SourceLine,
} from './image.js';
import { layout, type MemoryLayout, type Placed } from './layout.js';
import { printable } from './printable.js';
import { patch, relocationTypes } from './relocation-types.js';
import { sourceLines } from './source-lines.js';
import { readSymbols, type SymbolSource, symbolSources } from './symbols.js';
import { type UnwindIndex, unwindIndex } from './unwind.js';

export interface ReadOptions {
  /**
   * The separate file with the symbols and line tables of a stripped one (debugLink names it). Called at most once, when they
   * are first needed; undefined where there is none.
   */
  readonly debugFile?: () => Uint8Array | undefined;
}

/**
 * Reads an ELF file. `bytes` are never changed; parts with relocations are copied.
 * Throws BinaryError, and nothing else, where the file cannot be used; lesser damage becomes `warnings`.
 */
export function readImage(bytes: Uint8Array, name: string, options: ReadOptions = {}): ProgramImage {
  const warnings: string[] = [];
  // Not a subclass: Node's Buffer has a slice() that does not copy.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new ElfImage(name, readHeaders(plain, name, warnings), warnings, options);
}

/** Bytes kept behind a relocatable object for its GOT: one slot a symbol that is loaded through it. */
const GOT_SLOT = 8;
/** Distance between the made-up addresses of undefined symbols. */
const EXTERN_STEP = 16;
const TYPES = {
  [ET.REL]: 'relocatable',
  [ET.EXEC]: 'executable',
  [ET.DYN]: 'shared',
  [ET.CORE]: 'core',
} as const;

class ElfImage implements ProgramImage {
  readonly header: ImageHeader;
  readonly sections: readonly ImageSection[];
  private readonly memory: MemoryLayout;
  private readonly tags: Map<number, number>;
  private linkedCache:
    | { regions: readonly Region[]; relocations: readonly Relocation[]; externs: Map<string, Addr> }
    | undefined;
  private symbolCache: readonly ImageSymbol[] | undefined;
  private tables: Map<number | undefined, readonly ImageSymbol[]> | undefined;
  private placeIndex: Map<number, Relocation> | undefined;
  private sectionsByAddress: { start: Addr; size: number; section: ImageSection }[] | undefined;
  private functions: FunctionIndex | undefined;
  private unwind: UnwindIndex | undefined;
  private lines: ((at: Addr) => SourceLine | undefined) | undefined;
  private lastRegion: { region: Region; view: DataView } | undefined;

  constructor(
    readonly name: string,
    private readonly headers: ElfHeaders,
    readonly warnings: string[],
    private readonly options: ReadOptions,
  ) {
    this.memory = layout(headers, warnings);
    this.tags = headers.type === ET.REL ? new Map() : dynamicTags(headers);
    const flags1 = this.tags.get(DT.FLAGS_1) ?? 0;
    this.header = {
      bits: headers.cursor.bits,
      littleEndian: headers.cursor.littleEndian,
      machine: headers.machine,
      architecture: headers.architecture,
      type: TYPES[headers.type as 1 | 2 | 3 | 4],
      pie:
        headers.type === ET.DYN &&
        (headers.programs.some(({ type }) => type === PT.INTERP) || (Math.floor(flags1 / 2 ** 27) & 1) !== 0),
      nodelete: (flags1 & 8) !== 0,
      entry: addr(headers.entry),
    };
    this.sections = headers.sections.map((section) => ({
      index: section.index,
      name: section.name,
      type: section.type,
      flags: section.flags,
      address: this.memory.addresses[section.index],
      size: section.size,
      offset: section.offset,
      align: section.align,
    }));
  }

  get regions(): readonly Region[] {
    return this.linked.regions;
  }

  get codeInFile(): readonly Region[] {
    const { bytes } = this.headers.cursor;
    return this.memory.code.map((region) =>
      regionFrom(region, bytes.subarray(region.offset, region.offset + region.fileSize)),
    );
  }

  mentions(text: string): boolean {
    const wanted = new TextEncoder().encode(text);
    const { sections, cursor } = this.headers;
    return sections.some(
      ({ type, offset, size }) =>
        type === SHT.STRTAB && holds(cursor.bytes.subarray(offset, offset + size), wanted),
    );
  }

  get relocations(): readonly Relocation[] {
    return this.linked.relocations;
  }

  get externs(): ReadonlyMap<string, Addr> {
    return this.linked.externs;
  }

  get tlsBlock(): { size: number; align: number } | undefined {
    const segment = this.headers.programs.find(({ type }) => type === PT.TLS);
    return segment && { size: segment.memsz, align: Math.max(1, segment.align) };
  }

  get symbols(): readonly ImageSymbol[] {
    if (this.symbolCache === undefined) {
      const all: ImageSymbol[] = [];
      const debug = symbolSources(this.headers, SHT.SYMTAB).length > 0 ? undefined : this.debugHeaders;
      const split = debug && symbolSources(debug, SHT.SYMTAB).map((source) => readSymbols(debug, source, []));
      for (const table of [...new Set(this.symbolTables().values()), ...(split ?? [])]) {
        for (const symbol of table) if (symbol.name !== '' && symbol.kind !== 'section') all.push(symbol);
      }
      this.symbolCache = withoutTwins(all.sort((a, b) => (a.address ?? -1) - (b.address ?? -1)));
    }
    return this.symbolCache;
  }

  private debugCache: { headers: ElfHeaders | undefined } | undefined;
  private get debugHeaders(): ElfHeaders | undefined {
    if (this.debugCache === undefined) {
      this.debugCache = { headers: undefined };
      const linked = this.headers.type === ET.EXEC || this.headers.type === ET.DYN;
      const bytes = linked ? this.options.debugFile?.() : undefined;
      try {
        if (bytes !== undefined) this.debugCache = { headers: readHeaders(bytes, 'its debug file', []) };
      } catch (error) {
        this.warnings.push((error as Error).message);
      }
    }
    return this.debugCache.headers;
  }

  /** Symbol tables by the section that holds them; `undefined` is the dynamic one, found by PT_DYNAMIC if need be. */
  private symbolTables(): Map<number | undefined, readonly ImageSymbol[]> {
    if (this.tables === undefined) {
      this.tables = new Map();
      const sources = [
        ...symbolSources(this.headers, SHT.DYNSYM),
        ...symbolSources(this.headers, SHT.SYMTAB),
      ];
      for (const source of sources) {
        this.tables.set(source.section, readSymbols(this.headers, source, this.memory.addresses));
      }
      const dynamic = this.headers.sections.find(({ type }) => type === SHT.DYNSYM);
      const source = dynamic === undefined ? this.dynamicSymbolSource() : undefined;
      if (dynamic !== undefined) this.tables.set(undefined, this.tables.get(dynamic.index) ?? []);
      else if (source !== undefined) this.tables.set(undefined, readSymbols(this.headers, source, []));
    }
    return this.tables;
  }

  private dynamicSymbolSource(): SymbolSource | undefined {
    const offsetOf = (tag: number) => {
      const address = this.tags.get(tag);
      return address === undefined ? undefined : fileOffset(this.memory.regions, address);
    };
    const [symbols, strings] = [offsetOf(DT.SYMTAB), offsetOf(DT.STRTAB)];
    if (symbols === undefined || strings === undefined) return undefined;
    const size = this.header.bits === 64 ? 24 : 16;
    // No table tells the number of dynamic symbols; in practice the string table follows.
    const count = strings > symbols ? Math.floor((strings - symbols) / size) : 0;
    return { offset: symbols, count, strings, stringsSize: this.tags.get(DT.STRSZ) ?? 0, section: -1 };
  }

  private get linked() {
    this.linkedCache ??= this.link();
    return this.linkedCache;
  }

  private rawRelocations(): RawRelocation[] {
    const { headers, memory } = this;
    const tables: RawRelocation[][] = [];
    if (headers.type === ET.REL || this.tags.size === 0) {
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
    const isRela = this.tags.has(DT.RELA) || this.tags.get(DT.PLTREL) === DT.RELA;
    for (const [table, size, rela] of [
      [DT.RELA, DT.RELASZ, true],
      [DT.REL, DT.RELSZ, false],
      [DT.JMPREL, DT.PLTRELSZ, isRela],
    ] as const) {
      const address = this.tags.get(table);
      const offset = address === undefined ? undefined : fileOffset(memory.regions, address);
      if (offset !== undefined)
        tables.push(
          relocationTable(headers, {
            offset,
            size: this.tags.get(size) ?? 0,
            rela,
            table: undefined,
            base: 0,
          }),
        );
    }
    return tables.flat();
  }

  private link() {
    const { headers, memory } = this;
    const types = relocationTypes(headers.architecture);
    const raw = this.rawRelocations();
    const tables =
      raw.length > 0 ? this.symbolTables() : new Map<number | undefined, readonly ImageSymbol[]>();
    const externs = new Map<string, Addr>();
    const got = new Map<string, { slot: Addr; relocation: Relocation; value: number }>();
    const gotStart = Math.ceil((memory.end + 64) / 64) * 64;
    const externStart = gotStart + (raw.length + 1) * GOT_SLOT + 4096;
    const extern = (symbol: string): Addr => {
      const known = externs.get(symbol) ?? addr(externStart + externs.size * EXTERN_STEP);
      externs.set(symbol, known);
      return known;
    };
    const bytes = new Map(
      memory.regions.map((region) => [
        region,
        headers.cursor.bytes.subarray(region.offset, region.offset + region.fileSize),
      ]),
    );
    const views = new Map<object, DataView>();
    const viewOf = (region: (typeof memory.regions)[number]): DataView => {
      let view = views.get(region);
      if (view === undefined) {
        const copy = bytes.get(region)!.slice();
        bytes.set(region, copy);
        view = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
        views.set(region, view);
      }
      return view;
    };
    const little = headers.cursor.littleEndian;
    const tlsSize = this.tlsBlock;
    const relocations: Relocation[] = [];
    for (const entry of raw) {
      const region = regionOf(memory.regions, entry.place);
      if (region === undefined) continue;
      const type = types.get(entry.type);
      const symbol = entry.symbol === 0 ? undefined : tables.get(entry.table)?.[entry.symbol];
      const kind = type?.kind ?? 'other';
      const at = entry.place - region.start;
      if (at + 4 > region.fileSize) {
        relocations.push({
          address: addr(entry.place),
          type: entry.type,
          typeName: type?.name ?? `${entry.type}`,
          symbol,
          addend: entry.addend ?? 0,
          kind,
        });
        continue;
      }
      const view = viewOf(region);
      const addend = entry.addend ?? implicitAddend(view, at, type?.field ?? '-', little);
      const relocation: Relocation = {
        address: addr(entry.place),
        type: entry.type,
        typeName: type?.name ?? `type ${entry.type}`,
        symbol,
        addend,
        kind,
      };
      relocations.push(relocation);
      if (type === undefined) continue;
      // A symbol that another file defines keeps no address; the field gets a made-up one only in a relocatable object.
      const undefinedHere = symbol !== undefined && symbol.address === undefined;
      let value =
        (symbol?.address ??
          (undefinedHere && headers.type === ET.REL && symbol.kind !== 'tls' ? extern(symbol.name) : 0)) +
        addend;
      if (headers.type !== ET.REL && undefinedHere && kind !== 'copy') continue;
      if (kind === 'got' || kind === 'tls-got') {
        const key = `${kind} ${symbol?.name ?? ''} ${symbol?.address ?? ''}`;
        const target = symbol?.address ?? (kind === 'got' ? extern(symbol?.name ?? '') : 0);
        const known = got.get(key) ?? {
          slot: addr(gotStart + got.size * GOT_SLOT),
          value: target,
          relocation: {
            ...relocation,
            address: addr(gotStart + got.size * GOT_SLOT),
            addend: 0,
            kind: kind === 'got' ? ('absolute' as const) : ('tls-offset' as const),
          },
        };
        got.set(key, known);
        value = known.slot + addend;
      } else if (kind === 'tls-offset' && headers.type !== ET.REL) {
        value = tlsOffset(headers.architecture, value, tlsSize);
      } else if (kind === 'tls-module') continue;
      patch(view, at, type.field, value, entry.place, little);
    }
    const relrAddress = this.tags.get(DT.RELR);
    const relr = relrAddress === undefined ? undefined : fileOffset(memory.regions, relrAddress);
    if (relr !== undefined) {
      // RELR fields hold their value already (the image is not moved): only the fact is noted.
      for (const place of relrPlaces(headers, relr, this.tags.get(DT.RELRSZ) ?? 0)) {
        relocations.push({
          address: addr(place),
          type: 0,
          typeName: 'RELR',
          symbol: undefined,
          addend: 0,
          kind: 'relative',
        });
      }
    }
    const regions = memory.regions.map((region) => regionFrom(region, bytes.get(region)!));
    if (got.size > 0) {
      const slots = new Uint8Array(got.size * GOT_SLOT);
      const view = new DataView(slots.buffer);
      for (const { slot, relocation, value } of got.values()) {
        view.setBigUint64(slot - gotStart, BigInt(value), little);
        relocations.push(relocation);
      }
      regions.push({
        start: addr(gotStart),
        size: slots.length,
        bytes: slots,
        readable: true,
        writable: false,
        executable: false,
        name: '.got',
      });
    }
    relocations.sort((a, b) => a.address - b.address);
    return { regions, relocations, externs };
  }

  regionAt(address: Addr): Region | undefined {
    const region = this.lastRegion?.region;
    if (region !== undefined && address >= region.start && address < region.start + region.size)
      return region;
    return regionOf(this.regions, address);
  }

  sectionAt(address: Addr): ImageSection | undefined {
    this.sectionsByAddress ??= this.sections
      .flatMap((section) =>
        section.address !== undefined && section.size > 0 && (section.flags & SHF.TLS) === 0
          ? [{ start: section.address, size: section.size, section }]
          : [],
      )
      .sort((a, b) => a.start - b.start);
    return regionOf(this.sectionsByAddress, address)?.section;
  }

  section(name: string): ImageSection | undefined {
    return this.sections.find((section) => section.name === name);
  }

  symbol(name: string): ImageSymbol | undefined {
    return this.symbols.find((symbol) => symbol.name === name);
  }

  private viewAt(address: Addr, size: number): { view: DataView; offset: number } | undefined {
    let last = this.lastRegion;
    if (
      last === undefined ||
      address < last.region.start ||
      address >= last.region.start + last.region.size
    ) {
      const region = regionOf(this.regions, address);
      if (region === undefined) return undefined;
      const { bytes } = region;
      last = { region, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
      this.lastRegion = last;
    }
    const offset = address - last.region.start;
    return offset + size <= last.view.byteLength ? { view: last.view, offset } : undefined;
  }

  read(address: Addr, size: number): Uint8Array | undefined {
    const found = this.viewAt(address, size);
    if (found === undefined) return this.zeros(address, size);
    return new Uint8Array(found.view.buffer, found.view.byteOffset + found.offset, size);
  }

  /** Memory behind what the file holds reads as zero (.bss). */
  private zeros(address: Addr, size: number): Uint8Array | undefined {
    const region = this.regionAt(address);
    if (region === undefined || size > 4096 || address + size > region.start + region.size) return undefined;
    const result = new Uint8Array(size);
    result.set(region.bytes.subarray(address - region.start, address - region.start + size));
    return result;
  }

  u32(address: Addr): number | undefined {
    const found = this.viewAt(address, 4);
    if (found !== undefined) return found.view.getUint32(found.offset, this.header.littleEndian);
    return this.zeros(address, 4) === undefined ? undefined : 0;
  }

  u64(address: Addr): bigint | undefined {
    const found = this.viewAt(address, 8);
    if (found !== undefined) return found.view.getBigUint64(found.offset, this.header.littleEndian);
    return this.zeros(address, 8) === undefined ? undefined : 0n;
  }

  word(address: Addr): bigint | undefined {
    if (this.header.bits === 64) return this.u64(address);
    const value = this.u32(address);
    return value === undefined ? undefined : BigInt(value);
  }

  relocationAt(address: Addr): Relocation | undefined {
    this.placeIndex ??= new Map(this.relocations.map((relocation) => [relocation.address, relocation]));
    return this.placeIndex.get(address);
  }

  functionAt(address: Addr): FunctionRange | undefined {
    this.functions ??= functionIndex(this);
    const byName = this.functions.at(address);
    if (byName !== undefined) return byName;
    const header = this.headers.programs.find(({ type }) => type === PT.GNU_EH_FRAME);
    this.unwind ??= unwindIndex(this, header && addr(header.vaddr));
    return this.unwind.at(address);
  }

  lineAt(address: Addr): SourceLine | undefined {
    this.lines ??= this.readLines();
    return this.lines(address);
  }

  private readLines(): (at: Addr) => SourceLine | undefined {
    const own = this.headers.sections.some(({ name }) => name === '.debug_line');
    const debug = own ? undefined : this.debugHeaders;
    if (debug !== undefined) return sourceLines(debug, () => [], this.warnings);
    return sourceLines(this.headers, (table) => this.symbolTables().get(table) ?? [], this.warnings);
  }

  place(address: Addr): string {
    if (this.header.type !== 'relocatable') return hex(address);
    const section = this.sectionAt(address) ?? this.sectionAt(plus(address, -1));
    if (section?.address === undefined) return hex(address);
    return `${printable(section.name)}+${hex(address - section.address)}`;
  }
}

const regionFrom = ({ start, size, flags, name }: Placed, bytes: Uint8Array): Region => ({
  start,
  size,
  bytes,
  readable: flags.r,
  writable: flags.w,
  executable: flags.x,
  name,
});

/** Letters of names, rarest first. */
const RARE = [...'qjzxkvw'].map((letter) => letter.charCodeAt(0));

/** Are these bytes somewhere in there? Their rarest is looked for. */
function holds(bytes: Uint8Array, wanted: Uint8Array): boolean {
  const rare = RARE.find((letter) => wanted.includes(letter)) ?? wanted[0]!;
  const before = wanted.indexOf(rare);
  for (let at = bytes.indexOf(rare, before); at !== -1; at = bytes.indexOf(rare, at + 1)) {
    if (wanted.every((byte, n) => bytes[at - before + n] === byte)) return true;
  }
  return false;
}

/** Symbols that both .symtab and .dynsym hold count once. Ascending by address before and after. */
function withoutTwins(symbols: readonly ImageSymbol[]): ImageSymbol[] {
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

function regionOf<R extends { start: Addr; size: number }>(
  regions: readonly R[],
  address: number,
): R | undefined {
  let low = 0;
  let high = regions.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const region = regions[middle]!;
    if (address < region.start) high = middle - 1;
    else if (address >= region.start + region.size) low = middle + 1;
    else return region;
  }
  return undefined;
}

/** REL tables keep the addend in the field itself. */
function implicitAddend(view: DataView, at: number, field: string, little: boolean): number {
  if (field.endsWith('8') && at + 8 <= view.byteLength) return Number(view.getBigInt64(at, little));
  return field === 'w4' || field === 'p4' ? view.getInt32(at, little) : 0;
}

/** Distance from the thread pointer to a variable of the executable's own block (ELF TLS ABI: variant II on x86-64, I on arm64). */
function tlsOffset(
  architecture: string | undefined,
  value: number,
  block: { size: number; align: number } | undefined,
): number {
  if (block === undefined) return value;
  const size = Math.ceil(block.size / block.align) * block.align;
  return architecture === 'aarch64' ? value + Math.max(16, block.align) : value - size;
}
