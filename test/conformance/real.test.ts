import { arch, platform, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { kernelColumn } from '../../src/abi/kernel-rules.js';
import { type Column, expected, MEASURED } from './columns.js';
import { listRows, runAll, runReal } from './real.js';

const TABLE = fileURLToPath(new URL('expected-6.18.json', import.meta.url));
/** Kernels with extensible rseq and the checks of 1260ed777985: what they differ in is in columns.json. */
const COLUMNS: readonly string[] = ['6.3', '6.15', '6.18'];

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

    it('answers each row as 6.18 does', async () => {
      const version = kernelColumn(release());
      const column: Column = { version, debug: false };
      // What cannot be run here, and what stable series may or may not have taken over, says nothing.
      const silent = (id: string, text: string): boolean =>
        text.startsWith('skipped: ') || expected(id, column) !== MEASURED[id];
      const table = Object.fromEntries(
        Object.entries(results).map(([id, text]) => [
          id,
          silent(id, text) && id in MEASURED ? MEASURED[id]! : text,
        ]),
      );
      if (version === '6.18') await expect(`${JSON.stringify(table, null, 2)}\n`).toMatchFileSnapshot(TABLE);
      else expect(table).toEqual(MEASURED);
    });

    it('can run every row', ({ skip }) => {
      const skipped = Object.entries(results).filter(([, text]) => text.startsWith('skipped: '));
      skip(skipped.length > 0, skipped.map(([id, text]) => `${id}: ${text}`).join(', '));
      expect(Object.values(results)).not.toContain('');
    });
  },
);
