import { describe, expect, test } from 'vitest';
import { aarch64 } from '../../src/isa/aarch64/decoder.js';
import { outcome, readTable } from './notation.js';

const rows = readTable('aarch64');

describe('aarch64: assembly text in, meaning out', () => {
  test('the table has not shrunk', () => {
    expect(rows.length).toBeGreaterThanOrEqual(200);
  });

  test.each(rows.map((row) => [row.assembly, row] as const))('%s', (_, row) => {
    const { said, expected } = outcome(aarch64, row);
    expect(said).toEqual(expected);
  });
});
