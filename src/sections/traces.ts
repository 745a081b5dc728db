import { rseqSignature } from '../abi/signatures.js';
import { Cursor } from '../binary/cursor.js';
import { PT, readHeaders, type SectionHeader, SHF, SHT } from '../binary/headers.js';
import type { ProgramImage } from '../binary/image.js';
import { readImage } from '../binary/read.js';
import { decoderFor } from './decoders.js';
import { abortCandidates } from './scan.js';

/** glibc's __rseq_offset, librseq's rseq_offset, the __rseq_abi of tcmalloc, and whatever a program calls an area of its own. */
const TRACE_NAMES = ['rseq_', '_rseq'];

/**
 * Has the file anything to do with rseq? Most have not, and are not linked nor their symbols read: no table of sections, no
 * signature in the code, and none of the names that struct rseq is reached by.
 */
export function hasTraces(image: ProgramImage, signature = usualSignature(image)): boolean {
  const step = decoderFor(image)?.minLength ?? 1;
  return (
    image.sections.some(({ name }) => /^__rseq/.test(name)) ||
    TRACE_NAMES.some((name) => image.mentions(name)) ||
    (signature !== undefined &&
      abortCandidates(image.codeInFile, image.header.littleEndian, signature, step).length > 0)
  );
}

/** RSEQ_SIG of the image's architecture and byte order; undefined where it has no rseq. */
export function usualSignature({ header }: ProgramImage): number | undefined {
  return header.architecture && rseqSignature(header.architecture, header.littleEndian);
}

/** A part of a file, in bytes. */
export interface Part {
  readonly offset: number;
  readonly size: number;
}

/**
 * The same question of a file that is not read yet: yields the parts of it that must be put into `bytes` (which is as long as the
 * file) before the next step, and returns the answer. Half of a large program is data that nobody needs to read for it.
 * Throws BinaryError where the file cannot be used.
 */
export function* tracesOf(bytes: Uint8Array, name: string, signature?: number): Generator<Part, boolean> {
  const part = (offset: number, size: number): Part => {
    const start = Math.min(Math.max(0, offset), bytes.length);
    return { offset: start, size: Math.max(0, Math.min(size, bytes.length - start)) };
  };
  yield part(0, 64);
  const wide = bytes[4] === 2;
  const cursor = new Cursor(bytes, bytes[5] !== 2, wide ? 64 : 32);
  yield part(cursor.word(wide ? 32 : 28), cursor.u16(wide ? 54 : 42) * cursor.u16(wide ? 56 : 44));
  const table = cursor.word(wide ? 40 : 32);
  const entry = wide ? 64 : 40;
  yield part(table, entry);
  yield part(table, entry * (cursor.u16(wide ? 60 : 48) || cursor.word(table + (wide ? 32 : 20))));
  const names = cursor.u16(wide ? 62 : 50);
  const strings = table + entry * (names === 0xffff ? cursor.u32(table + (wide ? 40 : 24)) : names);
  yield part(cursor.word(strings + (wide ? 24 : 16)), cursor.word(strings + (wide ? 32 : 20)));
  const headers = readHeaders(bytes, name, []);
  const isCode = ({ type, flags }: SectionHeader): boolean =>
    type !== SHT.NOBITS && (flags & SHF.EXECINSTR) !== 0;
  const coded = headers.sections.some(isCode);
  for (const { type, flags, offset, filesz } of headers.programs) {
    if (type === PT.DYNAMIC || (type === PT.LOAD && (flags & 1) !== 0 && !coded)) yield part(offset, filesz);
  }
  for (const section of headers.sections) {
    if (isCode(section) || section.type === SHT.STRTAB || section.type === SHT.DYNAMIC)
      yield part(section.offset, section.size);
  }
  return hasTraces(readImage(bytes, name), signature);
}
