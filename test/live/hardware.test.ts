/** stress by debug registers: nothing is written into code, and none of them stays on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { isErrno } from '../../src/linux/errors.js';
import { call } from '../../src/linux/libc.js';
import { threadStatus, threadsOf } from '../../src/linux/procfs.js';
import * as ptrace from '../../src/linux/ptrace.js';
import { waitFor } from '../../src/linux/wait.js';
import type { StressDocument } from '../../src/report/stress-document.js';
import { BIN, ROOT, rseqlab } from '../cli/command.js';
import { reason, reasonToAttach, title } from '../linux/here.js';

const COUNTERS = 'examples/stress/counters';
/** Looks at its own code, or has code that cannot be written to. */
const GUARDED = 'test/fixtures/live/guarded';
const ENDLESS = '1000000000000';

function stress(...args: string[]): StressDocument {
  const { stdout, stderr } = rseqlab(['stress', '--format', 'json', ...args]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as StressDocument;
}

const pointsOf = ({ sections }: StressDocument) =>
  sections.filter(({ entered }) => entered).flatMap(({ points }) => points);

const started: ChildProcess[] = [];
function start(program: string, ...args: string[]): ChildProcess {
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] });
  started.push(child);
  return child;
}
const exit = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  new Promise((resolve) => child.once('close', (status, signal) => resolve(status ?? signal)));
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** What a thread that runs has in its debug registers that is on: 7 says which. Waits for a keeper that has not let go of it yet. */
async function control(tid: number): Promise<bigint> {
  const CONTROL = 848 + 8 * 7;
  while (!seized(tid)) await new Promise((resolve) => setTimeout(resolve, 5));
  ptrace.interrupt(tid);
  waitFor(tid);
  const word = new BigUint64Array(1);
  const PEEKUSER = 3;
  call('ptrace', PEEKUSER, tid, CONTROL, word);
  ptrace.detach(tid);
  return word[0]!;
}

function seized(tid: number): boolean {
  try {
    ptrace.seize(tid, 0);
    return true;
  } catch (error) {
    if (!isErrno(error, 'EPERM')) throw error;
    return false;
  }
}

describe.skipIf(reason !== undefined)(title('stress by debug registers'), () => {
  it('is not seen by a program that looks at its own code', () => {
    expect(stress('--no-bisect', '--', GUARDED, 'self', '1000000').program).toEqual({ status: 1 });
    const document = stress('--hardware', '--', GUARDED, 'self', '1000000');
    expect(document).toMatchObject({
      verdict: 'survived',
      program: { status: 0 },
      coverage: { percent: 100 },
    });
    expect(pointsOf(document).map(({ forced }) => forced)).toEqual(Array(7).fill(10));
  });

  it('goes through all threads, each by itself', () => {
    const document = stress('--hardware', '--', COUNTERS, 'good', '3', '200000000');
    expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 }, limits: [] });
    for (const { threads, unprotected } of pointsOf(document))
      expect({ threads, unprotected }).toEqual({ threads: 3, unprotected: 0 });
    expect(document.effort.told ?? document.effort.aborts).toBeGreaterThanOrEqual(document.effort.aborts);
  });

  it.each([['--double'], ['--mode', 'storm', '--time', '1'], ['--cause', 'signal'], ['--cause', 'migrate']])(
    '%s %s',
    (...args) => {
      const document = stress('--hardware', ...args, '--', COUNTERS, 'good', '2', '100000000');
      expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 } });
    },
  );

  it('finds what is wrong, and names the instruction', () => {
    const document = stress('--hardware', '--', COUNTERS, 'store-before-commit', '1', '10000');
    expect(document).toMatchObject({ verdict: 'failed', failure: { kind: 'status' } });
    expect(document.failure!.points.map((point) => point.text)).toEqual(['mov %rcx,(%rsi,%r8)']);
  });

  it('sees a section that runs unprotected', () => {
    const document = stress('--hardware', '--no-bisect', '--', COUNTERS, 'arming-gap', '1', '200000000');
    expect(pointsOf(document).some(({ unprotected }) => unprotected > 0)).toBe(true);
  });

  it('follows fork and exec', () => {
    const script = `${COUNTERS} good 1 20000000 2 && exec ${GUARDED} plain 20000000`;
    const document = stress('--hardware', '--', '/bin/sh', '-c', script);
    expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 } });
    expect(document.sections.filter(({ entered }) => entered)).toHaveLength(2);
  });
});

describe.skipIf(reasonToAttach !== undefined)(title('... of a process that runs', reasonToAttach), () => {
  it('is what is done by itself where code cannot be written to', async () => {
    const target = start(GUARDED, 'shared', ENDLESS);
    await new Promise((resolve) => target.stdout!.once('data', resolve));
    const document = stress('--time', '3', '-p', `${target.pid}`);
    expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 }, limits: [] });
    expect((await control(target.pid!)) & 0xffn).toBe(0n);
  });

  it('leaves no register on when the tool is killed', async () => {
    const target = start(COUNTERS, 'good', '2', '400000000');
    const ended = exit(target);
    for (let n = 0; n < 3; n++) {
      const args = ['stress', '--hardware', '--mode', 'storm', '--time', '60', '-p', `${target.pid}`];
      const tool = start(process.execPath, BIN, ...args);
      const gone = exit(tool);
      // At any moment of its start and its work.
      await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 300));
      tool.kill('SIGKILL');
      await gone;
      while ((threadStatus(target.pid!)?.get('TracerPid') ?? '0') !== '0')
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const tid of threadsOf(target.pid!)) expect((await control(tid)) & 0xffn).toBe(0n);
    expect(await ended).toBe(0);
  });
});
