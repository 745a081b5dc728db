import { hex } from '../abi/address.js';
import type { ProgramImage, SourceLine } from '../binary/image.js';
import type { CriticalSection, FoundBy } from '../sections/section.js';
import { nameOf } from './place.js';

/** One critical section in words: what `rseqlab sections` prints. Addresses are `0x4011c4`, or `.text+0x14` in a relocatable file. */
export interface SectionSummary {
  /** The descriptor's place; null: it is built on the stack. */
  readonly descriptor: string | null;
  readonly foundBy: readonly FoundBy[];
  /** The function that holds start_ip, demangled. */
  readonly function: string | null;
  readonly version: number;
  readonly flags: number;
  readonly startIp: string;
  /** Length of the section in bytes, as a hexadecimal number: a wrong one can hold anything up to 2^64-1. */
  readonly postCommitOffset: string;
  readonly end: string | null;
  readonly abortIp: string;
  /** u32 in front of abort_ip; null where it is not readable. */
  readonly signature: string | null;
  readonly exitPoints: readonly string[];
  readonly armedAt: readonly string[];
  /** Source line of start_ip. */
  readonly line: SourceLine | null;
}

/** A section in words, as `sections` and the JSON show it. */
export function summarise(image: ProgramImage, section: CriticalSection): SectionSummary {
  const { descriptor, start, end, abort } = section;
  const place = (at: typeof start, raw: bigint): string =>
    at === undefined || image.regionAt(at) === undefined ? hex(raw) : image.place(at);
  return {
    descriptor: descriptor.address === undefined ? null : image.place(descriptor.address),
    foundBy: section.foundBy,
    function: section.function === undefined ? null : nameOf(section.function),
    version: descriptor.version,
    flags: descriptor.flags,
    startIp: place(start, descriptor.startIp),
    postCommitOffset: hex(descriptor.postCommitOffset),
    end: end === undefined ? null : image.place(end),
    abortIp: place(abort, descriptor.abortIp),
    signature: section.signature === undefined ? null : hex(section.signature),
    exitPoints: section.exitPoints.map((at) => image.place(at)),
    armedAt: section.armings.map(({ at }) => image.place(at)),
    line: start === undefined ? null : (image.lineAt(start) ?? null),
  };
}
