import { type Addr, asAddr } from '../abi/address.js';
import { RSEQ_ORIG_SIZE } from '../abi/rseq.js';
import type { ProgramImage } from '../binary/image.js';
import { IN_FRONT } from './area.js';
import type { Code } from './code.js';
import type { AbortRange } from './flow.js';
import {
  type Reference,
  referencesA64,
  referencesX86,
  shortJumpsX86,
  threadLocalReferencesX86,
  wordsHolding,
} from './scan.js';
import type { Descriptor } from './section.js';
import { isExecutable } from './tables.js';

/** What is known of an image's sections before its code is analysed. */
export interface Known {
  /** Those with an address in the image. */
  readonly descriptors: readonly Descriptor[];
  readonly ranges: readonly AbortRange[];
  /** Addresses behind signatures that no descriptor in data names. */
  readonly aborts: ReadonlySet<number>;
}

/** glibc's offset of struct rseq from the thread pointer (glibc manual, "Restartable Sequences"), and librseq's. */
const AREA_SYMBOL = /^(__)?rseq_offset$/;

/** Longest section whose instructions are looked for as targets of jumps, in bytes. */
const LONGEST = 4096;

/**
 * Addresses in code that must be looked at: sections, and whatever refers to a descriptor, an abort handler or struct rseq. The
 * rest of a large program is never decoded. `referenced`: descriptors that something other than the pointer array refers to.
 */
export function placesOfInterest(code: Code, known: Known): { places: Addr[]; referenced: Set<Addr> } {
  const { image } = code;
  const starts = known.descriptors.flatMap(({ startIp }) => {
    const start = asAddr(startIp);
    return start !== undefined && isExecutable(image, startIp) ? [start] : [];
  });
  const addresses = new Set(known.descriptors.flatMap(({ address }) => address ?? []));
  const slots = slotsOf(image, addresses);
  const inside = interiors(code, known.ranges);
  const targets = new Set<number>([
    ...known.aborts,
    ...addresses,
    ...slots.keys(),
    ...areaSymbols(image),
    ...inside.targets,
  ]);
  const referenced = new Set<Addr>();
  const referring: Addr[] = [];
  for (const { at, target } of references(code, targets)) {
    referring.push(at);
    const descriptor = addresses.has(target as Addr) ? (target as Addr) : slots.get(target);
    if (descriptor !== undefined) referenced.add(descriptor);
  }
  return { places: [...starts, ...inside.jumps, ...referring, ...threadLocalPlaces(code)], referenced };
}

/** Every instruction of a section but its first, as targets: jumps to these from elsewhere matter; and the short jumps among them. */
function interiors(code: Code, ranges: readonly AbortRange[]): { targets: Set<number>; jumps: Addr[] } {
  const targets = new Set<number>();
  const jumps: Addr[] = [];
  for (const { start, end } of ranges) {
    if (end <= start || end - start > LONGEST) continue;
    const own = new Set<number>([...code.between(start, end)].slice(1).map(({ address }) => address));
    for (const at of own) targets.add(at);
    if (code.decoder.architecture === 'x86-64') jumps.push(...shortJumpsX86(code.image, start, end, own));
  }
  return { targets, jumps };
}

const references = (code: Code, targets: ReadonlySet<number>): Reference[] =>
  code.decoder.architecture === 'x86-64'
    ? referencesX86(code.image, targets)
    : referencesA64(code.image, targets);

/** Words in data that hold a descriptor's address, without the pointer array: GOT slots, pointers of the program's own. */
function slotsOf(image: ProgramImage, descriptors: ReadonlySet<number>): Map<number, Addr> {
  const slots = new Map<number, Addr>();
  for (const { place, target } of wordsHolding(image, descriptors)) {
    const section = image.sectionAt(place)?.name;
    if (section === '__rseq_cs_ptr_array' || section === '__rseq_cs') continue;
    slots.set(place, target);
  }
  return slots;
}

/** Where the address of glibc's __rseq_offset (or librseq's rseq_offset) can be had: the symbol itself and its GOT slots. */
function areaSymbols(image: ProgramImage): Addr[] {
  const places: Addr[] = [];
  for (const symbol of image.symbols) {
    if (symbol.address !== undefined && symbol.kind !== 'tls' && AREA_SYMBOL.test(symbol.name))
      places.push(symbol.address);
  }
  for (const [name, address] of image.externs ?? []) if (AREA_SYMBOL.test(name)) places.push(address);
  for (const relocation of image.relocations) {
    if (relocation.symbol !== undefined && AREA_SYMBOL.test(relocation.symbol.name))
      places.push(relocation.address);
  }
  return places;
}

/** Uses of a thread-local __rseq_abi at a fixed distance from the thread pointer (and of what overlaps it). */
function threadLocalPlaces(code: Code): Addr[] {
  const { image } = code;
  const places: Addr[] = [];
  for (const relocation of image.relocations) {
    const inCode = image.regionAt(relocation.address)?.executable === true;
    if (inCode && relocation.symbol?.kind === 'tls' && /rseq/.test(relocation.symbol.name))
      places.push(relocation.address);
  }
  const abi = image.symbols.find((symbol) => symbol.kind === 'tls' && symbol.name === '__rseq_abi');
  const block = image.tlsBlock;
  if (abi?.address !== undefined && block !== undefined && code.decoder.architecture === 'x86-64') {
    // x86-64 TLS variant II: the block ends at the thread pointer (ELF TLS ABI 3.4.6).
    const offset = abi.address - Math.ceil(block.size / block.align) * block.align;
    places.push(...threadLocalReferencesX86(image, offset - IN_FRONT, offset + RSEQ_ORIG_SIZE));
  }
  return places;
}
