import type { Architecture } from '../abi/architecture.js';
import { Cursor } from './cursor.js';
import { BinaryError } from './error.js';
import { printable } from './printable.js';

/** File offsets and sizes in bytes; field names as in the ELF gABI, chapter 4 and 5. */
export interface SectionHeader {
  readonly index: number;
  name: string;
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly addr: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entsize: number;
}

/** Elf64_Phdr or Elf32_Phdr: offsets and sizes in bytes (gABI, "Program Header"). */
export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
}

/** The ELF header and both tables, with what names of architectures they come to. */
export interface ElfHeaders {
  readonly cursor: Cursor;
  readonly type: number;
  readonly machine: number;
  readonly architecture: Architecture | undefined;
  readonly entry: number;
  readonly sections: readonly SectionHeader[];
  readonly programs: readonly ProgramHeader[];
}

/** sh_type: what a section holds (gABI, "Sections"). */
export const SHT = {
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  HASH: 5,
  DYNAMIC: 6,
  NOTE: 7,
  NOBITS: 8,
  REL: 9,
  DYNSYM: 11,
  RELR: 19,
} as const;
/** Bits of sh_flags. */
export const SHF = { WRITE: 1, ALLOC: 2, EXECINSTR: 4, TLS: 0x400, COMPRESSED: 0x800 } as const;
/** p_type: what a segment is for. */
export const PT = {
  LOAD: 1,
  DYNAMIC: 2,
  INTERP: 3,
  TLS: 7,
  GNU_EH_FRAME: 0x6474e550,
  GNU_STACK: 0x6474e551,
} as const;
/** e_type. */
export const ET = { REL: 1, EXEC: 2, DYN: 3, CORE: 4 } as const;

/** e_machine by architecture (the gABI's list); where the class decides, both names. */
const MACHINES: ReadonlyMap<number, readonly [Architecture, Architecture]> = new Map([
  [3, ['i386', 'i386']],
  [8, ['mips', 'mips']],
  [20, ['ppc', 'ppc']],
  [21, ['ppc64', 'ppc64']],
  [22, ['s390', 's390x']],
  [40, ['arm', 'arm']],
  [62, ['x86-64', 'x86-64']],
  [183, ['aarch64', 'aarch64']],
  [243, ['riscv32', 'riscv64']],
  [258, ['loongarch64', 'loongarch64']],
]);

/** By the magic number. */
export const isElf = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;

/** Section and program headers; damage that matters only to a part is left to those who read the part. */
export function readHeaders(bytes: Uint8Array, name: string, warnings: string[]): ElfHeaders {
  const bad = (what: string): never => {
    throw new BinaryError(`${name}: ${what}`);
  };
  if (bytes.length === 0) bad('the file is empty; give an ELF file');
  if (!isElf(bytes))
    bad(
      'not an ELF file (no 0x7f "ELF" at its beginning); give an executable, library, object, archive or core',
    );
  const bits =
    bytes[4] === 1
      ? 32
      : bytes[4] === 2
        ? 64
        : bad(`unknown ELF class ${bytes[4]} at offset 4; the file is damaged`);
  const little =
    bytes[5] === 1
      ? true
      : bytes[5] === 2
        ? false
        : bad(`unknown ELF byte order ${bytes[5]} at offset 5; the file is damaged`);
  const cursor = new Cursor(bytes, little, bits);
  if (bytes.length < (bits === 64 ? 64 : 52))
    bad(`truncated: ${bytes.length} bytes are less than an ELF header; copy the file again`);
  const type = cursor.u16(16);
  if (type < ET.REL || type > ET.CORE)
    bad(`e_type is ${type}; expected a relocatable file, an executable, a shared object or a core`);
  const machine = cursor.u16(18);
  const wide = bits === 64;
  const sections = readSections(cursor, wide, warnings, bad);
  const programs = readPrograms(cursor, wide, sections[0]?.info ?? 0, warnings, bad);
  // With section headers, which stand at the end, a file is whole; and a debug file's segments may lie outside it.
  const past = (program: ProgramHeader) =>
    program.type === PT.LOAD && program.filesz > 0 && program.offset + program.filesz > bytes.length;
  if (cursor.word(wide ? 40 : 32) === 0 && type !== ET.CORE && programs.some(past))
    bad('truncated: a segment ends behind the file; copy the file again');
  if (sections.length === 0 && programs.length === 0)
    bad('has neither sections nor segments that can be read; it is truncated or damaged');
  return {
    cursor,
    type,
    machine,
    architecture: MACHINES.get(machine)?.[wide ? 1 : 0],
    entry: cursor.word(24),
    sections,
    programs,
  };
}

type Refuse = (what: string) => never;

function readSections(cursor: Cursor, wide: boolean, warnings: string[], refuse: Refuse): SectionHeader[] {
  const table = cursor.word(wide ? 40 : 32);
  if (table === 0) return [];
  const size = wide ? 64 : 40;
  const entsize = cursor.u16(wide ? 58 : 46);
  const length = cursor.bytes.length;
  if (entsize !== size) {
    warnings.push(`the section headers are said to have ${entsize} bytes, not ${size}: they are left out`);
    return [];
  }
  if (table + size > length)
    refuse(
      `truncated or damaged: the section headers are at offset ${table}, behind the end of the file; copy the file again`,
    );
  const read = (index: number): SectionHeader => {
    const at = table + index * size;
    const field = (narrow: number, broad: number) =>
      wide ? cursor.u64(at + broad) : cursor.u32(at + narrow);
    return {
      index,
      name: '',
      nameOffset: cursor.u32(at),
      type: cursor.u32(at + 4),
      flags: field(8, 8),
      addr: field(12, 16),
      offset: field(16, 24),
      size: field(20, 32),
      link: cursor.u32(at + (wide ? 40 : 24)),
      info: cursor.u32(at + (wide ? 44 : 28)),
      align: field(32, 48),
      entsize: field(36, 56),
    };
  };
  // Extended numbering: the counts stand in section 0 (gABI, "ELF Header", e_shnum and e_shstrndx).
  const first = read(0);
  const declared = cursor.u16(wide ? 60 : 48) || first.size;
  if (table + declared * size > length)
    refuse(
      `truncated or damaged: ${declared} section headers are declared at offset ${table}, and the file ends before; copy the file again`,
    );
  const names = cursor.u16(wide ? 62 : 50);
  const sections = Array.from({ length: declared }, (_, index) => read(index));
  const strings = sections[names === 0xffff ? first.link : names];
  for (const section of sections) {
    if (strings !== undefined && section.nameOffset < strings.size) {
      section.name = cursor.string(strings.offset + section.nameOffset, strings.size - section.nameOffset);
    }
    if (section.type !== SHT.NOBITS && section.offset + section.size > length && section.index > 0) {
      if ((section.flags & SHF.ALLOC) !== 0 && cursor.u16(16) !== ET.CORE)
        refuse(
          `truncated or damaged: section ${section.index} (${printable(section.name)}) ends behind the file; copy the file again`,
        );
      warnings.push(`section ${section.index} (${printable(section.name)}) lies outside the file`);
    }
  }
  return sections;
}

function readPrograms(
  cursor: Cursor,
  wide: boolean,
  extended: number,
  warnings: string[],
  refuse: Refuse,
): ProgramHeader[] {
  const table = cursor.word(wide ? 32 : 28);
  const size = wide ? 56 : 32;
  const entsize = cursor.u16(wide ? 54 : 42);
  // PN_XNUM: the count stands in sh_info of section 0.
  const listed = cursor.u16(wide ? 56 : 44);
  const declared = listed === 0xffff ? extended : listed;
  if (table === 0 || declared === 0) return [];
  if (entsize !== size) {
    warnings.push(`the program headers are said to have ${entsize} bytes, not ${size}: they are left out`);
    return [];
  }
  if (table + declared * size > cursor.bytes.length)
    refuse(
      `truncated or damaged: ${declared} program headers are declared at offset ${table}, and the file ends before; copy the file again`,
    );
  return Array.from({ length: declared }, (_, index) => {
    const at = table + index * size;
    return wide
      ? {
          type: cursor.u32(at),
          flags: cursor.u32(at + 4),
          offset: cursor.u64(at + 8),
          vaddr: cursor.u64(at + 16),
          filesz: cursor.u64(at + 32),
          memsz: cursor.u64(at + 40),
          align: cursor.u64(at + 48),
        }
      : {
          type: cursor.u32(at),
          flags: cursor.u32(at + 24),
          offset: cursor.u32(at + 4),
          vaddr: cursor.u32(at + 8),
          filesz: cursor.u32(at + 16),
          memsz: cursor.u32(at + 20),
          align: cursor.u32(at + 28),
        };
  });
}
