import { describe, expect, test } from 'vitest';
import type { Addr } from '../../src/abi/address.js';
import type { FunctionRange, ProgramImage } from '../../src/binary/image.js';
import { readImage } from '../../src/binary/read.js';
import { elfFile, elfImage } from './fixture.js';

/** The file as `strip` leaves it to us: without its symbol table, or without any section header. */
function without(name: string, what: 'symbols' | 'sections'): ProgramImage {
  const bytes = elfFile(name).slice();
  const view = new DataView(bytes.buffer);
  const [wide, little] = [bytes[4] === 2, bytes[5] === 1];
  const word = (at: number) => (wide ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  if (what === 'sections') {
    view.setUint16(wide ? 60 : 48, 0, little);
    bytes.fill(0, wide ? 40 : 32, wide ? 48 : 36);
    return readImage(bytes, name);
  }
  const table = word(wide ? 40 : 32);
  for (const { index, type } of elfImage(name).sections)
    if (type === 2) view.setUint32(table + index * (wide ? 64 : 40) + 4, 0, little);
  return readImage(bytes, name);
}

const NAMES = ['_start', 'sum', 'cold', 'other', 'unused'];
const functions = (image: ProgramImage) =>
  image.symbols.filter(({ kind, name }) => kind === 'function' && NAMES.includes(name));

function rangesAreThose(stripped: ProgramImage, whole: ProgramImage): void {
  expect(stripped.symbols.filter(({ kind }) => kind === 'function')).toEqual([]);
  const wanted = functions(whole);
  expect(wanted.length).toBeGreaterThanOrEqual(3);
  for (const { address, size } of wanted) {
    const range: FunctionRange = {
      name: undefined,
      start: address!,
      end: (address! + size) as Addr,
      from: 'unwind',
    };
    for (const at of [address!, address! + 1, address! + size - 1])
      expect(stripped.functionAt(at as Addr)).toEqual(range);
  }
  const first = Math.min(...wanted.map(({ address }) => address!));
  expect(stripped.functionAt((first - 1) as Addr)).toBeUndefined();
}

describe.each(['x86_64', 'i386', 'aarch64', 's390x', 'powerpc64le', 'riscv64'])('%s', (target) => {
  const name = `unwind-${target}.bin`;
  test('functions from the sorted table of .eh_frame_hdr, without section headers', () => {
    rangesAreThose(without(name, 'sections'), elfImage(name));
  });
});

describe.each(['lines-gcc-5.elf', 'lines-gcc-aarch64-5.elf'])('%s', (name) => {
  test('functions from .eh_frame read from end to end', () => {
    rangesAreThose(without(name, 'symbols'), elfImage(name));
  });

  test('functions from symbols', () => {
    const image = elfImage(name);
    for (const { name: called, address, size } of functions(image)) {
      const range = { name: called, start: address, end: address! + size, from: 'symbol' };
      expect(image.functionAt(address!)).toEqual(range);
      expect(image.functionAt((address! + size - 1) as Addr)).toEqual(range);
    }
  });
});
