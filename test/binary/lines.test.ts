import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Addr } from '../../src/abi/address.js';
import { readImage } from '../../src/binary/read.js';
import { elfFile, elfImage } from './fixture.js';

/** What llvm-dwarfdump --debug-line says: test/fixtures/elf/lines.sh. Rows are address, file, line, column. */
interface Unit {
  readonly version: number;
  readonly files: Readonly<Record<string, string>>;
  readonly sequences: readonly {
    end: number;
    rows: readonly (readonly [number, number, number, number])[];
  }[];
}

const golden = JSON.parse(
  gunzipSync(readFileSync(new URL('../fixtures/elf/lines.json.gz', import.meta.url))).toString(),
) as Readonly<Record<string, readonly Unit[]>>;

test('versions 2 to 5 are there', () => {
  const versions = new Set(Object.values(golden).flatMap((units) => units.map(({ version }) => version)));
  expect([...versions].sort()).toEqual([2, 3, 4, 5]);
});

describe.each(Object.entries(golden))('%s', (name, units) => {
  const image = elfImage(name);
  const relocatable = image.header.type === 'relocatable';
  const base = relocatable ? image.section('.text')!.address! : 0;
  // Code that the linker threw away stays in the table, at address 0.
  const sequences = units.flatMap(({ files, sequences }) =>
    sequences
      .filter(({ rows }) => rows.length > 0 && (relocatable || rows[0]![0] > 0))
      .map(({ end, rows }) => ({ end, rows, files })),
  );
  const at = (address: number) => image.lineAt((base + address) as Addr);

  test('every row: address to file, line and column', () => {
    let rows = 0;
    for (const sequence of sequences) {
      for (const [n, [address, file, line, column]] of sequence.rows.entries()) {
        // Of several rows at one address the last one counts; line 0 is no line.
        if (sequence.rows[n + 1]?.[0] === address || address === sequence.end) continue;
        const wanted = line === 0 ? undefined : { file: sequence.files[file], line, column };
        expect(at(address), address.toString(16)).toEqual(wanted);
        rows++;
      }
    }
    expect(rows).toBeGreaterThan(4);
  });

  test('an address between two rows belongs to the one before, and none behind the end', () => {
    for (const { rows, end } of sequences) {
      for (const [n, [address, , line]] of rows.entries()) {
        const next = rows[n + 1]?.[0] ?? end;
        if (next - address > 1) expect(at(next - 1)?.line ?? 0).toBe(line);
      }
      if (!sequences.some((other) => other.rows[0]![0] === end)) expect(at(end)).toBeUndefined();
    }
    expect(at(sequences[0]!.rows[0]![0] - 1)).toBeUndefined();
  });

  test('nothing was thrown away on the way', () => {
    expect(image.warnings).toEqual([]);
  });
});

test('compressed line tables say the same: 500 instructions, a line each', () => {
  const image = elfImage('compressed.bin');
  expect((image.section('.debug_line')?.flags ?? 0) & 0x800).toBe(0x800);
  for (let n = 0; n < 500; n++)
    expect(image.lineAt((image.header.entry + n) as Addr)).toEqual({
      file: 'long.s',
      line: n + 3,
      column: 0,
    });
  expect(image.lineAt((image.header.entry + 500) as Addr)).toBeUndefined();
  expect(image.warnings).toEqual([]);
});

test('damaged line tables never throw, and lines stay lines', () => {
  const files = ['lines-gcc-5.elf', 'lines-clang-4.elf', 'lines-gcc-3.elf', 'lines-s390x-5.o'];
  const cases = fc.tuple(
    fc.constantFrom(...files),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
  );
  fc.assert(
    fc.property(cases, ([name, changes]) => {
      const bytes = elfFile(name).slice();
      const image = elfImage(name);
      const line = image.section('.debug_line')!;
      for (const [at, value] of changes) bytes[line.offset + (at % line.size)] = value;
      const damaged = readImage(bytes, name);
      const text = image.section('.text')!;
      for (let at = 0; at < text.size; at += 7) {
        const found = damaged.lineAt((text.address! + at) as Addr);
        if (found === undefined) continue;
        expect(Number.isInteger(found.line) && Number.isInteger(found.column)).toBe(true);
        expect(found.file).not.toBe('');
      }
    }),
    { numRuns: 500, seed: 5 },
  );
});
