import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BIN, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';
import { startHeap } from '../live/heap.js';

const CASES = Number(process.env['CASES'] ?? 100);
const MEBIBYTES = 256;
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-checkpoint-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

describe.skipIf(reason !== undefined)(title(`a process of ${MEBIBYTES} MiB that writes all the time`), () => {
  it.each([['the tool'], ['its keeper'], ['its snapshot']])(
    'lives when %s is killed at any moment',
    async (victim) => {
      const heap = await startHeap(join(folder, `told ${victim}`), MEBIBYTES, 16);
      const children = (): string => readFileSync(`/proc/${heap.pid}/task/${heap.pid}/children`, 'utf8');
      const traced = (): boolean =>
        !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${heap.pid}/status`, 'utf8'));
      const unwritten = (): boolean => readdirSync(folder).some((name) => name.endsWith('.tmp'));
      for (let n = 0; n < CASES; n++) {
        const options = n % 4 === 3 && victim === 'the tool' ? ['--copy'] : [];
        const tool = spawn(
          process.execPath,
          [BIN, 'checkpoint', heap.pid, '-o', join(folder, 'killed.img'), ...options],
          { stdio: 'ignore' },
        );
        const gone = new Promise((resolve) => tool.once('exit', resolve));
        if (victim === 'the tool') {
          await sleep((n * 37) % 1500);
          tool.kill('SIGKILL');
          await gone;
          // Its keeper gives up, and leaves nothing.
          while (traced() || children() !== '' || unwritten()) await sleep(5);
        } else {
          // While the process runs: a tracer that dies in the middle of a step takes its tracee with it.
          const reading = (): boolean => children() !== '' && !traced();
          const known = children();
          while (tool.exitCode === null && (children() === known || traced())) await sleep(1);
          await sleep((n * 7) % 50);
          const killed =
            victim === 'its snapshot'
              ? children().trim().split(' ').at(-1)!
              : readFileSync(`/proc/${tool.pid}/task/${tool.pid}/children`, 'utf8').trim();
          if (killed !== '' && reading()) process.kill(Number(killed), 'SIGKILL');
          await gone;
        }
      }
      expect(rseqlab(['checkpoint', heap.pid, '-o', join(folder, 'after.img')]).stderr).toBe('');
      heap.end();
      expect(await heap.ended).toBe(0);
    },
  );
});
