import { type ElfHeaders, type SectionHeader, SHT } from './headers.js';

/** Where a stripped file says that its symbols and line tables are (gdb manual, "Debugging Information in Separate Files"). */
export interface DebugLink {
  /** The build ID in hexadecimal, from the NT_GNU_BUILD_ID note. */
  readonly buildId: string | undefined;
  /** A file's name without folder, and the CRC-32 of its contents, from .gnu_debuglink. */
  readonly file: { readonly name: string; readonly crc: number } | undefined;
}

const NT_GNU_BUILD_ID = 3;

/** What the file says; both undefined where it says nothing. */
export function debugLink(headers: ElfHeaders): DebugLink {
  return { buildId: buildId(headers), file: linkedFile(headers) };
}

function linkedFile({ cursor, sections }: ElfHeaders): DebugLink['file'] {
  const section = sections.find(({ name, type }) => name === '.gnu_debuglink' && type === SHT.PROGBITS);
  if (section === undefined) return undefined;
  const name = cursor.string(section.offset, section.size);
  // The CRC follows the name, on a multiple of four.
  const crc = cursor.u32(section.offset + (Math.floor(name.length / 4) + 1) * 4);
  return name === '' || name.includes('/') ? undefined : { name, crc };
}

/** Elf_Nhdr: u32 namesz, u32 descsz, u32 type, then name and descriptor, each padded to four bytes (gABI, "Note Section"). */
function buildId(headers: ElfHeaders): string | undefined {
  const { cursor, sections } = headers;
  const notes = sections.filter((section: SectionHeader) => section.type === SHT.NOTE);
  for (const { offset, size } of notes) {
    const end = Math.min(offset + size, cursor.bytes.length);
    for (let at = offset; at + 12 <= end; ) {
      const [name, length, type] = [cursor.u32(at), cursor.u32(at + 4), cursor.u32(at + 8)];
      const body = at + 12 + Math.ceil(name / 4) * 4;
      if (
        type === NT_GNU_BUILD_ID &&
        cursor.string(at + 12, name) === 'GNU' &&
        length > 1 &&
        body + length <= end
      ) {
        return [...cursor.bytes.subarray(body, body + length)]
          .map((b) => b.toString(16).padStart(2, '0'))
          .join('');
      }
      at = body + Math.ceil(length / 4) * 4;
    }
  }
  return undefined;
}
