import { type Addr, addr, hex, plus } from '../abi/address.js';
import { holds } from './byte-search.js';
import type { Inflate } from './compressed.js';
import { DT, dynamicTags } from './dynamic.js';
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
import { layout, type MemoryLayout } from './layout.js';
import { type Linked, link } from './link.js';
import { printable } from './printable.js';
import { regionFrom, regionOf } from './regions.js';
import { type SourceLines, sourceLines } from './source-lines.js';
import { type ScanTable, scanForFunction, scanForName } from './symbol-scan.js';
import {
  readSymbols,
  readSymbolTables,
  type SymbolTables,
  symbolSources,
  unnamedSource,
  withoutTwins,
} from './symbols.js';
import { type ThreadBlock, type ThreadSections, threadBlock } from './thread-block.js';
import { type UnwindIndex, unwindIndex } from './unwind.js';

const TYPES = {
  [ET.REL]: 'relocatable',
  [ET.EXEC]: 'executable',
  [ET.DYN]: 'shared',
  [ET.CORE]: 'core',
} as const;

/** So many questions about single symbols take less time than reading all of them does. */
const FIRST_QUESTIONS = 24;

/** A ProgramImage of an ELF file. Everything is read when it is first asked for: most questions need little of a large file. */
export class ElfImage implements ProgramImage {
  readonly header: ImageHeader;
  readonly sections: readonly ImageSection[];
  private readonly memory: MemoryLayout;
  private readonly threads: ThreadBlock;
  private readonly tags: Map<number, number>;
  private linkedCache: Linked | undefined;
  private symbolCache: readonly ImageSymbol[] | undefined;
  private tables: SymbolTables | undefined;
  private placeIndex: Map<number, Relocation> | undefined;
  private sectionsByAddress: { start: Addr; size: number; section: ImageSection }[] | undefined;
  private debugCache: { headers: ElfHeaders | undefined } | undefined;
  private functions: FunctionIndex | undefined;
  private unwind: UnwindIndex | undefined;
  private lines: SourceLines | undefined;
  private questions = 0;
  private lastRegion: { region: Region; view: DataView } | undefined;

  constructor(
    readonly name: string,
    private readonly headers: ElfHeaders,
    readonly warnings: string[],
    private readonly debugFile: (() => Uint8Array | undefined) | undefined,
    private readonly ownPages: boolean,
    private readonly provided: ((name: string) => boolean) | undefined,
    private readonly inflate: Inflate | undefined,
  ) {
    this.memory = layout(headers, warnings, ownPages);
    this.threads = threadBlock(headers);
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

  get tlsBlock(): ProgramImage['tlsBlock'] {
    return this.headers.type === ET.REL && !this.ownPages ? undefined : this.threads.block;
  }

  get threadSections(): ThreadSections {
    return this.threads.sections;
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

  private get debugHeaders(): ElfHeaders | undefined {
    if (this.debugCache === undefined) {
      this.debugCache = { headers: undefined };
      const linked = this.headers.type === ET.EXEC || this.headers.type === ET.DYN;
      const bytes = linked ? this.debugFile?.() : undefined;
      try {
        if (bytes !== undefined) this.debugCache = { headers: readHeaders(bytes, 'its debug file', []) };
      } catch (error) {
        this.warnings.push((error as Error).message);
      }
    }
    return this.debugCache.headers;
  }

  private symbolTables(): SymbolTables {
    this.tables ??= readSymbolTables(this.headers, this.memory, this.tags, this.threads.sections);
    return this.tables;
  }

  private get linked(): Linked {
    const { headers, memory, tags, threads, ownPages, provided } = this;
    const symbolTables = () => this.symbolTables();
    this.linkedCache ??= link({ headers, memory, tags, threads, ownPages, provided, symbolTables });
    return this.linkedCache;
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
    if (this.isFirst()) {
      const own = scanForName(this.ownTables(), name);
      return own?.address === undefined ? (scanForName(this.debugTables(), name) ?? own) : own;
    }
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
    const scanned = this.isFirst() ? this.scan(address) : 'unsure';
    if (scanned !== 'unsure' && scanned !== undefined) return scanned;
    this.functions ??= functionIndex(this);
    const byName = this.functions.at(address);
    if (byName !== undefined) return byName;
    const header = this.headers.programs.find(({ type }) => type === PT.GNU_EH_FRAME);
    this.unwind ??= unwindIndex(this, header && addr(header.vaddr));
    return this.unwind.at(address);
  }

  private scan(address: Addr): FunctionRange | 'unsure' | undefined {
    return scanForFunction([...this.ownTables(), ...this.debugTables()], address);
  }

  /** Is this one of the first questions about symbols? They are answered without reading all of them. */
  private isFirst(): boolean {
    return (
      this.symbolCache === undefined &&
      this.header.type !== 'relocatable' &&
      this.questions++ < FIRST_QUESTIONS
    );
  }

  private ownTables(): ScanTable[] {
    const { headers } = this;
    const unnamed = unnamedSource(headers, this.memory, this.tags);
    return [
      ...symbolSources(headers, SHT.DYNSYM),
      ...symbolSources(headers, SHT.SYMTAB),
      ...(unnamed === undefined ? [] : [unnamed]),
    ].map((source) => [headers, source]);
  }

  private debugTables(): ScanTable[] {
    const debug = symbolSources(this.headers, SHT.SYMTAB).length > 0 ? undefined : this.debugHeaders;
    return debug === undefined ? [] : symbolSources(debug, SHT.SYMTAB).map((source) => [debug, source]);
  }

  lineAt(address: Addr): SourceLine | undefined {
    this.lines ??= this.readLines();
    return this.lines(address);
  }

  prepare(): void {
    this.questions = FIRST_QUESTIONS;
    this.functionAt(this.header.entry);
    this.lines ??= this.readLines();
    this.lines(this.header.entry, true);
  }

  private readLines(): SourceLines {
    const own = this.headers.sections.some(({ name }) => name === '.debug_line');
    const debug = own ? undefined : this.debugHeaders;
    if (debug !== undefined) return sourceLines(debug, () => [], this.warnings, this.inflate);
    return sourceLines(
      this.headers,
      (table) => this.symbolTables().get(table) ?? [],
      this.warnings,
      this.inflate,
    );
  }

  place(address: Addr): string {
    if (this.header.type !== 'relocatable') return hex(address);
    const section = this.sectionAt(address) ?? this.sectionAt(plus(address, -1));
    if (section?.address === undefined) return hex(address);
    return `${printable(section.name)}+${hex(address - section.address)}`;
  }
}
