import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explore } from '../../src/node/explore.js';
import { ROOT, withFolder } from '../cli/command.js';

/** The kernel's own operations, compiled here: nothing of them is in this repository. */
const SOURCE = process.env['RSEQ_SELFTESTS'];
const WHY =
  'set RSEQ_SELFTESTS to tools/testing/selftests/rseq of a kernel source, 6.3 or newer (Debian: linux-source-6.12)';

const count = ['2', '3', '4', '2s', '3s'];
const shape = ['2', '3', '4', '2s'];
const named = (name: string, endings: readonly string[]): string[] => endings.map((each) => `${name}${each}`);
const ORDERED = [...named('buffer', shape), 'copy2', 'copy3'];
const ALL = [
  ...['addv', 'storev', 'deref'].flatMap((name) => named(name, count)),
  ...named('lock', ['2', '3', '4']),
  ...named('list', shape),
  ...ORDERED,
];
const ON_THREE = ['addv3', 'addv2s', 'storev3', 'deref3', 'lock3', 'list3', 'buffer3', 'copy2'];
const INDICES = ['CPU_ID', 'MM_CID'] as const;

const rows = INDICES.flatMap((index) => [
  ...ALL.map((scenario) => ({ scenario, index, order: 'RELAXED', cpus: 2 })),
  ...ORDERED.map((scenario) => ({ scenario, index, order: 'RELEASE', cpus: 2 })),
  ...ON_THREE.map((scenario) => ({ scenario, index, order: 'RELAXED', cpus: 3 })),
]);

const objects = new Map<string, Uint8Array>();
function objectOf(index: string, order: string): Uint8Array {
  const key = `${index} ${order}`;
  const known = objects.get(key);
  if (known !== undefined) return known;
  const made = withFolder((folder) => {
    const object = join(folder, 'operations.o');
    const options = [
      '-O2',
      '-g1',
      '-c',
      '-D_GNU_SOURCE',
      `-DINDEX=RSEQ_PERCPU_${index}`,
      `-DORDER=RSEQ_MO_${order}`,
    ];
    const from = ['-I', `${ROOT}include`, '-isystem', SOURCE!, `${ROOT}test/explore/selftests/operations.c`];
    const { status, stderr } = spawnSync('gcc', [...options, ...from, '-o', object], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`gcc: ${stderr}`);
    return new Uint8Array(readFileSync(object));
  });
  objects.set(key, made);
  return made;
}

describe.skipIf(SOURCE === undefined)(`the kernel's selftests, their own operations (${WHY})`, () => {
  it.each(rows)('$scenario, by $index, $order, $cpus CPUs', async ({ scenario, index, order, cpus }) => {
    const { results } = await explore(objectOf(index, order), { scenario, cpus, name: 'operations.o' });
    const [{ verdict, counts }] = results as [(typeof results)[number]];
    expect(verdict).toBe('verified');
    // No instruction of a section was spared.
    expect(counts.abortPoints.covered).toBe(counts.abortPoints.all);
  });

  it('says when such an operation is used wrongly', async () => {
    // The counter is read before the number of the CPU is: it may be another CPU's.
    const bytes = objectOf('CPU_ID', 'RELAXED');
    const { results } = await explore(bytes, { scenario: 'misread2', name: 'operations.o' });
    expect(results[0]!.counterexample!.violation.text).toContain('sum() == 3 * 2');
  });
});
