import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explore } from '../../src/node/explore.js';
import { rseqlab } from '../cli/command.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'start-long-'));
  const program = gunzipSync(readFileSync('test/fixtures/start/pthreads.gz'));
  writeFileSync(join(folder, 'pthreads'), program, { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** From where both threads have passed the gate and are about to count, through their ends and main's joins and assertion. */
async function explored(...args: string[]) {
  const recording = join(folder, 'recording');
  rseqlab(['run', '--cpus', '2', '--record', recording, join(folder, 'pthreads'), ...args]);
  const { results } = await explore(undefined, { startFrom: { recording, at: { event: 66 } } });
  return results[0]!;
}

describe('a pthread program from a recorded moment on', () => {
  it('is verified to its end', async () => {
    expect(await explored()).toMatchObject({ verdict: 'verified', tasks: [{}, {}, {}] });
  });

  it('loses an increment where it reads too early, and main asserts it', async () => {
    const { verdict, counterexample } = await explored('gap');
    expect(verdict).toBe('counterexample');
    expect(counterexample!.violation.kind).toBe('assert');
    expect(counterexample!.violation.text).toContain('sum == 2 does not hold');
  });
});
