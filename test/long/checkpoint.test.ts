import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BIN, ROOT, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const CASES = Number(process.env['CASES'] ?? 200);
const COUNTERS = join(ROOT, 'examples/checkpoint/counters');
const ROUNDS = 4_000_000;
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Freezes a program some milliseconds after it has begun to count, and brings it back; what it printed, and how many threads were inside. */
async function once(
  n: number,
  ...options: string[]
): Promise<{ text: string; inside: number; status: number | null } | undefined> {
  const output = join(folder, `${n}.out`);
  const image = join(folder, `${n}.img`);
  const fd = openSync(output, 'w');
  const child = spawn(COUNTERS, [`${ROUNDS}`], { stdio: ['ignore', fd, fd] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (!readFileSync(output, 'utf8').includes('\n')) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, (n * 13) % 150));
  const frozen = rseqlab(['checkpoint', `${child.pid}`, '-o', image, '--kill', ...options]);
  await ended;
  // It was over before.
  if (frozen.status !== 0) return undefined;
  const { status, stderr } = rseqlab(['restore', image]);
  expect(stderr).toBe('');
  return {
    text: readFileSync(output, 'utf8'),
    inside: Number(/(\d+) inside/.exec(frozen.stdout)?.[1]),
    status,
  };
}

describe.skipIf(reason !== undefined)(title('a program that counts, frozen at any moment'), () => {
  it('counts right when it is brought back', async () => {
    let inside = 0;
    let done = 0;
    for (let n = 0; n < CASES; n++) {
      const back = await once(n);
      if (back === undefined) continue;
      done++;
      inside += back.inside;
      expect(back).toMatchObject({ status: 0, text: `counting\ncounted ${4 * ROUNDS} of ${4 * ROUNDS}\n` });
    }
    expect(done).toBeGreaterThan(CASES / 2);
    expect(inside).toBeGreaterThan(CASES / 4);
  });

  it('counts wrong when threads go on in the middle of their sections', async () => {
    let wrong = 0;
    for (let n = 0; n < 40 && wrong === 0; n++) {
      const back = await once(n, '--keep-position');
      if (back?.status === 1) wrong++;
    }
    expect(wrong).toBe(1);
  });

  it('lives when the tool is killed at any moment', async () => {
    const output = join(folder, 'killed.out');
    const fd = openSync(output, 'w');
    const child = spawn(COUNTERS, [`${40 * ROUNDS}`], { stdio: ['ignore', fd, fd] });
    const ended = new Promise((resolve) => child.once('exit', (status, signal) => resolve(status ?? signal)));
    for (let n = 0; n < CASES && child.exitCode === null; n++) {
      const tool = spawn(
        process.execPath,
        [BIN, 'checkpoint', `${child.pid}`, '-o', join(folder, 'killed.img')],
        { stdio: 'ignore' },
      );
      const gone = new Promise((resolve) => tool.once('exit', resolve));
      setTimeout(() => tool.kill('SIGKILL'), (n * 7) % 250);
      await gone;
    }
    expect(await ended).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe(`counting\ncounted ${160 * ROUNDS} of ${160 * ROUNDS}\n`);
  });
});
