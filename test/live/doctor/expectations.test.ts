import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KERNEL_COLUMNS } from '../../../src/abi/kernel-rows.js';
import { kernelRules } from '../../../src/abi/kernel-rules.js';
import { told } from '../../../src/live/doctor/answer.js';
import { examine } from '../../../src/live/doctor/examine.js';
import { expectedOf } from '../../../src/live/doctor/row.js';
import { SUBJECTS } from '../../../src/live/doctor/rows.js';
import { simulatedPatient } from '../../../src/live/doctor/simulated.js';
import { type Column, expected, MEASURED } from '../../conformance/columns.js';
import { listRows } from '../../conformance/real.js';

/** Other kernels that the probe was run on, with what they answer otherwise than 6.18 (test/conformance/kernels). */
interface Measured {
  readonly release: string;
  readonly architecture: 'x86-64' | 'aarch64';
  readonly debug: boolean;
  readonly differs: Readonly<Record<string, string>>;
  readonly unasked: readonly string[];
}
const KERNELS = JSON.parse(
  readFileSync(new URL('../../conformance/measured.json', import.meta.url), 'utf8'),
) as readonly Measured[];
/** Debian builds none. */
const WITHOUT_SLICE = /^slice/;

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
      const kernel = simulatedPatient({ version, debug, arch: 'x86-64' });
      const { rows } = await examine(kernel, { version: 'test', promises: version, debug, only: CHANGING });
      expect(rows.filter(({ status }) => status === 'broken')).toEqual([]);
      expect(rows.filter(({ status }) => status === 'kept').length).toBeGreaterThan(80);
    },
  );
});

describe('real kernels', () => {
  const asked = ({ unasked }: Measured) =>
    ROWS.filter(({ id, needs = '' }) => !unasked.includes(id) && !WITHOUT_SLICE.test(needs));
  const answerOf = ({ differs }: Measured, id: string): string => differs[id] ?? MEASURED[id]!;
  const brokenOn = (kernel: Measured): string[] => {
    const rules = kernelRules(kernel.release, { debug: kernel.debug });
    return asked(kernel)
      .filter((row) => !expectedOf(row, rules).includes(answerOf(kernel, row.id)))
      .map(({ id }) => id);
  };
  const ill = (kernel: Measured): boolean =>
    !kernelRules(kernel.release, { arch: kernel.architecture }).aborts;

  /** Since 6.19 arm64 does not look at sections where a call returns, debugging or not (src/kernel/rseq/call-return.ts). */
  const blind = ({ architecture, debug }: Measured): boolean => architecture === 'aarch64' && debug;

  it.each(KERNELS.filter(blind))(
    '$release with debugging does not see system calls in sections',
    (kernel) => {
      expect(brokenOn(kernel).filter((id) => !/^(inside|last)\.|-last$/.test(id))).toEqual(['lazy.kept']);
    },
  );

  it.each(KERNELS.filter((kernel) => !ill(kernel) && !blind(kernel)))(
    '$release, debug $debug, keeps every promise',
    (kernel) => {
      expect(brokenOn(kernel)).toEqual([]);
      expect(asked(kernel).length).toBeGreaterThan(150);
    },
  );

  it.each(KERNELS.filter(ill))('$release aborts nothing', (kernel) => {
    expect(brokenOn(kernel)).toEqual(
      expect.arrayContaining([
        'abort.preempt',
        'abort.migrate',
        'abort.membarrier',
        'lazy.cleared',
        'violation.signature',
      ]),
    );
  });

  /** What of a kernel the simulated one of its version does otherwise. */
  const OTHERWISE: Readonly<Record<string, readonly string[]>> = {
    // A stable release that took fd881d0a085f of 6.15.
    '6.12.111+deb12-cloud-arm64': [
      'register.null',
      'register.unmapped',
      'register.read-only-rseq-cs',
      'register.clears-nonsense',
    ],
  };

  it.each(KERNELS.filter(({ architecture }) => architecture === 'aarch64'))(
    'of arm64: $release answers as the simulated one',
    async (kernel) => {
      const [version] = /^\d+\.\d+\.\d+/.exec(kernel.release)!;
      const simulated = simulatedPatient({ version, debug: kernel.debug, arch: 'aarch64' });
      const wrong: string[] = [];
      for (const { id } of asked(kernel).filter((row) =>
        // What becomes of a lost area on 6.19 is chance: whoever comes to another CPU is killed.
        /^(abort|lazy|register|violation(?!\.area)|fields)\./.test(row.id),
      )) {
        const said = told(await simulated.ask(id));
        if (!('text' in said) || said.text !== answerOf(kernel, id)) wrong.push(id);
      }
      expect(wrong).toEqual(OTHERWISE[kernel.release] ?? []);
    },
  );
});
