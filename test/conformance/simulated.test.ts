import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { KERNEL_COLUMNS } from '../../src/abi/kernel-rows.js';
import { type Column, expected, MEASURED, OTHERS } from './columns.js';
import { type Difference, documentText, nameOf } from './document.js';
import { listRows } from './real.js';
import { runSimulated } from './simulated.js';

const DOCUMENT = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));

const ROWS = listRows();
const MEASURED_COLUMN: Column = { version: '6.18', debug: false };
const COLUMNS: readonly Column[] = [
  ...KERNEL_COLUMNS.map((version) => ({ version, debug: false })),
  { version: '6.18', debug: true },
  { version: '6.19', debug: true },
];
/** test/long has more. */
const SEEDS = [1, 2];

const differences: Difference[] = [];

/** Holds one row to what is expected of some kernels. */
function holds(id: string, columns: readonly Column[]): void {
  const wrong = columns.flatMap((column) => {
    const simulated = runSimulated(id, { kernel: column.version, debugRseq: column.debug });
    return simulated === expected(id, column) ? [] : [{ ...column, id, simulated }];
  });
  differences.push(...wrong);
  expect(wrong.map((one) => `${nameOf(one)}: ${one.simulated}`)).toEqual([]);
}

describe('the simulated kernel answers as the real one', () => {
  it.each(ROWS)('$id', ({ id }) => holds(id, id in OTHERS ? COLUMNS : [MEASURED_COLUMN]));
});

describe('whatever the schedule', () => {
  it.each(ROWS)('$id', ({ id }) => {
    const results = SEEDS.map((seed) => runSimulated(id, { kernel: '6.18', schedule: 'random', seed }));
    expect(results).toEqual(SEEDS.map(() => MEASURED[id]));
  });
});

describe('the tables', () => {
  it('speak of rows that there are', () => {
    const ids = ROWS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(MEASURED)).toEqual(ids);
    expect(Object.keys(OTHERS).filter((id) => !ids.includes(id))).toEqual([]);
  });

  it('make docs/conformance.md', async () => {
    await expect(documentText(ROWS, COLUMNS, differences)).toMatchFileSnapshot(DOCUMENT);
  });
});
