import { type Addr, plus } from '../abi/address.js';
import type { ProgramImage, Region } from '../binary/image.js';

/**
 * Searches over whole regions, without decoding: a 100 MB program is looked through in a fraction of a second. What
 * these find are candidates; the analysis of the code around a hit decides.
 */

const view = (region: Region): DataView =>
  new DataView(region.bytes.buffer, region.bytes.byteOffset, region.bytes.byteLength);

/** Places behind a 32-bit signature in code: candidates for abort handlers. `step` is the code's alignment in bytes. */
export function abortCandidates(
  regions: readonly Region[],
  littleEndian: boolean,
  signature: number,
  step: number,
): Addr[] {
  const found: Addr[] = [];
  const order = littleEndian ? [0, 1, 2, 3] : [3, 2, 1, 0];
  const wanted = order.map((n) => (signature >>> (8 * n)) & 0xff);
  for (const region of regions) {
    if (!region.executable) continue;
    const { bytes } = region;
    // The second byte is searched for: on x86 the first (0x53) is push %rbx and stands everywhere.
    for (let at = bytes.indexOf(wanted[1]!, 1); at !== -1; at = bytes.indexOf(wanted[1]!, at + 1)) {
      const start = at - 1;
      if (bytes[start] !== wanted[0] || bytes[at + 1] !== wanted[2] || bytes[at + 2] !== wanted[3]) continue;
      if ((region.start + start) % step === 0) found.push(plus(region.start, start + 4));
    }
  }
  return found;
}

/** Places in data (8-byte aligned) that hold one of the given addresses. */
export function wordsHolding(
  image: ProgramImage,
  targets: ReadonlySet<number>,
): { place: Addr; target: Addr }[] {
  const found: { place: Addr; target: Addr }[] = [];
  if (targets.size === 0) return found;
  const little = image.header.littleEndian;
  for (const region of image.regions) {
    if (region.executable && image.header.type !== 'relocatable' && !mixesDataAndCode(image)) continue;
    const data = view(region);
    const first = (8 - (region.start % 8)) % 8;
    const last = data.byteLength - 8;
    for (let at = first; at <= last; at += 8) {
      const low = data.getUint32(little ? at : at + 4, little);
      if (low === 0) continue;
      const value = low + data.getUint32(little ? at + 4 : at, little) * 2 ** 32;
      if (targets.has(value)) found.push({ place: plus(region.start, at), target: value as Addr });
    }
  }
  return found;
}

/** Old linkers put .rodata and .text into one segment: there is no region that is data only. */
const mixesDataAndCode = (image: ProgramImage): boolean =>
  !image.regions.some((region) => region.readable && !region.writable && !region.executable);

/** A place in code whose bytes refer to a target. */
export interface Reference {
  /** Somewhere inside the instruction (the operand on x86, the instruction on arm64). */
  readonly at: Addr;
  readonly target: Addr;
}

/** Bytes of an instruction behind a PC-relative operand: none, or an immediate of 1, 2 or 4 (Intel SDM vol. 2, 2.1). */
const BEHIND_OPERAND = [0, 1, 2, 4];

/**
 * x86-64: every 4 bytes of code that, read as a PC-relative or absolute operand, give one of the targets.
 */
export function referencesX86(image: ProgramImage, targets: ReadonlySet<number>): Reference[] {
  const found: Reference[] = [];
  if (targets.size === 0) return found;
  const low = Math.min(...targets);
  const high = Math.max(...targets);
  for (const region of image.regions) {
    if (!region.executable) continue;
    const { bytes, start } = region;
    const length = bytes.length;
    let word = (bytes[0]! << 8) | (bytes[1]! << 16) | (bytes[2]! << 24);
    for (let at = 3; at < length; at++) {
      word = (word >>> 8) | (bytes[at]! << 24);
      const relative = start + at + 1 + word;
      if (relative >= low - 4 && relative <= high) {
        for (const behind of BEHIND_OPERAND) {
          if (targets.has(relative + behind))
            found.push({ at: plus(start, at - 3), target: (relative + behind) as Addr });
        }
      }
      if (word >= low && word <= high && targets.has(word))
        found.push({ at: plus(start, at - 3), target: word as Addr });
    }
  }
  return found;
}

/** arm64: adr to a target, or adrp to its page (Arm ARM C6.2.10, C6.2.11). A page is a guess: others may live there too. */
export function referencesA64(image: ProgramImage, targets: ReadonlySet<number>): Reference[] {
  const found: Reference[] = [];
  const pages = new Map<number, Addr>();
  for (const target of targets) pages.set(Math.floor(target / 4096), target as Addr);
  // Fixed-length code: a branch is told from its word alone (Arm ARM C4.1.65): b, b.cond, cbz, cbnz, tbz, tbnz.
  for (const region of image.regions) {
    if (!region.executable) continue;
    const data = view(region);
    for (let at = (4 - (region.start % 4)) % 4; at + 4 <= data.byteLength; at += 4) {
      const word = data.getInt32(at, true);
      const distance = branchDistance(word);
      if (distance !== undefined && targets.has(region.start + at + distance)) {
        found.push({ at: plus(region.start, at), target: (region.start + at + distance) as Addr });
      }
      if ((word & 0x1f000000) !== 0x10000000) continue;
      // x, immlo:2 at 29, 1 0 0 0 0, immhi:19 at 5, Rd:5; bit 31 tells adrp from adr. Signed 21 bits.
      const offset = ((word << 8) >> 11) & ~3;
      const value = offset | ((word >>> 29) & 3);
      const pc = region.start + at;
      const target =
        word < 0
          ? pages.get(Math.floor(pc / 4096) + value)
          : targets.has(pc + value)
            ? ((pc + value) as Addr)
            : undefined;
      if (target !== undefined) found.push({ at: plus(region.start, at), target });
    }
  }
  return found;
}

/**
 * x86-64: operands of %fs:displacement with a displacement in [low, high): a thread-local variable at a fixed distance
 * from the thread pointer. Candidates by the prefix 0x64 up to four bytes before.
 */
export function threadLocalReferencesX86(image: ProgramImage, low: number, high: number): Addr[] {
  const found: Addr[] = [];
  for (const region of image.regions) {
    if (!region.executable) continue;
    const { bytes, start } = region;
    for (let at = bytes.indexOf(0x64); at !== -1; at = bytes.indexOf(0x64, at + 1)) {
      for (let operand = at + 3; operand <= at + 5 && operand + 4 <= bytes.length; operand++) {
        const word =
          bytes[operand]! |
          (bytes[operand + 1]! << 8) |
          (bytes[operand + 2]! << 16) |
          (bytes[operand + 3]! << 24);
        if (word >= low && word < high) found.push(plus(start, at));
      }
    }
  }
  return found;
}

/** Bytes a direct branch goes, or undefined for another instruction. */
function branchDistance(word: number): number | undefined {
  if ((word & 0x7c000000) === 0x14000000) return ((word << 6) >> 6) * 4;
  if ((word & 0xff000010) === 0x54000000 || (word & 0x7e000000) === 0x34000000)
    return ((word << 8) >> 13) * 4;
  if ((word & 0x7e000000) === 0x36000000) return ((word << 13) >> 18) * 4;
  return undefined;
}

/** x86-64: places of short jumps (Jcc rel8, JMP rel8, LOOP, JRCXZ) near a range that go to one of the targets. */
export function shortJumpsX86(
  image: ProgramImage,
  from: Addr,
  to: Addr,
  targets: ReadonlySet<number>,
): Addr[] {
  const region = image.regionAt(from);
  if (region === undefined) return [];
  const found: Addr[] = [];
  const first = Math.max(0, from - region.start - 130);
  const last = Math.min(region.bytes.length - 2, to - region.start + 130);
  for (let at = first; at <= last; at++) {
    const opcode = region.bytes[at]!;
    const short = (opcode >= 0x70 && opcode <= 0x7f) || opcode === 0xeb || (opcode >= 0xe0 && opcode <= 0xe3);
    if (!short) continue;
    const target = region.start + at + 2 + ((region.bytes[at + 1]! << 24) >> 24);
    if (targets.has(target)) found.push(plus(region.start, at));
  }
  return found;
}
