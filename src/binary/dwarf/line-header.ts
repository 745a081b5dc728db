import { DwarfReader } from './reader.js';

/** The sections a line table needs; relocations applied. */
export interface DebugSections {
  readonly line: Uint8Array;
  readonly lineStr: () => Uint8Array | undefined;
  readonly str: () => Uint8Array | undefined;
  readonly littleEndian: boolean;
  readonly addressSize: 4 | 8;
}

/** The header of one line number program (DWARF 5, 6.2.4), versions 2 to 5. */
export interface LineHeader {
  /** Offset of the program's first opcode, and of the next unit. */
  readonly program: number;
  readonly end: number;
  readonly version: number;
  readonly minimumLength: number;
  readonly defaultIsStatement: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeLengths: readonly number[];
  /** File names by number as the program counts them. */
  readonly files: readonly string[];
}

/** Names and directories of one unit: more than this is damage. */
const MOST_ENTRIES = 100_000;

/** Length and end of the unit at an offset; undefined where none can begin. */
export function unitEnd(
  sections: DebugSections,
  at: number,
): { body: number; end: number; wide: boolean } | undefined {
  const reader = new DwarfReader(sections.line, sections.littleEndian, at);
  let length = reader.u32();
  const wide = length === 0xffffffff;
  if (wide) length = reader.u64();
  else if (length >= 0xfffffff0) return undefined;
  if (reader.ended || length === 0) return undefined;
  return { body: reader.at, end: Math.min(reader.at + length, sections.line.length), wide };
}

/** The header of the line table at byte `at` of .debug_line; undefined where it is damaged or not of DWARF 2 to 5. */
export function lineHeader(sections: DebugSections, at: number): LineHeader | undefined {
  const unit = unitEnd(sections, at);
  if (unit === undefined) return undefined;
  const reader = new DwarfReader(sections.line, sections.littleEndian, unit.body, unit.end);
  const version = reader.u16();
  if (version < 2 || version > 5) return undefined;
  if (version === 5) reader.skip(2);
  const headerLength = unit.wide ? reader.u64() : reader.u32();
  const program = reader.at + headerLength;
  const minimumLength = reader.u8();
  if (version >= 4) reader.skip(1);
  const defaultIsStatement = reader.u8() !== 0;
  const lineBase = reader.i8();
  const lineRange = reader.u8();
  const opcodeBase = reader.u8();
  const opcodeLengths = Array.from({ length: Math.max(0, opcodeBase - 1) }, () => reader.u8());
  if (reader.ended || lineRange === 0 || program > unit.end) return undefined;
  const names = new DwarfReader(sections.line, sections.littleEndian, reader.at, program);
  const files = version === 5 ? files5(sections, names, unit.wide) : files4(names);
  return {
    program,
    end: unit.end,
    version,
    minimumLength,
    defaultIsStatement,
    lineBase,
    lineRange,
    opcodeLengths,
    files,
  };
}

/** Before version 5: directories from 1 (0 is where the compiler ran, which is not told here), files from 1. */
function files4(reader: DwarfReader): string[] {
  const directories = [''];
  for (let name = reader.string(); name !== '' && !reader.ended; name = reader.string())
    directories.push(name);
  const files = [''];
  for (let name = reader.string(); name !== '' && files.length < MOST_ENTRIES; name = reader.string()) {
    const directory = directories[reader.uleb()] ?? '';
    reader.uleb();
    reader.uleb();
    files.push(join(directory, name));
    if (reader.ended) break;
  }
  return files;
}

/** DW_LNCT codes (DWARF 5, 6.2.4.1). */
const PATH = 1;
const DIRECTORY = 2;

function files5(sections: DebugSections, reader: DwarfReader, wide: boolean): string[] {
  const directories = entries(sections, reader, wide).map(({ path }) => path);
  return entries(sections, reader, wide).map(({ path, directory }) => {
    // Directory 0 is where the compiler ran; names below it are left as they were given.
    const base = directory === 0 ? '' : (directories[directory] ?? '');
    return join(base, path);
  });
}

function entries(
  sections: DebugSections,
  reader: DwarfReader,
  wide: boolean,
): { path: string; directory: number }[] {
  const formats = Array.from({ length: reader.u8() }, () => [reader.uleb(), reader.uleb()] as const);
  const count = reader.uleb();
  const made: { path: string; directory: number }[] = [];
  for (let n = 0; n < count && n < MOST_ENTRIES && !reader.ended; n++) {
    const entry = { path: '', directory: 0 };
    for (const [content, form] of formats) {
      const value = formValue(sections, reader, form, wide);
      if (content === PATH && typeof value === 'string') entry.path = value;
      if (content === DIRECTORY && typeof value === 'number') entry.directory = value;
    }
    made.push(entry);
  }
  return made;
}

function formValue(
  sections: DebugSections,
  reader: DwarfReader,
  form: number,
  wide: boolean,
): string | number {
  const offset = () => (wide ? reader.u64() : reader.u32());
  const text = (section: Uint8Array | undefined, at: number) =>
    section === undefined ? '' : new DwarfReader(section, sections.littleEndian, at).string();
  switch (form) {
    case 0x08:
      return reader.string(); // DW_FORM_string
    case 0x1f:
      return text(sections.lineStr(), offset()); // DW_FORM_line_strp
    case 0x0e:
      return text(sections.str(), offset()); // DW_FORM_strp
    case 0x0b:
      return reader.u8(); // DW_FORM_data1
    case 0x05:
      return reader.u16(); // DW_FORM_data2
    case 0x06:
      return reader.u32(); // DW_FORM_data4
    case 0x07:
      return reader.u64(); // DW_FORM_data8
    case 0x0f:
      return reader.uleb(); // DW_FORM_udata
    case 0x1e:
      reader.skip(16);
      return 0; // DW_FORM_data16: MD5
    case 0x09:
      reader.skip(reader.uleb());
      return 0; // DW_FORM_block
    default:
      reader.ended = true;
      return 0;
  }
}

const join = (directory: string, name: string): string =>
  directory === '' || name.startsWith('/') ? name : `${directory.replace(/\/$/, '')}/${name}`;
