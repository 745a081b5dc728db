import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runningKernel } from '../../src/linux/kernel.js';
import { judging } from '../../src/live/inspect/mode.js';
import { BIN, rseqlab } from '../cli/command.js';
import { listRows, ROWS, runReal } from '../conformance/real.js';
import { reason, title } from '../linux/here.js';
import { STANDING, Standing } from '../live/standing.js';

/** Runs the tool and kills it after some milliseconds; resolves when it is gone. */
async function killed(args: readonly string[], milliseconds: number): Promise<void> {
  const tool = spawn(process.execPath, [BIN, ...args], { stdio: 'ignore' });
  const ended = new Promise((resolve) => tool.on('close', resolve));
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  tool.kill('SIGKILL');
  await ended;
}

describe.skipIf(reason !== undefined)(title('killed a hundred times in the middle'), () => {
  it.each([
    ['inspect', (pid: string) => ['inspect', pid]],
    ['inspect --stop', (pid: string) => ['inspect', '--stop', pid]],
    ['explain -p', (pid: string) => ['explain', '-p', pid]],
    ['explain --calls -p', (pid: string) => ['explain', '--calls', '-p', pid]],
  ])('%s: the threads live on, and are as they were', async (_, args) => {
    const standing = await (await Standing.run(STANDING, ['many', '300'])).waits();
    // From before it has begun until after it has ended.
    for (let round = 0; round < 100; round++) await killed(args(String(standing.pid)), 5 * round);
    const tracer = () => /TracerPid:\t(\d+)/.exec(readFileSync(`/proc/${standing.pid}/status`, 'utf8'))![1];
    expect(tracer()).toBe('0');
    expect(await standing.end()).toBe('exit 0');
  });
});

describe.skipIf(reason !== undefined || !judging(runningKernel(), 32).classic)(title('what kills'), () => {
  const rows = listRows().filter(({ id }) => id.startsWith('violation.'));

  it.each(rows.map(({ id }) => id))('%s is explained', async (id) => {
    const dies = (await runReal(id)).endsWith('killed by SIGSEGV');
    const { status, stdout } = rseqlab(['explain', '--', ROWS, id]);
    expect(status).toBe(dies ? 1 : 0);
    expect(stdout.includes('a rule of rseq was broken')).toBe(dies);
  });
});
