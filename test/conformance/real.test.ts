import { existsSync, readFileSync } from 'node:fs';
import { arch, platform, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { kernelColumn } from '../../src/abi/kernel-rules.js';
import { listRows, runAll, runReal } from './real.js';

const EXPECTED = fileURLToPath(new URL('expected-6.18.json', import.meta.url));
/** Kernels that answer all rows as 6.18 does. */
const COLUMNS: readonly string[] = ['6.3', '6.18'];

/** Why the rows cannot be held to this kernel, if so. */
async function unfit(): Promise<string | undefined> {
  if (platform() !== 'linux' || arch() !== 'x64') return `${platform()} on ${arch()}`;
  const column = kernelColumn(release());
  if (!COLUMNS.includes(column)) return `Linux ${release()} has rules of its own (column ${column})`;
  const registered = await runReal('register.ok');
  return registered === '0' ? undefined : `rseq(2) gives ${registered}`;
}

const reason = await unfit();

describe.skipIf(reason !== undefined)(
  `the kernel underneath${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    let results: Record<string, string> = {};
    beforeAll(async () => {
      results = await runAll(listRows(), runReal, 4);
    });

    it('answers each row as 6.18 does (npm run accept writes what it answers)', async () => {
      const before: Record<string, string> = existsSync(EXPECTED)
        ? JSON.parse(readFileSync(EXPECTED, 'utf8'))
        : {};
      const table = Object.fromEntries(
        Object.entries(results).map(([id, text]) => [id, text.startsWith('skipped: ') ? before[id] : text]),
      );
      await expect(`${JSON.stringify(table, null, 2)}\n`).toMatchFileSnapshot(EXPECTED);
    });

    it('can run every row', ({ skip }) => {
      const skipped = Object.entries(results).filter(([, text]) => text.startsWith('skipped: '));
      skip(skipped.length > 0, skipped.map(([id, text]) => `${id}: ${text}`).join(', '));
      expect(Object.values(results)).not.toContain('');
    });
  },
);
