import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { threadStat } from '../../src/linux/procfs.js';
import { checkBefore } from '../../src/live/checkpoint/capture.js';
import { ROOT, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';
import { Bench, type Running } from './checkpoint-programs.js';

const bench = new Bench();
afterEach(() => bench.end());
afterAll(() => bench.remove());

/** What test/live/programs/kept.c says of itself. */
const THINGS =
  `size of a pipe, what waits in a pipe, flags of a pipe, the other end, packets, position, one open file, close on exec, eventfd, memfd, seals,
memfd as a mapping, shared memory, shared memory is shared, wiped on fork, timer, id of a timer, timer that is over, setitimer, limit, processors, nice, timer slack,
no new privileges, membarrier, signal that waits, its value, alternate stack, futex, sleep until, poll, read, AVX registers, large TLS, robust mutex, its owner is dead`
    .split(/,\s*/)
    .map((name) => `${name}: right\n`)
    .join('');

const noIds = 'no permission to choose ids of processes';
const isForbidden = (stderr: string): boolean =>
  /not permitted to choose ids|CAP_CHECKPOINT_RESTORE/.test(stderr);

/** Freezes it, brings it back, and lets it go on to its end. */
async function across({ pid, ended }: Running, go: string, skip: (why: string) => void): Promise<void> {
  const image = bench.file('across.img');
  const frozen = rseqlab(['checkpoint', `${pid}`, '-o', image, '--kill']);
  if (isForbidden(frozen.stderr)) return skip(noIds);
  expect(frozen).toMatchObject({ status: 0, stderr: '' });
  // An id is in use up to when the parent takes notice.
  await ended;
  writeFileSync(go, '');
  const back = rseqlab(['restore', image]);
  if (isForbidden(back.stderr)) return skip(noIds);
  expect(back).toMatchObject({ status: 0, stdout: '', stderr: '' });
}

describe.skipIf(reason !== undefined)(title('what a process has besides its memory'), () => {
  it('is there when it comes back: pipes, shared memory, timers, signals, threads that wait', async ({
    skip,
  }) => {
    const go = bench.go();
    const running = await bench.start(bench.kept, ['everything', go]);
    await across(running, go, skip);
    expect(running.text()).toBe(`ready\n${THINGS}`);
  });

  it('is as it was when it goes on', async () => {
    const go = bench.go();
    const { pid, ended, text } = await bench.start(bench.kept, ['everything', go]);
    expect(rseqlab(['checkpoint', `${pid}`, '-o', bench.file('on.img')])).toMatchObject({
      status: 0,
      stderr: '',
    });
    writeFileSync(go, '');
    expect(await ended).toBe(0);
    expect(text()).toBe(`ready\n${THINGS}`);
  });

  it('is there with a dynamic program of the C library of this machine', async ({ skip }) => {
    const program = bench.file('dynamic');
    const source = join(ROOT, 'test/live/programs/kept.c');
    const gcc = spawnSync('gcc', ['-O1', '-w', '-pthread', '-o', program, source], { encoding: 'utf8' });
    if (gcc.status !== 0)
      return skip(`no program can be made here: ${gcc.error?.message ?? gcc.stderr.split('\n')[0]}`);
    const go = bench.go();
    const running = await bench.start(program, ['everything', go]);
    await across(running, go, skip);
    expect(running.text()).toBe(`ready\n${THINGS}`);
  });

  it("is its user's again, who is not root", async ({ skip }) => {
    if (process.getuid?.() !== 0) return skip('only root can become somebody else');
    const go = bench.go();
    const program = bench.kept;
    chmodSync(bench.file(''), 0o755);
    const { pid, ended, text } = await bench.start(program, ['everything', go], { user: 65534 });
    const whose = () => /^Uid:.*\nGid:.*\n/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[0];
    const capabilities = () =>
      /^CapInh:(?:.*\n){4}CapAmb:.*\n/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[0];
    const before = [whose(), capabilities()];
    expect(before[0]).toMatch(/^Uid:\t65534\t/);
    const image = bench.file('nobody.img');
    expect(rseqlab(['checkpoint', `${pid}`, '-o', image, '--kill']).stderr).toBe('');
    await ended;
    const { status, stderr } = rseqlab(['restore', '--detach', image]);
    if (isForbidden(stderr)) return skip(noIds);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect([whose(), capabilities()]).toEqual(before);
    writeFileSync(go, '');
    while (!/its owner is dead/.test(text()) && existsSync(`/proc/${pid}`))
      await new Promise((resolve) => setImmediate(resolve));
    expect(text()).toBe(`ready\n${THINGS}`);
  });

  it('comes back while it makes threads all the time', async ({ skip }) => {
    const go = bench.go();
    const running = await bench.start(bench.kept, ['storm', go]);
    for (let n = 0; n < 2; n++)
      expect(rseqlab(['checkpoint', `${running.pid}`, '-o', bench.file('storm.img')]).stderr).toBe('');
    await across(running, go, skip);
    expect(running.text()).toBe('ready\nthreads: right\n');
  });

  it('stays stopped where it was stopped by a signal', async ({ skip }) => {
    const go = bench.go();
    const { pid, child, ended, text } = await bench.start(bench.kept, ['storm', go]);
    const state = () =>
      spawnSync('sed', ['-n', 's/^State:.//p', `/proc/${pid}/status`], { encoding: 'utf8' }).stdout;
    child.kill('SIGSTOP');
    while (!state().startsWith('T')) await new Promise((resolve) => setImmediate(resolve));
    const image = bench.file('stopped.img');
    expect(rseqlab(['checkpoint', `${pid}`, '-o', image]).stderr).toBe('');
    expect(state()).toMatch(/^T/);
    child.kill('SIGKILL');
    await ended;
    writeFileSync(go, '');
    const { status, stderr } = rseqlab(['restore', '--detach', image]);
    if (isForbidden(stderr)) return skip(noIds);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    while (!state().startsWith('T')) await new Promise((resolve) => setImmediate(resolve));
    expect(text()).toBe('ready\n');
    process.kill(pid, 'SIGCONT');
    while (state() !== '' && !state().startsWith('Z')) await new Promise((resolve) => setImmediate(resolve));
    expect(text()).toBe('ready\nthreads: right\n');
  });
});

describe.skipIf(reason !== undefined)(title('a process that has what cannot be kept'), () => {
  it.each([
    ['socket', /^its descriptor \d is a socket$/],
    ['epoll', /^its descriptor \d is an epoll instance$/],
    ['inotify', /^its descriptor \d is an inotify instance$/],
    ['signalfd', /^its descriptor \d is a signalfd$/],
    ['timerfd', /^its descriptor \d is a timerfd$/],
    ['pidfd', /^its descriptor \d is a pidfd$/],
    ['terminal', /^its descriptor \d is a terminal, \/dev\/(pts\/)?ptmx$/],
    ['fifo', /^its descriptor \d is a (FIFO|file that is deleted)/],
    ['deleted', /^its descriptor \d is a file that is deleted, .*\.gone$/],
    ['lock', /^its descriptor \d is .*kept, on which it holds a lock$/],
    ['mapped', /^it has mapped a file that is deleted, .*\.gone, at 0x/],
    ['device', /^it has mapped (a device|memory of a device)/],
    ['sysv', /^it has mapped System V shared memory at 0x/],
    ['aio', /^it has mapped the rings of asynchronous I\/O/],
    ['child', /^it has a child, process \d+ \(.*kept\), which would not be in the image/],
    ['zombie', /^it has a child, process \d+ \(kept\), which would not be in the image/],
    ['seccomp', /^thread \d+ is under seccomp \(mode filter\)/],
    ['files', /^thread \d+ has descriptors of its own \(unshare\(2\)\)$/],
    ['namespace', /^it has a namespace of its own \(host name\)/],
    ['root', /^its root directory is \/proc$/],
    ['leader', /^its first thread has ended/],
    ['handed', /^its descriptor 3 is (a pipe that process \d+ \(.*\) has open as well|a socket)$/],
  ])('is refused by name, before it is stopped: %s', async (mode, message) => {
    const { pid, child, text } = await bench.start(
      bench.kept,
      [mode, bench.go()],
      mode === 'handed' ? { more: ['pipe'] } : {},
    );
    if (text() === 'cannot\n') return;
    expect(text()).toBe('ready\n');
    // Another thread has said so.
    while (mode === 'leader' && threadStat(pid)?.state !== 'Z') await new Promise(setImmediate);
    expect(() => checkBefore(pid)).toThrow(message);
    expect(child.exitCode).toBe(null);
  });

  it('is not one because a terminal is its standard input, under other numbers too', async () => {
    const { pid, text } = await bench.start(bench.kept, ['stream', bench.go()]);
    if (text() === 'cannot\n') return;
    expect(() => checkBefore(pid)).not.toThrow();
  });

  it('is refused by name as a 32-bit program', async () => {
    const { pid, child } = await bench.start(join(ROOT, 'test/live/programs/narrow'), [], { input: 'pipe' });
    if (child.exitCode !== null) return;
    expect(() => checkBefore(pid)).toThrow('it is a 32-bit program');
  });
});
