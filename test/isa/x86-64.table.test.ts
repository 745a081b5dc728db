import { describe, expect, test } from 'vitest';
import { x86_64 } from '../../src/isa/x86-64/decoder.js';
import { outcome, readTable } from './notation.js';

const rows = readTable('x86-64');

describe('x86-64: assembly text in, meaning out', () => {
  test('the table has not shrunk', () => {
    expect(rows.length).toBeGreaterThanOrEqual(150);
  });

  test.each(rows.map((row) => [row.assembly, row] as const))('%s', (_, row) => {
    const { said, expected } = outcome(x86_64, row);
    expect(said).toEqual(expected);
  });
});
