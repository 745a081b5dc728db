import { describe, expect, test } from 'vitest';
import { type ImageSymbol, type ProgramImage, RELOCATABLE_BASE } from '../../src/binary/image.js';
import { elfFile, elfImage, elfJson } from './fixture.js';

/** What readelf says of a file: test/fixtures/elf/golden.py. */
interface Golden {
  readonly class: string;
  readonly data: string;
  readonly type: 'REL' | 'EXEC' | 'DYN' | 'CORE';
  readonly entry: number;
  readonly sections: readonly {
    name: string;
    type: string;
    address: number;
    offset: number;
    size: number;
    flags: string;
    align: number;
  }[];
  readonly segments: readonly {
    type: string;
    offset: number;
    address: number;
    fileSize: number;
    size: number;
    flags: string;
    align: number;
  }[];
  readonly symbols: readonly {
    table: string;
    value: number;
    size: number;
    type: string;
    binding: string;
    section: string;
    name: string;
  }[];
  readonly relocations: readonly {
    section: string;
    offset: number;
    info: number;
    type: string;
    symbol: string | null;
    addend: number | null;
  }[];
}

const golden = elfJson<Readonly<Record<string, Golden>>>('golden.json');
const files = Object.entries(golden);
const machineOf = (name: string): string => name.replace(/\.\w+$/, '').replace('stripped', 'x86-64');

const TYPES = { REL: 'relocatable', EXEC: 'executable', DYN: 'shared', CORE: 'core' } as const;
/** sh_type and sh_flags by the names readelf gives them (gABI, "Sections"). */
const SECTION_TYPES: Readonly<Record<string, number>> = {
  NULL: 0,
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
  GNU_HASH: 0x6ffffff6,
};
const FLAGS: Readonly<Record<string, number>> = { W: 1, A: 2, X: 4, M: 16, S: 32, I: 64, L: 128, T: 1024 };
/** Where a linker that puts an object's thread-local sections one behind the other puts this one. */
function inThreadBlock({ sections }: ProgramImage, index: number): number {
  const before = sections.filter(({ flags, index: at }) => (flags & 0x400) !== 0 && at <= index);
  return before.reduce(
    (end, { size, align, index: at }) => Math.ceil(end / align) * align + (at === index ? 0 : size),
    0,
  );
}

const KINDS: Readonly<Record<string, ImageSymbol['kind']>> = {
  FUNC: 'function',
  OBJECT: 'object',
  TLS: 'tls',
  SECTION: 'section',
};
/** The architecture that src/abi names it, where the file's name is not that. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  'aarch64-be': 'aarch64',
  'arm-be': 'arm',
  ppc64le: 'ppc64',
  mipsel: 'mips',
  mips64: 'mips',
  mips64el: 'mips',
};

test('every class, byte order and type of file is there', () => {
  const seen = new Set(
    files.map(([, { class: bits, data, type }]) => `${bits} ${data.includes('big')} ${type}`),
  );
  for (const type of ['REL', 'EXEC', 'DYN'])
    for (const bits of ['ELF32', 'ELF64'])
      for (const big of [true, false]) expect(seen).toContain(`${bits} ${big} ${type}`);
  expect(seen).toContain('ELF64 false CORE');
  expect(seen).toContain('ELF32 true CORE');
});

describe.each(files)('%s is what readelf says', (name, wanted) => {
  const image = elfImage(name);
  const bytes = elfFile(name);
  const little = !wanted.data.includes('big');
  const wide = wanted.class === 'ELF64';
  const relocatable = wanted.type === 'REL';

  test('header', () => {
    const { header } = image;
    expect({
      bits: header.bits,
      little: header.littleEndian,
      type: header.type,
      entry: header.entry,
      architecture: header.architecture,
    }).toEqual({
      bits: wide ? 64 : 32,
      little,
      type: TYPES[wanted.type],
      entry: wanted.entry,
      architecture: ARCHITECTURES[machineOf(name)] ?? machineOf(name),
    });
    expect(image.warnings).toEqual([]);
  });

  test('sections', () => {
    expect(image.sections.map(({ name, offset, size, align }) => ({ name, offset, size, align }))).toEqual(
      wanted.sections.map(({ name, offset, size, align }) => ({ name, offset, size, align })),
    );
    for (const [index, section] of wanted.sections.entries()) {
      const read = image.sections[index]!;
      if (SECTION_TYPES[section.type] !== undefined) expect(read.type).toBe(SECTION_TYPES[section.type]);
      for (const [letter, bit] of Object.entries(FLAGS))
        expect((read.flags & bit) !== 0, `${section.name} ${letter}`).toBe(section.flags.includes(letter));
      if (relocatable) continue;
      expect(read.address).toBe(section.flags.includes('A') ? section.address : undefined);
    }
  });

  test('a relocatable object is laid out without overlap, each section at its alignment', () => {
    if (!relocatable) return;
    let end = RELOCATABLE_BASE as number;
    for (const section of image.sections) {
      const loaded = (section.flags & 2) !== 0 && section.size > 0;
      expect(section.address !== undefined).toBe(loaded);
      if (section.address === undefined) continue;
      expect(section.address).toBeGreaterThanOrEqual(end);
      expect(section.address % Math.max(section.align, 1)).toBe(0);
      end = section.address + section.size;
      // The TLS sections share their addresses with others once linked.
      if ((section.flags & 0x400) === 0) expect(image.place(section.address)).toBe(`${section.name}+0x0`);
    }
  });

  test('segments are the regions of memory, with their bytes', () => {
    const loads = wanted.segments.filter(({ type, size }) => type === 'LOAD' && size > 0);
    if (loads.length === 0) return;
    expect(
      image.regions.map(({ start, size, readable, writable, executable }) => ({
        start,
        size,
        flags: `${readable ? 'R' : ''}${writable ? 'W' : ''}${executable ? 'E' : ''}`,
      })),
    ).toEqual(loads.map(({ address, size, flags }) => ({ start: address, size, flags })));
    const patched = new Set(
      image.relocations.flatMap(({ address }) => Array.from({ length: 8 }, (_, n) => address + n)),
    );
    for (const [n, load] of loads.entries()) {
      const region = image.regions[n]!;
      // The debug file of a program holds headers only.
      if (name.endsWith('.debug')) continue;
      expect(region.bytes.length).toBe(load.fileSize);
      const differing = [...region.bytes.keys()].filter(
        (at) => region.bytes[at] !== bytes[load.offset + at] && !patched.has(region.start + at),
      );
      expect(differing).toEqual([]);
    }
    const tls = wanted.segments.find(({ type }) => type === 'TLS');
    expect(image.tlsBlock).toEqual(tls && { size: tls.size, align: Math.max(1, tls.align) });
    expect(image.header.pie).toBe(wanted.segments.some(({ type }) => type === 'INTERP'));
  });

  test('symbols', () => {
    const key = (symbol: Omit<ImageSymbol, 'address'> & { address: number | undefined }) =>
      `${symbol.name} ${symbol.address} ${symbol.size} ${symbol.kind} ${symbol.binding}`;
    const expected = wanted.symbols
      .filter((symbol) => symbol.name !== '' && symbol.type !== 'SECTION')
      .map((symbol) => {
        const section = Number(symbol.section);
        const base =
          !relocatable || Number.isNaN(section)
            ? 0
            : symbol.type === 'TLS'
              ? inThreadBlock(image, section)
              : image.sections[section]!.address!;
        return key({
          name: symbol.name,
          address: symbol.section === 'UND' || symbol.section === 'COM' ? undefined : base + symbol.value,
          size: symbol.size,
          kind: KINDS[symbol.type] ?? 'other',
          binding: symbol.binding.toLowerCase() as ImageSymbol['binding'],
        });
      });
    // The same symbol in .symtab and .dynsym counts once.
    const unique = (keys: readonly string[]) => [...new Set(keys)].sort();
    expect(unique(image.symbols.map(key))).toEqual(unique(expected));
    const places = image.symbols.map(({ address }) => address ?? -1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  test('relocations', () => {
    // Executables keep theirs for the section headers' sake; libraries' stand in PT_DYNAMIC.
    const expected = wanted.relocations
      .filter(({ type }) => type !== 'R_MIPS_NONE')
      .map(({ section, offset, type, symbol, addend }) => {
        const target = image.sections.find(
          (each) => `.rela${each.name}` === section || `.rel${each.name}` === section,
        );
        const base = relocatable ? target!.address! : 0;
        return { address: base + offset, type, symbol: symbol ?? '', addend };
      })
      .sort((a, b) => a.address - b.address);
    const said = image.relocations
      .filter(({ type, kind }) => !(type === 0 && kind === 'other'))
      .map(({ address, typeName, symbol, addend }, n) => ({
        address,
        type: typeName,
        symbol: symbol?.name ?? '',
        // REL tables keep the addend in the field.
        addend: expected[n]?.addend === null ? null : addend,
      }));
    expect(said).toEqual(expected);
  });

  test('words in the byte order of the file', () => {
    const table = image.symbols.find((symbol) => symbol.name === 'table');
    if (table?.address === undefined || name.endsWith('.debug')) return;
    const size = wide ? 8 : 4;
    const after = (table.address + 4 * size) as typeof table.address;
    expect(image.u32(after)).toBe(0x01020304);
    expect(Buffer.from(image.read(after, 8)!)).toEqual(
      Buffer.from(little ? [4, 3, 2, 1, 6, 5, 7, 8] : [1, 2, 3, 4, 5, 6, 7, 8]),
    );
  });

  test('what relocations leave in the table: start, local_function, nothing, counter + 8', () => {
    const at = (symbol: string) => image.symbols.find(({ name }) => name === symbol)?.address;
    const table = at('table');
    const start = at('start');
    if (table === undefined || start === undefined || name.endsWith('.debug')) return;
    const size = wide ? 8 : 4;
    const words = Array.from({ length: 4 }, (_, n) => Number(image.word((table + n * size) as typeof table)));
    expect(words[0]).toBe(start);
    // local_function: 20 bytes behind start, whether the symbol was kept or not.
    expect(words[1]).toBe(start + 20);
    expect(words[2]).toBe(relocatable ? Number(image.externs?.get('elsewhere_or_start')) : 0);
    expect(words[3]).toBe(at('counter')! + 8);
  });

  test('memory that the file does not hold reads as zero, and memory that is not there not at all', () => {
    const counter = image.symbols.find((symbol) => symbol.name === 'counter');
    if (counter?.address === undefined) return;
    expect(image.read(counter.address, 100)).toEqual(new Uint8Array(100));
    expect(image.u32(counter.address)).toBe(0);
    expect(image.regionAt((2 ** 48) as typeof counter.address)).toBeUndefined();
    expect(image.read((2 ** 48) as typeof counter.address, 4)).toBeUndefined();
  });
});
