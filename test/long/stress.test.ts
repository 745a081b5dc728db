import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { threadStatus, threadsOf } from '../../src/linux/procfs.js';
import type { StressDocument } from '../../src/report/stress-document.js';
import { BIN, ROOT, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const COUNTERS = 'examples/stress/counters';
/** A folder with librseq's tests/param_test, built. */
const { LIBRSEQ } = process.env;
const PARAM_TEST = LIBRSEQ && join(LIBRSEQ, 'tests/param_test');
const missing = PARAM_TEST === undefined ? 'LIBRSEQ is not set' : existsSync(PARAM_TEST) ? undefined : `there is no ${PARAM_TEST}`; // biome-ignore format: a choice

const started: ChildProcess[] = [];
const start = (program: string, ...args: string[]): ChildProcess => {
  const child = spawn(program, args, { cwd: ROOT, stdio: 'ignore' });
  started.push(child);
  return child;
};
const exit = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  new Promise((resolve) => child.once('close', (status, signal) => resolve(status ?? signal)));
const later = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

const cpus = (pid: number) => threadsOf(pid).map((tid) => threadStatus(pid, tid)?.get('Cpus_allowed_list'));

describe.skipIf(reason !== undefined)(title('killed two hundred times'), () => {
  it('stress leaves no process hurt', async () => {
    // One thread is held on a CPU now and then.
    const modes = [['--mode', 'storm'], ['--rounds', '1000000'], ['--double'], ['--cause', 'migrate'], ['--cause', 'signal'], ['--hardware', '--mode', 'storm']]; // biome-ignore format: a list
    for (let kills = 0; kills < 200; ) {
      const target = start(COUNTERS, 'good', kills % 2 === 0 ? '4' : '1', '1500000000');
      const ended = exit(target);
      const free = cpus(target.pid!);
      let over = false;
      void ended.then(() => {
        over = true;
      });
      while (!over && kills < 200) {
        const mode = modes[kills++ % modes.length]!;
        const tool = start(process.execPath, BIN, 'stress', ...mode, '--time', '600', '-p', `${target.pid}`);
        const gone = exit(tool);
        await later(100 + Math.random() * 400);
        tool.kill('SIGKILL');
        await gone;
        while ((threadStatus(target.pid!)?.get('TracerPid') ?? '0') !== '0') await later(2);
        if (!over) for (const list of cpus(target.pid!)) expect([free[0], undefined]).toContain(list);
      }
      expect(await ended).toBe(0);
    }
  });
});

const LOOPS = ['1', '2', '3', '4', '5', '6'].flatMap((n) => [`-${n}`, '4']);

describe.skipIf(reason !== undefined || missing !== undefined)(
  missing === undefined ? title("librseq's param_test") : `librseq's param_test: ${missing}`,
  () => {
    it.each(['s', 'l', 'b', 'm', 'i', 'r'])(
      '-T %s: aborted at every instruction of every section that it enters, and right',
      (test) => {
        const { status, stdout } = rseqlab(['stress', '--format', 'json', '--min-coverage', '100', '--', PARAM_TEST!, '-t', '8', '-r', '2000', '-T', test, ...LOOPS]); // biome-ignore format: a command
        const document = JSON.parse(stdout) as StressDocument;
        expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 } });
        expect(document.coverage.points).toBeGreaterThan(10);
        expect(status).toBe(0);
      },
    );
  },
);
