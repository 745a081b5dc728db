import { type Addr, asAddr, plus } from '../abi/address.js';
import { offsetOf } from '../abi/layout.js';
import { RSEQ_CS } from '../abi/rseq.js';
import type { ImageSection, ProgramImage } from '../binary/image.js';
import type { Descriptor } from './section.js';

const DESCRIPTOR_SIZE = RSEQ_CS.size;
const [FLAGS, START_IP, POST_COMMIT_OFFSET] = [
  offsetOf(RSEQ_CS, 'flags'),
  offsetOf(RSEQ_CS, 'start_ip'),
  offsetOf(RSEQ_CS, 'post_commit_offset'),
];
/** Byte offset of abort_ip: from a field that holds an abort handler's address back to its descriptor. */
export const ABORT_IP = offsetOf(RSEQ_CS, 'abort_ip');

/** Reads the descriptor at an address; undefined where not all of its 32 bytes are loaded. */
export function readDescriptor(image: ProgramImage, address: Addr): Descriptor | undefined {
  const version = image.u32(address);
  const flags = image.u32(plus(address, FLAGS));
  const startIp = image.u64(plus(address, START_IP));
  const postCommitOffset = image.u64(plus(address, POST_COMMIT_OFFSET));
  const abortIp = image.u64(plus(address, ABORT_IP));
  if (version === undefined || flags === undefined || startIp === undefined) return undefined;
  if (postCommitOffset === undefined || abortIp === undefined) return undefined;
  return { address, version, flags, startIp, postCommitOffset, abortIp };
}

/** Does the image hold code at this address? */
export const isExecutable = (image: ProgramImage, address: bigint): boolean => {
  const at = asAddr(address);
  return at !== undefined && image.regionAt(at)?.executable === true;
};

/** The bytes look like a descriptor: one of its two addresses is in code. */
export const isPlausible = (image: ProgramImage, descriptor: Descriptor | undefined): boolean =>
  descriptor !== undefined &&
  (isExecutable(image, descriptor.startIp) || isExecutable(image, descriptor.abortIp));

const isZero = ({ version, flags, startIp, postCommitOffset, abortIp }: Descriptor): boolean =>
  version === 0 && flags === 0 && startIp === 0n && postCommitOffset === 0n && abortIp === 0n;

/** Sections by name, each with what the file holds of it: a damaged size says 2^60. */
const named = (image: ProgramImage, ...names: string[]): ImageSection[] =>
  image.sections
    .filter((section) => names.includes(section.name) && section.address !== undefined)
    .map((section) => {
      const region = image.regionAt(section.address!);
      const held = region === undefined ? 0 : region.start + region.bytes.length - section.address!;
      return { ...section, size: Math.max(0, Math.min(section.size, held)) };
    })
    .filter(({ size }) => size > 0);

/** The entries of __rseq_cs_ptr_array (librseq, arch/generic/common.h), in order; pointers that are zero are left out. */
export function pointerArray(image: ProgramImage): { slot: Addr; address: bigint }[] {
  const entries: { slot: Addr; address: bigint }[] = [];
  for (const section of named(image, '__rseq_cs_ptr_array')) {
    for (let offset = 0; offset + 8 <= section.size; offset += 8) {
      const slot = plus(section.address!, offset);
      const address = image.u64(slot);
      if (address !== undefined && address !== 0n) entries.push({ slot, address });
    }
  }
  return entries;
}

/** Pairs (start_ip, exit_ip) of __rseq_exit_point_array: side exits by the section they leave. */
export function exitPoints(image: ProgramImage): Map<bigint, Addr[]> {
  const exits = new Map<bigint, Addr[]>();
  for (const section of named(image, '__rseq_exit_point_array')) {
    for (let offset = 0; offset + 16 <= section.size; offset += 16) {
      const start = image.u64(plus(section.address!, offset));
      const exit = asAddr(image.u64(plus(section.address!, offset + 8)) ?? -1n);
      if (start === undefined || exit === undefined) continue;
      const list = exits.get(start);
      if (list === undefined) exits.set(start, [exit]);
      else list.push(exit);
    }
  }
  return exits;
}

/**
 * The descriptors in sections named __rseq_cs. One follows the other every 32 bytes, unless a wrong alignment moved
 * one: pointers known from the pointer array, and the look of the bytes, say where the next begins.
 */
export function descriptorSections(image: ProgramImage, known: ReadonlySet<Addr>): Descriptor[] {
  const found: Descriptor[] = [];
  for (const section of named(image, '__rseq_cs', '__rseq_table')) {
    const end = plus(section.address!, section.size);
    for (let at = section.address!; at + DESCRIPTOR_SIZE <= end; ) {
      const begin = nextDescriptor(image, at, end, known);
      const descriptor = readDescriptor(image, begin);
      if (descriptor !== undefined && (!isZero(descriptor) || known.has(begin))) found.push(descriptor);
      at = plus(begin, DESCRIPTOR_SIZE);
    }
  }
  return found;
}

function nextDescriptor(image: ProgramImage, at: Addr, end: Addr, known: ReadonlySet<Addr>): Addr {
  const candidates: Addr[] = [];
  for (let offset = 0; offset < DESCRIPTOR_SIZE && at + offset + DESCRIPTOR_SIZE <= end; offset += 4) {
    candidates.push(plus(at, offset));
  }
  const listed = candidates.find((candidate) => known.has(candidate));
  const plausible = candidates.find((candidate) => {
    const descriptor = readDescriptor(image, candidate);
    return (
      isPlausible(image, descriptor) &&
      isExecutable(image, descriptor!.startIp) &&
      isExecutable(image, descriptor!.abortIp)
    );
  });
  if (listed !== undefined && (plausible === undefined || listed <= plausible)) return listed;
  // A slot at its proper place stays, whatever is in it; only a clear one a little further moves the grid.
  return isPlausible(image, readDescriptor(image, at)) ? at : (plausible ?? at);
}
