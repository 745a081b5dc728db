import { unzlibSync } from 'fflate';
import { type ElfHeaders, type SectionHeader, SHF } from './headers.js';

/** Largest section that is unpacked, in bytes: a damaged header asks for 2^60. */
const LARGEST = 2 ** 29;
const ELFCOMPRESS_ZLIB = 1;

/** Unpacks what zlib has packed to `size` bytes; throws where it is damaged. */
export type Inflate = (bytes: Uint8Array, size: number) => Uint8Array;
const portable: Inflate = (bytes, size) => unzlibSync(bytes, { out: new Uint8Array(size) });

/**
 * A section's bytes as they were before compression: SHF_COMPRESSED (gABI, "Section Compression": Elf_Chdr with type, size, alignment)
 * with zlib. Throws Error, whose message is one clause, where they cannot be unpacked.
 */
export function sectionBytes(
  { cursor }: ElfHeaders,
  section: SectionHeader,
  inflate: Inflate = portable,
): Uint8Array {
  const bytes = cursor.bytes.subarray(section.offset, section.offset + section.size);
  if ((section.flags & SHF.COMPRESSED) === 0) return bytes;
  const wide = cursor.bits === 64;
  const type = cursor.u32(section.offset);
  const size = cursor.word(section.offset + (wide ? 8 : 4));
  if (type !== ELFCOMPRESS_ZLIB) throw new Error('is compressed in a way that is not read (zstd)');
  if (size > LARGEST) throw new Error(`would have ${size} bytes unpacked`);
  try {
    return inflate(bytes.subarray(wide ? 24 : 12), size);
  } catch {
    throw new Error('is compressed, and damaged');
  }
}
