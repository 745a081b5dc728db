import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { InspectDocument } from '../../src/report/inspect-document.js';
import { ROOT, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

/** Where CRIU is; that of Debian 12 does not run on Linux 6.13 and newer. */
const CRIU = process.env['CRIU'] ?? 'criu';
const MOMENTS = 20;
const runs = reason === undefined && spawnSync(CRIU, ['check']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-criu-'));
const started: ChildProcess[] = [];
afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

describe.skipIf(!runs)(
  title(runs ? 'images of CRIU' : `images of CRIU (no CRIU that runs here: CRIU=path)`),
  () => {
    it('say what CRIU says that it found', async () => {
      const output = join(folder, 'output');
      const fd = openSync(output, 'w');
      const program = spawn(join(ROOT, 'examples/checkpoint/counters'), ['1000000000'], {
        // CRIU wants a session that is all there.
        detached: true,
        stdio: ['ignore', fd, fd],
      });
      started.push(program);
      while (!readFileSync(output, 'utf8').includes('\n'))
        await new Promise((resolve) => setImmediate(resolve));
      let inside = 0;
      for (let n = 0; n < MOMENTS; n++) {
        const images = join(folder, `images-${n}`);
        mkdirSync(images);
        const dump = spawnSync(
          CRIU,
          ['dump', '-t', `${program.pid}`, '-D', images, '--leave-running', '-v4', '-o', 'log'],
          { encoding: 'utf8' },
        );
        expect(dump.status, dump.stderr).toBe(0);
        const log = readFileSync(join(images, 'log'), 'utf8');
        const { stdout, stderr } = rseqlab(['inspect', '--format', 'json', images]);
        expect(stderr).toBe('');
        const [process] = (JSON.parse(stdout) as InspectDocument).processes;
        const found = [...log.matchAll(/Dump rseq of (\d+): ptr = (0x[0-9a-f]+) sign = (0x[0-9a-f]+)/g)];
        expect(found).toHaveLength(5);
        for (const [, tid, address, signature] of found) {
          const thread = process!.threads.find((each) => each.tid === Number(tid))!;
          const expected = address === '0x0' ? null : { address, signature };
          if (expected === null) expect(thread.registration).toBeNull();
          else expect(thread.registration).toMatchObject(expected);
          const moved = log.includes(`The ${tid} task is in rseq critical section`);
          // The kernel may have aborted it a moment before: that cannot be told from what CRIU does, but for rseq_cs.
          const byKernel = thread.resumes!.how === 'abort' && thread.area!['rseq_cs'] === '0x0';
          if (byKernel) expect(thread.note).toContain('or the kernel had');
          else expect([tid, thread.resumes!.how]).toEqual([tid, moved ? 'abort' : 'there']);
          if (!moved) continue;
          inside++;
          const at = new RegExp(
            `fixup_thread_rseq for ${tid}: rseq_cs start_ip = (\\w+) abort_ip = (\\w+)`,
          ).exec(log)!;
          expect(thread.section).toMatchObject({
            state: 'valid',
            position: 'aborted',
            start: { address: `0x${at[1]}`, function: 'count' },
            abort: { address: `0x${at[2]}` },
          });
          expect(thread.restore).toMatchObject({ accepted: true });
        }
      }
      expect(inside).toBeGreaterThan(MOMENTS);
    });
  },
);
