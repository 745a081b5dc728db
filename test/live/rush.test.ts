/** The rounds of stress that machine code does: they count as if they were done one by one, and nothing of them stays behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { call } from '../../src/linux/libc.js';
import { threadStatus, threadsOf } from '../../src/linux/procfs.js';
import { SOURCE_SHA256 } from '../../src/linux/stop-loop/code.js';
import { Together } from '../../src/live/stress/together.js';
import type { StressDocument } from '../../src/report/stress-document.js';
import { ROOT, rseqlab } from '../cli/command.js';
import { reason, reasonToAttach, title } from '../linux/here.js';

const COUNTERS = 'examples/stress/counters';

function stress(...args: string[]): StressDocument {
  const { stdout, stderr } = rseqlab(['stress', '--format', 'json', ...args]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as StressDocument;
}

const started: ChildProcess[] = [];
const start = (program: string, ...args: string[]): ChildProcess => {
  const child = spawn(program, args, { cwd: ROOT, stdio: 'ignore' });
  started.push(child);
  return child;
};
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** CPUs that each thread may run on, by thread. */
const cpus = (pid: number): (string | undefined)[] =>
  threadsOf(pid).map((tid) => threadStatus(pid, tid)?.get('Cpus_allowed_list'));

it('is the machine code of its source', () => {
  const source = readFileSync(join(ROOT, 'src/linux/stop-loop/loop.c'));
  expect(SOURCE_SHA256).toBe(createHash('sha256').update(source).digest('hex'));
});

describe.skipIf(reason !== undefined)(title('rounds by the thousand'), () => {
  it('aborts at each instruction as often as it was asked for, and lets one increment through each time', () => {
    const rounds = 3000;
    const document = stress('--rounds', `${rounds}`, '--', COUNTERS, 'good', '1', '100000');
    expect(document).toMatchObject({ verdict: 'survived', program: { status: 0 } });
    const [{ points }] = document.sections as [StressDocument['sections'][number]];
    expect(points.map(({ forced, unprotected }) => ({ forced, unprotected }))).toEqual(
      points.map(() => ({ forced: rounds, unprotected: 0 })),
    );
    expect(document.effort.aborts).toBe(rounds * points.length);
    // The kernel has seen each of them, where it may be asked.
    expect(document.effort.told ?? document.effort.aborts).toBeGreaterThanOrEqual(document.effort.aborts);
  });

  it('is sure of instructions of one byte too', () => {
    const document = stress('--rounds', '2000', '--', 'test/fixtures/live/guarded', 'plain', '100000');
    expect(document).toMatchObject({ verdict: 'survived', program: { status: 0 } });
    expect(document.sections[0]!.points.map(({ forced }) => forced)).toEqual(Array(7).fill(2000));
    expect(document.sections[0]!.points.map(({ text }) => text)).toContain('pop %rbx');
  });

  it('stops in front of rounds that the program does not live to see', () => {
    const document = stress('--rounds', '1000000', '--', COUNTERS, 'good', '1', '5000');
    expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 } });
    // An increment for each round.
    expect(document.sections[0]!.points.every(({ forced }) => forced > 4000 && forced <= 5000)).toBe(true);
  });

  it('knows threads apart', () => {
    const document = stress('--rounds', '2000', '--', COUNTERS, 'good', '4', '60000000');
    expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 } });
    for (const { forced, threads, unprotected } of document.sections[0]!.points) {
      expect(forced).toBeGreaterThanOrEqual(10);
      expect({ threads, unprotected }).toEqual({ threads: 4, unprotected: 0 });
    }
    expect(document.effort.told ?? document.effort.aborts).toBeGreaterThanOrEqual(document.effort.aborts);
  });

  it('sees what goes wrong meanwhile, in another section', () => {
    const script = `${COUNTERS} good 1 20000 && exec ${COUNTERS} retry-without-rearming 1 20000`;
    const document = stress('--no-bisect', '--rounds', '5000', '--', '/bin/sh', '-c', script);
    const names = document.sections.filter(({ points }) => points.some(({ unprotected }) => unprotected > 0));
    expect(names.map((section) => section.function)).toEqual(['retry_without_rearming']);
  });

  it('aborts each pair in turn with --double', () => {
    const rounds = 40;
    const document = stress('--double', '--rounds', `${rounds}`, '--', COUNTERS, 'good', '1', '100000');
    const [{ points }] = document.sections as [StressDocument['sections'][number]];
    // Once as the first and once as the second of a pair with each.
    for (const { forced } of points) expect(forced).toBeGreaterThanOrEqual(2 * rounds * points.length - 2);
    expect(document.verdict).toBe('survived');
  });

  it('blows a storm over several threads and processes', () => {
    const document = stress('--mode', 'storm', '--time', '3', '--', COUNTERS, 'good', '3', '10000000', '2');
    expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 } });
  });
});

describe.skipIf(reasonToAttach !== undefined)(title('CPUs', reasonToAttach), () => {
  it('a process may run afterwards where it could before', async () => {
    const target = start(COUNTERS, 'good', '1', '1000000000000');
    const [before] = cpus(target.pid!);
    const document = stress('--rounds', '1000000000', '--time', '3', '-p', `${target.pid}`);
    expect(document.effort.aborts).toBeGreaterThan(2000);
    expect(cpus(target.pid!)).toEqual([before, before]);
    expect(document.verdict).toBe('survived');
  });

  it('whoever is born meanwhile is not held', () => {
    const target = start(COUNTERS, 'good', '1', '1000000000000').pid!;
    const child = start('sleep', '1000').pid!;
    const [free] = cpus(child);
    if (free === '0') return;
    const together = new Together();
    together.worked({ stops: 2000, changes: 0, tid: target });
    const [held] = cpus(target);
    expect(held).toMatch(/^\d+$/);
    expect(spawnHeld(child, held!)).toBe(held);
    together.welcome(child);
    expect(cpus(child)[0]).toBe(free);
    together.apart();
    expect(cpus(target)[0]).toBe(free);
    expect(threadStatus(process.pid)?.get('Cpus_allowed_list')).toBe(free);
  });
});

/** As a child of a thread that is held would be. */
function spawnHeld(pid: number, cpu: string): string | undefined {
  const mask = new Uint8Array(8);
  mask[Number(cpu) >> 3] = 1 << (Number(cpu) & 7);
  call('sched_setaffinity', pid, mask.length, mask);
  return cpus(pid)[0];
}
