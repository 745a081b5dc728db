import { type Addr, addr } from '../abi/address.js';
import type { Architecture } from '../abi/architecture.js';
import { DT, fileOffset } from './dynamic.js';
import { type ElfHeaders, ET } from './headers.js';
import type { ImageSymbol, ProgramImage, Region, Relocation } from './image.js';
import { type MemoryLayout, PAGE, type Placed } from './layout.js';
import { regionFrom, regionOf } from './regions.js';
import { type RawRelocation, rawRelocations, relrPlaces } from './relocation-tables.js';
import { implicitAddend, patch, type RelocationType, relocationTypes } from './relocation-types.js';
import type { SymbolTables } from './symbols.js';
import type { ThreadBlock } from './thread-block.js';

/** What the linker works on: one file, laid out. */
export interface Unlinked {
  readonly headers: ElfHeaders;
  readonly memory: MemoryLayout;
  readonly tags: ReadonlyMap<number, number>;
  readonly threads: ThreadBlock;
  /** See layout(). */
  readonly ownPages: boolean;
  /** See ReadOptions. */
  readonly provided: ((name: string) => boolean) | undefined;
  /** Called only where there are relocations: reading symbols is what takes long. */
  readonly symbolTables: () => SymbolTables;
}

/** Memory with the relocations applied, ascending by address; see ProgramImage for the fields. */
export interface Linked {
  readonly regions: readonly Region[];
  readonly relocations: readonly Relocation[];
  readonly externs: ReadonlyMap<string, Addr>;
}

/** Bytes of one slot of the GOT made up for a relocatable object: one slot a symbol that is loaded through it. */
const GOT_SLOT = 8;
/** Bytes between the made-up addresses of undefined symbols: room for a very small function. */
export const externStep = (architecture: Architecture | undefined): number =>
  architecture === 'aarch64' ? 32 : 16;

/**
 * Applies the relocations as the loader (for a relocatable object, the linker) would, so that analyses read addresses where code
 * will find them. The file's bytes are never changed: a part that is patched is copied first.
 */
export const link = (unlinked: Unlinked): Linked => new Linker(unlinked).link();

const NAMELESS = { name: '', binding: 'global' } as const;

interface GotEntry {
  readonly slot: Addr;
  readonly relocation: Relocation;
  readonly value: number;
}

class Linker {
  private readonly raw: readonly RawRelocation[];
  private readonly tables: SymbolTables;
  private readonly types: ReadonlyMap<number, RelocationType>;
  private readonly little: boolean;
  private readonly relocations: Relocation[] = [];
  private readonly externs = new Map<string, Addr>();
  private readonly got = new Map<string, GotEntry>();
  private readonly gotStart: number;
  private readonly externStart: number;
  private readonly copies = new Map<Placed, DataView>();

  constructor(private readonly unlinked: Unlinked) {
    const { headers, memory, tags, symbolTables, ownPages } = unlinked;
    this.raw = rawRelocations(headers, memory, tags);
    this.tables = this.raw.length > 0 ? symbolTables() : new Map();
    this.types = relocationTypes(headers.architecture);
    this.little = headers.cursor.littleEndian;
    const unit = ownPages ? PAGE : 64;
    this.gotStart = Math.ceil((memory.end + 64) / unit) * unit;
    const externs = this.gotStart + (this.raw.length + 1) * GOT_SLOT + PAGE;
    this.externStart = ownPages ? Math.ceil(externs / PAGE) * PAGE : externs;
  }

  link(): Linked {
    for (const entry of this.raw) this.relocate(entry);
    this.noteRelr();
    const regions = this.unlinked.memory.regions.map((region) => regionFrom(region, this.bytesOf(region)));
    if (this.got.size > 0) regions.push(this.gotRegion());
    this.relocations.sort((a, b) => a.address - b.address);
    return { regions, relocations: this.relocations, externs: this.externs };
  }

  private relocate(entry: RawRelocation): void {
    const region = regionOf(this.unlinked.memory.regions, entry.place);
    if (region === undefined) return;
    const type = this.types.get(entry.type);
    const at = entry.place - region.start;
    const held = at + 4 <= region.fileSize;
    const view = held ? this.viewOf(region) : undefined;
    const relocation: Relocation = {
      address: addr(entry.place),
      type: entry.type,
      typeName: type?.name ?? `type ${entry.type}`,
      symbol: entry.symbol === 0 ? undefined : this.tables.get(entry.table)?.[entry.symbol],
      addend: entry.addend ?? (view ? implicitAddend(view, at, type?.field ?? '-', this.little) : 0),
      kind: type?.kind ?? 'other',
    };
    this.relocations.push(relocation);
    if (view === undefined || type === undefined) return;
    const value = this.valueOf(relocation);
    if (value !== undefined) patch(view, at, type.field, value, entry.place, this.little);
  }

  /** What the field is made from; undefined where it keeps what the file holds. */
  private valueOf(relocation: Relocation): number | undefined {
    const { headers } = this.unlinked;
    const { symbol, kind, addend } = relocation;
    const isObject = headers.type === ET.REL;
    const isUndefined = symbol !== undefined && symbol.address === undefined;
    // A symbol that another file defines has no address here; only in a relocatable object is one made up.
    if (!isObject && isUndefined && kind !== 'copy') return undefined;
    const base = isUndefined && isObject && symbol.kind !== 'tls' ? this.extern(symbol) : 0;
    if (kind === 'tls-module') return undefined;
    if (kind === 'got' || kind === 'tls-got') return this.gotSlot(relocation, kind) + addend;
    const value = (symbol?.address ?? base) + addend;
    return kind === 'tls-offset' && !(isObject && isUndefined) ? this.threadOffset(value) : value;
  }

  private extern({ name, binding }: Pick<ImageSymbol, 'name' | 'binding'> = NAMELESS): Addr {
    if (binding === 'weak' && this.unlinked.provided?.(name) === false) return addr(0);
    const known =
      this.externs.get(name) ??
      addr(this.externStart + this.externs.size * externStep(this.unlinked.headers.architecture));
    this.externs.set(name, known);
    return known;
  }

  private gotSlot(relocation: Relocation, kind: 'got' | 'tls-got'): Addr {
    const { symbol } = relocation;
    const key = `${kind} ${symbol?.name ?? ''} ${symbol?.address ?? ''}`;
    const known = this.got.get(key);
    if (known !== undefined) return known.slot;
    const value =
      kind === 'got' ? (symbol?.address ?? this.extern(symbol)) : this.threadOffset(symbol?.address);
    const slot = addr(this.gotStart + this.got.size * GOT_SLOT);
    this.got.set(key, {
      slot,
      value,
      relocation: {
        ...relocation,
        address: slot,
        addend: 0,
        kind: kind === 'got' ? 'absolute' : 'tls-offset',
      },
    });
    return slot;
  }

  /**
   * From the thread pointer, of what is there in the block; 0 where that is not known. In an object it is known only once it stands by itself:
   * else others are linked with it.
   */
  private threadOffset(inBlock: number | undefined): number {
    const { headers, threads, ownPages } = this.unlinked;
    if (inBlock === undefined) return 0;
    if (headers.type === ET.REL && !ownPages) return inBlock;
    return tlsOffset(headers.architecture, inBlock, threads.block);
  }

  /** RELR fields hold their value already (the image is not moved): only the fact is noted. */
  private noteRelr(): void {
    const { headers, memory, tags } = this.unlinked;
    const address = tags.get(DT.RELR);
    const offset = address === undefined ? undefined : fileOffset(memory.regions, address);
    if (offset === undefined) return;
    for (const place of relrPlaces(headers, offset, tags.get(DT.RELRSZ) ?? 0)) {
      this.relocations.push({
        address: addr(place),
        type: 0,
        typeName: 'RELR',
        symbol: undefined,
        addend: 0,
        kind: 'relative',
      });
    }
  }

  private gotRegion(): Region {
    const bytes = new Uint8Array(this.got.size * GOT_SLOT);
    const view = new DataView(bytes.buffer);
    for (const { slot, relocation, value } of this.got.values()) {
      view.setBigInt64(slot - this.gotStart, BigInt(value), this.little);
      this.relocations.push(relocation);
    }
    return {
      start: addr(this.gotStart),
      size: bytes.length,
      bytes,
      readable: true,
      writable: false,
      executable: false,
      name: '.got',
    };
  }

  private inFile(region: Placed): Uint8Array {
    return this.unlinked.headers.cursor.bytes.subarray(region.offset, region.offset + region.fileSize);
  }

  /** The region's own copy of its bytes, made at the first relocation in it. */
  private viewOf(region: Placed): DataView {
    let view = this.copies.get(region);
    if (view === undefined) {
      const copy = this.inFile(region).slice();
      view = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
      this.copies.set(region, view);
    }
    return view;
  }

  private bytesOf(region: Placed): Uint8Array {
    const copy = this.copies.get(region);
    return copy ? new Uint8Array(copy.buffer, copy.byteOffset, copy.byteLength) : this.inFile(region);
  }
}

/** Distance from the thread pointer to a variable of the executable's own block (ELF TLS ABI: variant II on x86-64, I on arm64). */
function tlsOffset(
  architecture: Architecture | undefined,
  value: number,
  block: ProgramImage['tlsBlock'],
): number {
  if (block === undefined) return value;
  const size = Math.ceil(block.size / block.align) * block.align;
  return architecture === 'aarch64' ? value + Math.max(16, block.align) : value - size;
}
