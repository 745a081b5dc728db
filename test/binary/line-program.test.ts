import { describe, expect, test } from 'vitest';
import type { Addr } from '../../src/abi/address.js';
import { LineTable } from '../../src/binary/dwarf/line-table.js';

/** DWARF 5, 6.2.5.2 and 6.2.5.3. */
const COPY = [1];
const END = [0, 1, 1];
const uleb = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...uleb(Math.floor(value / 128))];
const advancePc = (units: number) => [2, ...uleb(units)];
const advanceLine = (lines: number) => [3, lines & 0x7f];
const setFile = (file: number) => [4, ...uleb(file)];
const setColumn = (column: number) => [5, ...uleb(column)];
const CONST_ADD_PC = [8];
const fixedAdvance = (bytes: number) => [9, bytes & 0xff, bytes >> 8];

interface Shape {
  readonly minimumLength?: number;
  readonly lineBase?: number;
  readonly lineRange?: number;
  readonly opcodeBase?: number;
}

/** A unit of version 3 with two files, `a.c` and `dir/b.c`, little-endian with addresses of 8 bytes. */
function unit(program: readonly (readonly number[])[], shape: Shape = {}): number[] {
  const { minimumLength = 1, lineBase = -5, lineRange = 14, opcodeBase = 13 } = shape;
  const lengths = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 2, 2].slice(0, opcodeBase - 1);
  const text = (name: string) => [...new TextEncoder().encode(name), 0];
  const names = [...text('dir'), 0, ...text('a.c'), 0, 0, 0, ...text('b.c'), 1, 0, 0, 0];
  const header = [minimumLength, 1, lineBase & 0xff, lineRange, opcodeBase, ...lengths, ...names];
  const body = [3, 0, ...word(header.length), ...header, ...program.flat()];
  return [...word(body.length), ...body];
}
const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const setAddress = (address: number) => [0, 9, 2, ...word(address), 0, 0, 0, 0];

function table(...units: readonly number[][]): (address: number) => string | undefined {
  const lines = new LineTable({
    line: Uint8Array.from(units.flat()),
    lineStr: () => undefined,
    str: () => undefined,
    littleEndian: true,
    addressSize: 8,
  });
  return (address) => {
    const found = lines.lookup(address as Addr);
    return found && `${found.file}:${found.line}:${found.column}`;
  };
}

describe('line number programs', () => {
  test('special opcodes move address and line at once', () => {
    // 13 + (2 + 5) + 14 * 3: three bytes, two lines.
    const at = table(unit([setAddress(0x1000), COPY, [13 + 7 + 42], advancePc(4), END]));
    expect([at(0x1000), at(0x1002), at(0x1003), at(0x1006), at(0x1007)]).toEqual([
      'a.c:1:0',
      'a.c:1:0',
      'a.c:3:0',
      'a.c:3:0',
      undefined,
    ]);
  });

  test('const_add_pc adds what special opcode 255 would, fixed_advance_pc bytes', () => {
    const at = table(
      unit([
        setAddress(0x1000),
        CONST_ADD_PC,
        COPY,
        fixedAdvance(0x1234),
        advanceLine(5),
        COPY,
        advancePc(1),
        END,
      ]),
    );
    // (255 - 13) / 14 = 17
    expect([at(0x1010), at(0x1011), at(0x2244), at(0x2245), at(0x2246)]).toEqual([
      undefined,
      'a.c:1:0',
      'a.c:1:0',
      'a.c:6:0',
      undefined,
    ]);
  });

  test('addresses count in instructions of the minimum length, but not those of fixed_advance_pc', () => {
    const program = [
      setAddress(0x1000),
      COPY,
      advancePc(2),
      advanceLine(1),
      COPY,
      CONST_ADD_PC,
      advanceLine(1),
      COPY,
    ];
    const at = table(unit([...program, fixedAdvance(4), END], { minimumLength: 4 }));
    const third = 0x1008 + 17 * 4;
    expect([at(0x1007), at(0x1008), at(third - 1), at(third), at(third + 3), at(third + 4)]).toEqual([
      'a.c:1:0',
      'a.c:2:0',
      'a.c:2:0',
      'a.c:3:0',
      'a.c:3:0',
      undefined,
    ]);
  });

  test('files of another directory, columns, lines that go back', () => {
    const at = table(
      unit([
        setAddress(0x1000),
        setFile(2),
        setColumn(300),
        advanceLine(20),
        COPY,
        advancePc(1),
        advanceLine(-3),
        COPY,
        advancePc(1),
        END,
      ]),
    );
    expect([at(0x1000), at(0x1001)]).toEqual(['dir/b.c:21:300', 'dir/b.c:18:300']);
  });

  test('opcodes that the header declares are skipped by their lengths, and a small opcode_base shifts the special ones', () => {
    // 13 is declared with one operand, 14 with two.
    const long = table(
      unit([setAddress(0x1000), [13, 0x85, 0x01], [14, 1, 2], COPY, advancePc(1), END], { opcodeBase: 15 }),
    );
    expect(long(0x1000)).toBe('a.c:1:0');
    // opcode_base 4 (DWARF 5, 6.2.4 allows it): 4 is special, line -5 + 0, address 0.
    const short = table(
      unit([setAddress(0x1000), advanceLine(30), [4], advancePc(1), END], { opcodeBase: 4 }),
    );
    expect(short(0x1000)).toBe('a.c:26:0');
  });

  test('unknown extended opcodes are skipped, discarded sequences at 0 say nothing', () => {
    const discarded = [setAddress(0), COPY, advancePc(0x40), END];
    const at = table(unit([...discarded, setAddress(0x1000), [0, 3, 0x80, 1, 2], COPY, advancePc(1), END]));
    expect([at(0), at(0x20), at(0x1000)]).toEqual([undefined, undefined, 'a.c:1:0']);
  });

  test('a unit of an unknown version does not hide the next', () => {
    const strange = unit([setAddress(0x1000), COPY, advancePc(8), END]);
    strange[4] = 9;
    const at = table(strange, unit([setAddress(0x2000), COPY, advancePc(1), END]));
    expect([at(0x1000), at(0x2000)]).toEqual([undefined, 'a.c:1:0']);
  });

  test('neighbouring sequences: the beginning of one counts more than the end of the other', () => {
    const second = [setAddress(0x1004), advanceLine(9), COPY, advancePc(4), END];
    const first = [setAddress(0x1000), COPY, advancePc(4), END];
    for (const order of [
      [...first, ...second],
      [...second, ...first],
    ]) {
      const at = table(unit(order));
      expect([at(0x1003), at(0x1004), at(0x1007), at(0x1008)]).toEqual([
        'a.c:1:0',
        'a.c:10:0',
        'a.c:10:0',
        undefined,
      ]);
    }
  });

  test('a row where its sequence ends stands for nothing', () => {
    const at = table(unit([setAddress(0x1000), COPY, advancePc(4), advanceLine(1), COPY, END]));
    expect([at(0x1003), at(0x1004), at(0x2000)]).toEqual(['a.c:1:0', undefined, undefined]);
  });
});
