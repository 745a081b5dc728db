import { type Addr, addr, asAddr, plus } from '../abi/address.js';
import type { FunctionRange, ProgramImage } from './image.js';

/**
 * Function ranges from call frame information: what is left of the functions in a stripped file. Sources: LSB Core 5.0,
 * 10.6 (.eh_frame, .eh_frame_hdr); System V AMD64 ABI 3.7. A range is that of a frame description entry (FDE), so a
 * function's cold part is a range of its own.
 */
export interface UnwindIndex {
  at(address: Addr): FunctionRange | undefined;
}

/** Entries of .eh_frame read where there is no sorted table; more are left out. */
const MAX_ENTRIES = 2_000_000;

/** @param header address of .eh_frame_hdr (PT_GNU_EH_FRAME), where the file has one. */
export function unwindIndex(image: ProgramImage, header: Addr | undefined): UnwindIndex {
  const sorted = header === undefined ? undefined : sortedTable(image, header);
  return sorted ?? linearTable(image);
}

/** DW_EH_PE pointer encodings: low four bits the form, the next three what it is relative to. */
const FORM: Readonly<Record<number, { size: (word: number) => number; signed: boolean }>> = {
  0: { size: (word) => word, signed: false },
  2: { size: () => 2, signed: false },
  3: { size: () => 4, signed: false },
  4: { size: () => 8, signed: false },
  10: { size: () => 2, signed: true },
  11: { size: () => 4, signed: true },
  12: { size: () => 8, signed: true },
};
const OMIT = 0xff;
const PCREL = 0x10;
const DATAREL = 0x30;

class Reader {
  constructor(
    readonly image: ProgramImage,
    public at: Addr,
  ) {}

  u8(): number | undefined {
    const value = this.image.read(this.at, 1)?.[0];
    this.at = plus(this.at, 1);
    return value;
  }

  u32(): number | undefined {
    const value = this.image.u32(this.at);
    this.at = plus(this.at, 4);
    return value;
  }

  skipLeb(): void {
    for (let byte = this.u8(); byte !== undefined && byte >= 0x80; byte = this.u8());
  }

  /** A pointer as encoded, or undefined where the encoding is not one that code addresses use. */
  pointer(encoding: number, dataBase: Addr | undefined): number | undefined {
    const form = FORM[encoding & 0x0f];
    if (form === undefined || encoding === OMIT) return undefined;
    const size = form.size(this.image.header.bits / 8);
    const bytes = this.image.read(this.at, size);
    if (bytes === undefined) return undefined;
    const raw = integer(bytes, size, form.signed, this.image.header.littleEndian);
    const relative = encoding & 0x70;
    const base = relative === PCREL ? this.at : relative === DATAREL ? dataBase : 0;
    this.at = plus(this.at, size);
    return raw === undefined || base === undefined ? undefined : base + raw;
  }
}

function integer(bytes: Uint8Array, size: number, signed: boolean, little: boolean): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  if (size === 2) return signed ? view.getInt16(0, little) : view.getUint16(0, little);
  if (size === 4) return signed ? view.getInt32(0, little) : view.getUint32(0, little);
  const value = signed ? view.getBigInt64(0, little) : view.getBigUint64(0, little);
  return asAddr(value < 0n ? -value : value) === undefined ? undefined : Number(value);
}

/** .eh_frame_hdr: a table of (function start, FDE) sorted by start, searched without reading the rest. */
function sortedTable(image: ProgramImage, header: Addr): UnwindIndex | undefined {
  const reader = new Reader(image, header);
  const [version, framePointer, countEncoding, tableEncoding] = [
    reader.u8(),
    reader.u8(),
    reader.u8(),
    reader.u8(),
  ];
  if (version !== 1 || framePointer === undefined || countEncoding === undefined) return undefined;
  reader.pointer(framePointer, header);
  const count = reader.pointer(countEncoding, header);
  // Linkers write one table format only: DW_EH_PE_datarel | DW_EH_PE_sdata4.
  if (tableEncoding !== (DATAREL | 0x0b) || count === undefined || count <= 0) return undefined;
  const region = image.regionAt(header);
  if (region === undefined || reader.at + count * 8 > region.start + region.bytes.length) return undefined;
  const table = new DataView(
    region.bytes.buffer,
    region.bytes.byteOffset + (reader.at - region.start),
    count * 8,
  );
  const little = image.header.littleEndian;
  return {
    at(address) {
      let low = 0;
      let high = count - 1;
      let best = -1;
      while (low <= high) {
        const middle = (low + high) >> 1;
        if (header + table.getInt32(middle * 8, little) <= address) {
          best = middle;
          low = middle + 1;
        } else high = middle - 1;
      }
      if (best < 0) return undefined;
      const entry = frameEntry(image, plus(header, table.getInt32(best * 8 + 4, little)), new Map());
      return entry?.range !== undefined && address >= entry.range.start && address < entry.range.end
        ? entry.range
        : undefined;
    },
  };
}

/** .eh_frame read from end to end: relocatable objects, and files without the table. */
function linearTable(image: ProgramImage): UnwindIndex {
  let ranges: FunctionRange[] | undefined;
  const read = (): FunctionRange[] => {
    const found: FunctionRange[] = [];
    const encodings = new Map<Addr, number | undefined>();
    for (const section of image.sections) {
      if (section.name !== '.eh_frame' || section.address === undefined) continue;
      const end = section.address + section.size;
      let at = section.address;
      while (at < end && found.length < MAX_ENTRIES) {
        const entry = frameEntry(image, at, encodings);
        if (entry === undefined) break;
        if (entry.range !== undefined) found.push(entry.range);
        at = entry.next;
      }
    }
    return found.sort((a, b) => a.start - b.start);
  };
  return {
    at(address) {
      ranges ??= read();
      let low = 0;
      let high = ranges.length - 1;
      while (low <= high) {
        const middle = (low + high) >> 1;
        const range = ranges[middle]!;
        if (address < range.start) high = middle - 1;
        else if (address >= range.end) low = middle + 1;
        else return range;
      }
      return undefined;
    },
  };
}

/**
 * One entry of .eh_frame: u32 length (0: the end; 0xffffffff: 64-bit form, which no toolchain writes here), u32 distance back
 * to the CIE (0: this is one), then for an FDE its first address and its length, encoded as the CIE says.
 */
function frameEntry(
  image: ProgramImage,
  at: Addr,
  encodings: Map<Addr, number | undefined>,
): { next: Addr; range: FunctionRange | undefined } | undefined {
  const reader = new Reader(image, at);
  const length = reader.u32();
  if (length === undefined || length === 0 || length === 0xffffffff) return undefined;
  const next = plus(reader.at, length);
  const field = reader.at;
  const distance = reader.u32();
  if (distance === undefined) return undefined;
  if (distance === 0) return { next, range: undefined };
  const cie = plus(field, -distance);
  if (!encodings.has(cie)) encodings.set(cie, pointerEncoding(image, cie));
  const encoding = encodings.get(cie);
  const start = encoding === undefined ? undefined : reader.pointer(encoding, undefined);
  const size = encoding === undefined ? undefined : reader.pointer(encoding & 0x0f, undefined);
  if (start === undefined || size === undefined || start <= 0 || size <= 0) return { next, range: undefined };
  return { next, range: { name: undefined, start: addr(start), end: addr(start + size), from: 'unwind' } };
}

/** The pointer encoding of a CIE's FDEs: augmentation letter R; absolute words where there is none. */
function pointerEncoding(image: ProgramImage, cie: Addr): number | undefined {
  const reader = new Reader(image, plus(cie, 8));
  const version = reader.u8();
  if (version === undefined || version < 1 || version > 4) return undefined;
  const letters: number[] = [];
  for (let byte = reader.u8(); byte !== undefined && byte !== 0 && letters.length < 16; byte = reader.u8())
    letters.push(byte);
  if (letters[0] !== 0x7a) return 0;
  reader.skipLeb();
  reader.skipLeb();
  if (version === 1) reader.u8();
  else reader.skipLeb();
  reader.skipLeb();
  for (const letter of letters.slice(1)) {
    if (letter === 0x52) return reader.u8();
    if (letter === 0x4c) reader.u8();
    else if (letter === 0x50) {
      const encoding = reader.u8();
      if (encoding === undefined || reader.pointer(encoding & 0x7f, undefined) === undefined)
        return undefined;
    }
  }
  return 0;
}
