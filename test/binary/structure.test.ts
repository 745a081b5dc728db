import { describe, expect, test } from 'vitest';
import { Cursor } from '../../src/binary/cursor.js';
import type { ProgramImage } from '../../src/binary/image.js';
import { readImage } from '../../src/binary/read.js';
import { elfFile, elfImage } from './fixture.js';

/** Offsets of header fields by class: gABI, "ELF Header". */
const FIELDS = {
  32: { shoff: 32, phnum: 44, shnum: 48, shstrndx: 50, shentsize: 40, shSize: 20, shLink: 24, shInfo: 28 },
  64: { shoff: 40, phnum: 56, shnum: 60, shstrndx: 62, shentsize: 64, shSize: 32, shLink: 40, shInfo: 44 },
} as const;

/** A copy of a fixture with words changed in the file's own byte order. */
function changed(name: string, change: (file: Editor) => void): ProgramImage {
  const editor = new Editor(elfFile(name).slice());
  change(editor);
  return readImage(editor.bytes, name);
}

class Editor {
  readonly fields: (typeof FIELDS)[32 | 64];
  private readonly wide: boolean;
  private readonly little: boolean;
  private view: DataView;
  constructor(public bytes: Uint8Array) {
    this.wide = bytes[4] === 2;
    this.little = bytes[5] === 1;
    this.fields = FIELDS[this.wide ? 64 : 32];
    this.view = new DataView(bytes.buffer);
  }
  u16(at: number): number {
    return this.view.getUint16(at, this.little);
  }
  set16(at: number, value: number): void {
    this.view.setUint16(at, value, this.little);
  }
  set32(at: number, value: number): void {
    this.view.setUint32(at, value, this.little);
  }
  word(at: number): number {
    return this.wide ? Number(this.view.getBigUint64(at, this.little)) : this.view.getUint32(at, this.little);
  }
  setWord(at: number, value: number): void {
    if (this.wide) this.view.setBigUint64(at, BigInt(value), this.little);
    else this.view.setUint32(at, value, this.little);
  }
  append(bytes: Uint8Array): number {
    const at = Math.ceil(this.bytes.length / 8) * 8;
    const longer = new Uint8Array(at + bytes.length);
    longer.set(this.bytes);
    longer.set(bytes, at);
    this.bytes = longer;
    this.view = new DataView(longer.buffer);
    return at;
  }
}

const facts = (image: ProgramImage) => ({
  sections: image.sections,
  regions: image.regions.map(({ start, size }) => [start, size]),
  symbols: image.symbols,
  relocations: image.relocations,
  warnings: image.warnings,
});

describe.each(['x86-64.so', 'i386.so', 's390x.so', 'mips.so', 'ppc64.so'])('%s', (name) => {
  test('extended numbering says the same: the counts stand in section 0', () => {
    const image = changed(name, (file) => {
      const { shoff, shnum, shstrndx, phnum, shSize, shLink, shInfo } = file.fields;
      const first = file.word(shoff);
      file.setWord(first + shSize, file.u16(shnum));
      file.set32(first + shLink, file.u16(shstrndx));
      file.set32(first + shInfo, file.u16(phnum));
      file.set16(shnum, 0);
      file.set16(shstrndx, 0xffff);
      file.set16(phnum, 0xffff);
    });
    const wanted = facts(elfImage(name));
    // Section 0 has a size now.
    expect({ ...facts(image), sections: image.sections.slice(1) }).toEqual({
      ...wanted,
      sections: wanted.sections.slice(1),
    });
  });

  test('without section headers the symbols and relocations come from the dynamic segment', () => {
    const whole = elfImage(name);
    const bare = changed(name, (file) => {
      file.setWord(file.fields.shoff, 0);
      file.set16(file.fields.shnum, 0);
      file.set16(file.fields.shstrndx, 0);
    });
    expect(bare.sections).toEqual([]);
    expect(bare.regions.map(({ start, size }) => [start, size])).toEqual(
      whole.regions.map(({ start, size }) => [start, size]),
    );
    expect(bare.symbol('start')).toEqual(whole.symbol('start'));
    expect(bare.symbol('table')).toEqual(whole.symbol('table'));
    expect(bare.symbol('local_function')).toBeUndefined();
    expect(bare.relocations).toEqual(whole.relocations);
  });
});

describe.each(['x86-64.o', 's390x.o', 'mips.o', 'arm.o'])('%s', (name) => {
  test('a symbol whose section number stands in SHT_SYMTAB_SHNDX', () => {
    const image = changed(name, (file) => {
      const { shoff, shnum, shentsize, shSize, shLink } = file.fields;
      const wide = shentsize === 64;
      const count = file.u16(shnum);
      const table = file.word(shoff);
      const symtab = elfImage(name).sections.find(({ type }) => type === 2)!;
      const entry = wide ? 24 : 16;
      const indexes = file.append(new Uint8Array((symtab.size / entry) * 4));
      for (let n = 0; n < symtab.size / entry; n++) {
        const shndx = symtab.offset + n * entry + (wide ? 6 : 14);
        const section = file.u16(shndx);
        if (section === 0 || section >= 0xff00) continue;
        file.set32(indexes + 4 * n, section);
        file.set16(shndx, 0xffff);
      }
      // The section headers again, behind the file, and one more.
      const headers = file.append(file.bytes.slice(table, table + count * shentsize));
      const extra = file.append(new Uint8Array(shentsize));
      file.set32(extra + 4, 18);
      file.setWord(extra + (wide ? 24 : 16), indexes);
      file.setWord(extra + shSize, (symtab.size / entry) * 4);
      file.set32(extra + shLink, symtab.index);
      file.setWord(shoff, headers);
      file.set16(shnum, count + 1);
    });
    expect(image.symbols).toEqual(elfImage(name).symbols);
  });
});

describe.each(['relr-x86-64.bin', 'relr-i386.bin'])('%s', (name) => {
  test('DT_RELR: addresses and bitmaps of what follows', () => {
    const image = elfImage(name);
    const size = image.header.bits / 8;
    const at = (symbol: string) => image.symbol(symbol)!.address!;
    const row = Array.from({ length: 200 }, (_, n) => at('target') + n * size);
    expect(image.relocations.map(({ address }) => address)).toEqual([...row, at('first'), at('second')]);
    expect(new Set(image.relocations.map(({ kind }) => kind))).toEqual(new Set(['relative']));
    for (const { address } of image.relocations) expect(image.word(address)).toBe(BigInt(at('target')));
  });
});

describe('stripped and split files', () => {
  test('a stripped library keeps its memory, dynamic symbols and relocations', () => {
    const [stripped, whole] = [elfImage('stripped.so'), elfImage('x86-64.so')];
    expect(stripped.symbol('start')).toEqual(whole.symbol('start'));
    expect(stripped.symbol('local_function')).toBeUndefined();
    expect(whole.symbol('local_function')).toBeDefined();
    expect(stripped.relocations).toEqual(whole.relocations);
    const text = whole.section('.text')!;
    expect(stripped.read(text.address!, text.size)).toEqual(whole.read(text.address!, text.size));
  });

  test('a debug file has the symbols of its program at the same addresses', () => {
    expect(elfImage('x86-64.debug').symbols).toEqual(elfImage('x86-64.elf').symbols);
  });
});

describe('cursor', () => {
  const bytes = Uint8Array.from([0x80, 1, 2, 3, 4, 5, 6, 0x87, 0x41, 0x42, 0]);

  test('fields in both byte orders, by class', () => {
    const little = new Cursor(bytes, true, 64);
    const big = new Cursor(bytes, false, 32);
    expect([little.u8(0), little.u16(0), little.u32(0)]).toEqual([0x80, 0x0180, 0x03020180]);
    expect([big.u8(0), big.u16(0), big.u32(0)]).toEqual([0x80, 0x8001, 0x80010203]);
    expect([little.i32(0), big.i32(0)]).toEqual([0x03020180, 0x80010203 | 0]);
    expect(BigInt(little.word(0))).toBe(BigInt(Number(0x8706050403020180n)));
    expect(big.word(0)).toBe(0x80010203);
    expect(little.i64(0)).toBe(Number(BigInt.asIntN(64, 0x8706050403020180n)));
  });

  test('outside the bytes every field is zero, and no string is longer than its limit', () => {
    const cursor = new Cursor(bytes, true, 64);
    expect([cursor.u8(11), cursor.u16(10), cursor.u32(8), cursor.u64(4), cursor.i64(-1)]).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect([cursor.string(8, 10), cursor.string(8, 1), cursor.string(99, 5), cursor.string(-1, 5)]).toEqual([
      'AB',
      'A',
      '',
      '',
    ]);
  });
});
