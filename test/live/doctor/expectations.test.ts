import { describe, expect, it } from 'vitest';
import { KERNEL_COLUMNS } from '../../../src/abi/kernel-rows.js';
import { kernelRules } from '../../../src/abi/kernel-rules.js';
import { examine } from '../../../src/live/doctor/examine.js';
import { probeBytes } from '../../../src/live/doctor/probe.js';
import { expectedOf } from '../../../src/live/doctor/row.js';
import { SUBJECTS } from '../../../src/live/doctor/rows.js';
import { simulatedPatient } from '../../../src/live/doctor/simulated.js';
import { type Column, expected, MEASURED } from '../../conformance/columns.js';
import { listRows } from '../../conformance/real.js';

const ROWS = SUBJECTS.flatMap(({ rows }) => rows);
/** Columns that test/conformance/columns.json speaks of. */
const COLUMNS: readonly Column[] = [
  ...KERNEL_COLUMNS.map((version) => ({ version, debug: false })),
  { version: '6.18', debug: true },
  { version: '6.19', debug: true },
];
const CHANGING = ROWS.filter((row) => typeof row.expected !== 'string').map(({ id }) => id);

describe('the promises', () => {
  it('are each asked by a row of the probe, once', () => {
    const ids = ROWS.map(({ id }) => id);
    const there = listRows().map(({ id }) => id);
    expect(ids.filter((id) => !there.includes(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('are on 6.18 what was measured there', () => {
    const rules = kernelRules('6.18');
    const here = ROWS.filter(({ needs }) => needs !== 'slice');
    const wrong = here.filter((row) => expectedOf(row, rules)[0] !== MEASURED[row.id]);
    expect(wrong.map(({ id }) => id)).toEqual([]);
  });

  it.each(COLUMNS)(
    'on $version, debug $debug, follow from the rules as the conformance table says',
    (column) => {
      const rules = kernelRules(column.version, { debug: column.debug });
      const wrong = ROWS.filter(
        (row) =>
          (row.needs !== 'slice' || rules.sliceExtension) &&
          !expectedOf(row, rules).includes(expected(row.id, column)),
      );
      expect(wrong.map((row) => `${row.id}: ${expectedOf(row, rules)}; ${expected(row.id, column)}`)).toEqual(
        [],
      );
    },
  );

  // test/long asks for all rows, and all kernels with debugging.
  const simulated = [
    ...KERNEL_COLUMNS.map((version) => ({ version, debug: false })),
    { version: '7.1', debug: true },
  ];
  it.each(simulated)(
    'that versions differ in are kept by the simulated $version, debug $debug',
    async ({ version, debug }) => {
      const kernel = simulatedPatient(probeBytes(), { version, debug, arch: 'x86-64' });
      const { rows } = await examine(kernel, { version: 'test', promises: version, debug, only: CHANGING });
      expect(rows.filter(({ status }) => status === 'broken')).toEqual([]);
      expect(rows.filter(({ status }) => status === 'kept').length).toBeGreaterThan(80);
    },
  );
});
