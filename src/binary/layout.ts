import { type Addr, addr } from '../abi/address.js';
import { type ElfHeaders, ET, PT, type SectionHeader, SHF, SHT } from './headers.js';
import { RELOCATABLE_BASE } from './image.js';

/** Where something of the file lies in memory, before relocation. */
export interface Placed {
  readonly start: Addr;
  readonly size: number;
  readonly offset: number;
  /** Bytes of it that are in the file. */
  readonly fileSize: number;
  readonly flags: { readonly r: boolean; readonly w: boolean; readonly x: boolean };
  readonly name: string;
}

/**
 * No region lies above this: arm64's largest user address space has 52 bits, x86-64 programs use 47 unless they ask for
 * more at run time, and a number tells neighbouring addresses apart up to 2^53.
 */
const HIGHEST = 2 ** 52;
/** Smallest unit of memory with permissions of its own. */
export const PAGE = 4096;
/** Bytes between two sections of a relocatable object. */
const GAP = 64;

/** A file in memory, before relocation. */
export interface MemoryLayout {
  readonly regions: readonly Placed[];
  /** The executable sections, or the executable regions where there are none. */
  readonly code: readonly Placed[];
  /** Address of each section header by index; undefined where it is not loaded. */
  readonly addresses: readonly (Addr | undefined)[];
  /** First address behind everything. */
  readonly end: number;
}

/**
 * The memory that the loader (or, for a relocatable object, our own linker) makes of a file. `ownPages`: code, data and constants of a
 * relocatable object share no page, so that it can be run as it lies there.
 */
export function layout(headers: ElfHeaders, warnings: string[], ownPages = false): MemoryLayout {
  if (headers.type === ET.REL) return relocatable(headers, ownPages);
  const length = headers.cursor.bytes.length;
  const loads = headers.programs.filter((program) => program.type === PT.LOAD && program.memsz > 0);
  const fromSegments = loads.map(
    (program): Placed => ({
      start: addr(program.vaddr),
      size: program.memsz,
      offset: program.offset,
      fileSize: inFile(program.offset, Math.min(program.filesz, program.memsz), length),
      flags: { r: (program.flags & 4) !== 0, w: (program.flags & 2) !== 0, x: (program.flags & 1) !== 0 },
      name: 'segment',
    }),
  );
  const placed = fromSegments.length > 0 ? fromSegments : fromSections(headers);
  const regions = withoutOverlap(placed, warnings);
  const code = fromSections(headers).filter(({ flags }) => flags.x);
  return {
    regions,
    code: code.length > 0 ? code : regions.filter(({ flags }) => flags.x),
    addresses: headers.sections.map(({ flags, addr: at }) =>
      (flags & SHF.ALLOC) !== 0 && at < HIGHEST ? addr(at) : undefined,
    ),
    end: placed.reduce((end, region) => Math.max(end, region.start + region.size), 0),
  };
}

const inFile = (offset: number, size: number, length: number): number =>
  Math.max(0, Math.min(size, length - offset));

function placeSection(headers: ElfHeaders, section: SectionHeader, at: number): Placed {
  const { offset, size, flags, type } = section;
  return {
    start: addr(at),
    size,
    offset,
    fileSize: type === SHT.NOBITS ? 0 : inFile(offset, size, headers.cursor.bytes.length),
    flags: { r: true, w: (flags & SHF.WRITE) !== 0, x: (flags & SHF.EXECINSTR) !== 0 },
    name: section.name,
  };
}

const sameAccess = (section: SectionHeader, before: SectionHeader | undefined): boolean =>
  before !== undefined && ((section.flags ^ before.flags) & (SHF.WRITE | SHF.EXECINSTR)) === 0;

const allocated = (headers: ElfHeaders): SectionHeader[] =>
  headers.sections.filter(({ flags, size }) => (flags & SHF.ALLOC) !== 0 && size > 0);

/** .tbss takes no memory: the next section has its address too (ELF TLS ABI, 2.1). */
const isThreadZeros = ({ type, flags }: SectionHeader): boolean =>
  type === SHT.NOBITS && (flags & SHF.TLS) !== 0;

function fromSections(headers: ElfHeaders): Placed[] {
  return allocated(headers)
    .filter((section) => !isThreadZeros(section))
    .map((section) => placeSection(headers, section, section.addr));
}

function withoutOverlap(placed: readonly Placed[], warnings: string[]): Placed[] {
  const sorted = placed
    .filter(({ start, size }) => start + size <= HIGHEST && size > 0)
    .sort((a, b) => a.start - b.start);
  if (sorted.length < placed.length)
    warnings.push('a segment lies outside any user address space; it is left out');
  const kept: Placed[] = [];
  for (const region of sorted) {
    const before = kept.at(-1);
    if (before !== undefined && before.start + before.size > region.start) {
      warnings.push('two segments overlap; the later one is left out');
      continue;
    }
    kept.push(region);
  }
  return kept;
}

/** Allocated sections one behind the other. Sizes beyond the file (a .bss of 2^60) are cut, so that the rest keeps its place. */
function relocatable(headers: ElfHeaders, ownPages: boolean): MemoryLayout {
  const addresses: (Addr | undefined)[] = headers.sections.map(() => undefined);
  const regions: Placed[] = [];
  let next = RELOCATABLE_BASE;
  let before: SectionHeader | undefined;
  for (const section of allocated(headers)) {
    const align = section.align > 0 && section.align <= 2 ** 24 ? section.align : 1;
    // At least 64, so that a place keeps its distance to the next 64-byte line as in the object itself.
    const unit = Math.max(align, 64, ownPages && !sameAccess(section, before) ? PAGE : 1);
    before = section;
    const at = Math.ceil(next / unit) * unit;
    const placed = placeSection(headers, { ...section, size: Math.min(section.size, 2 ** 40) }, at);
    if (at + placed.size > HIGHEST) break;
    addresses[section.index] = placed.start;
    regions.push(placed);
    next = at + placed.size + GAP;
  }
  return { regions, code: regions.filter(({ flags }) => flags.x), addresses, end: next };
}
