import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { threadStatus } from '../../src/linux/procfs.js';
import * as ptrace from '../../src/linux/ptrace.js';
import type { StressDocument } from '../../src/report/stress-document.js';
import { BIN, oneErrorLine, ROOT, rseqlab } from '../cli/command.js';
import { reason, reasonToAttach, title, untoldMappings } from '../linux/here.js';

const COUNTERS = 'examples/stress/counters';
/** Increments that take some seconds here. */
const LONG = '300000000';
const LIBRARY = 'test/fixtures/live/library.so';

/** Runs stress; its exit status and what it says. */
function stress(...args: string[]): { status: number | null; document: StressDocument; stderr: string } {
  const { status, stdout, stderr } = rseqlab(['stress', '--format', 'json', ...args]);
  if (stdout === '') throw new Error(`status ${status}: ${stderr}`);
  return { status, document: JSON.parse(stdout) as StressDocument, stderr };
}

const started: ChildProcess[] = [];
const start = (program: string, ...args: string[]): ChildProcess => {
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  return child;
};
const exit = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  new Promise((resolve) => child.once('close', (status, signal) => resolve(status ?? signal)));

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

describe.skipIf(reason !== undefined)(title('stress'), () => {
  it('aborts at every instruction, in every thread, and lets a right program be right', () => {
    const { status, document, stderr } = stress(
      '--min-coverage',
      '100',
      '--',
      COUNTERS,
      'good',
      '3',
      '60000000',
    );
    expect(document).toMatchObject({
      verdict: 'survived',
      program: { status: 0 },
      coverage: { percent: 100 },
    });
    expect(status).toBe(0);
    // The report has standard output for itself.
    expect(stderr).toBe('counted 180000000 of 180000000\n');
    const [good, ...others] = document.sections;
    expect(good).toMatchObject({ function: 'good', entered: true, source: { file: 'counters.c' } });
    for (const { forced, threads, unprotected } of good!.points) {
      expect(forced).toBeGreaterThanOrEqual(threads);
      expect({ threads, unprotected }).toEqual({ threads: 3, unprotected: 0 });
    }
    expect(others.map(({ entered }) => entered)).toEqual(Array(7).fill(false));
    expect(document.effort.threads).toBe(4);
    // Where the kernel may be asked, it has aborted as often as we say, or more often.
    expect(document.effort.told ?? document.effort.aborts).toBeGreaterThanOrEqual(document.effort.aborts);
  });

  it.each([
    ['store-before-commit', 'status', /^mov %rcx,\(%rsi,%r8\)$/],
    ['stack-imbalance', 'signal', /./],
  ])('finds out %s, and names the instruction', (name, kind, text) => {
    const { status, document } = stress('--', COUNTERS, name);
    expect(document).toMatchObject({ verdict: 'failed', failure: { kind } });
    expect(document.failure!.points.map((point) => point.text)).toEqual([expect.stringMatching(text)]);
    expect(status).toBe(1);
  });

  it.each([
    ['commit-not-last', 'status'],
    ['clobbered-input', 'status'],
    ['wrong-signature', 'signal'],
  ])('finds out %s', (name, kind) => {
    const { status, document } = stress('--no-bisect', '--', COUNTERS, name);
    expect(document).toMatchObject({ verdict: 'failed', failure: { kind } });
    expect(status).toBe(1);
  });

  it.each(['retry-without-rearming', 'arming-gap'])('sees a section that runs unprotected: %s', (name) => {
    const { status, document } = stress('--no-bisect', '--', COUNTERS, name, '2', '2000000');
    expect(document.verdict).toBe('failed');
    const [section] = document.sections;
    expect(section!.points.some(({ unprotected }) => unprotected > 0)).toBe(true);
    expect(section!.gap?.map(({ text }) => text) ?? []).toEqual(
      name === 'arming-gap' ? ['mov %rax,%r8', 'shl $6,%r8', 'mov (%rsi,%r8),%rcx'] : [],
    );
    expect(status).toBe(1);
  });

  it.each([
    // An abort anywhere in it is enough.
    ['retry-without-rearming', /^retry_without_rearming\+0x(d|10|12|15|19|1d|20)$/],
    ['arming-gap', /^arming_gap\+0x(d|10|14)$/],
  ])('names the instruction behind which a section runs unprotected: %s', (name, place) => {
    // One thread: it counts right all the same.
    const { status, document } = stress('--', COUNTERS, name, '1', '2000000');
    expect(document).toMatchObject({
      verdict: 'failed',
      program: { status: 0 },
      failure: { kind: 'unprotected' },
    });
    expect(document.failure!.points.map((point) => point.place)).toEqual([expect.stringMatching(place)]);
    expect(document.failure!.runs).toBeGreaterThan(0);
    expect(status).toBe(1);
  });

  it('sends no signal that the program would die of', () => {
    const { document } = stress(
      '--cause',
      'signal',
      '--signal',
      'SIGUSR1',
      '--',
      COUNTERS,
      'good',
      '1',
      '100000',
    );
    expect(document).toMatchObject({
      verdict: 'survived',
      coverage: { percent: 100 },
      program: { status: 0 },
    });
    expect(document.limits).toContainEqual(expect.stringMatching(/^SIGUSR1 was left out at \d+ stops/));
  });

  it('says when a section is unprotected without any abort', () => {
    // No struct rseq is registered.
    const load = `try { process.dlopen({ exports: {} }, ${JSON.stringify(join(ROOT, LIBRARY))}) } catch {}`;
    const { document } = stress('--', '/bin/sh', '-c', `GLIBC_TUNABLES=glibc.pthread.rseq=0 exec ${process.execPath} -e '${load}'`); // biome-ignore format: one command
    expect(document).toMatchObject({
      verdict: 'failed',
      failure: { kind: 'unprotected', points: [], alone: true },
    });
  });

  it('follows fork, exec and threads in the hundreds', () => {
    const { status, document } = stress('--', '/bin/sh', '-c', `${COUNTERS} good 2 20000 2 && ${COUNTERS} commit-not-last 1 10 || exec ${COUNTERS} good 200 500`); // biome-ignore format: one command
    expect(document).toMatchObject({
      verdict: 'survived',
      coverage: { percent: 100 },
      effort: { processes: expect.any(Number) },
    });
    expect(document.sections.filter(({ entered }) => entered).map((section) => section.function)).toEqual(['good', 'commit_not_last']); // biome-ignore format: one step
    expect(document.effort.threads).toBeGreaterThan(200);
    expect(status).toBe(0);
  });

  it.each([[], ['--hardware'], ['--rounds', '200'], ['--mode', 'storm']])(
    'aborts in libraries that are loaded and unloaded while the program runs: %s %s',
    (...args) => {
      const times = 10;
      const load = `for (let n = 0; n < ${times}; n++) try { process.dlopen({ exports: {} }, ${JSON.stringify(join(ROOT, LIBRARY))}) } catch {}`;
      const { status, document } = stress(...args, '--', process.execPath, '-e', load);
      const section = document.sections.find(({ file }) => file.endsWith('library.so'));
      // A libc without rseq registers none: the section has nobody to abort it. Else each time ten rounds, as many as were asked for, or what fits in.
      const rounds = { '--rounds': 200, '--mode': 1 }[args[0] as string] ?? 10;
      const registered = section?.points.every(({ forced }) => forced >= times * rounds);
      expect(registered || document.verdict === 'failed').toBe(true);
      expect(status).toBe(registered ? 0 : 1);
    },
  );

  const why = reason ?? untoldMappings();
  it.skipIf(why !== undefined).each([
    ['mmap itself', []],
    ['mprotect thread', []],
    ['mmap fork', []],
    ['mprotect exec', []],
    ['mmap itself', ['--hardware']],
  ])(title('aborts in code that a program has mapped itself, and runs once: %s %j', why), (words, args) => {
    // Twice: what comes by chance is not there again.
    for (let turn = 0; turn < 2; turn++) {
      const { status, document } = stress('--min-coverage', '100', ...args, '--', join(ROOT, 'test/fixtures/live/twice'), ...words.split(' ')); // biome-ignore format: one command
      expect(document).toMatchObject({ verdict: 'survived', program: { status: 0 } });
      expect(document.sections[0]!.points.map(({ text, forced }) => `${forced} ${text}`)).toEqual(['1 mov %ecx,%eax', '1 syscall', '1 incq (%rdx)']); // biome-ignore format: one step
      expect(status).toBe(0);
    }
  });

  it.skipIf(why !== undefined)(
    title('... also by a thread that has done nothing but stop before', why),
    () => {
      const times = 50_000;
      const { status, document } = stress(
        '--rounds',
        '1000000000',
        '--',
        'test/fixtures/live/later',
        `${times}`,
      );
      expect(document).toMatchObject({ verdict: 'survived', program: { status: 0 } });
      expect(document.sections.map(({ points }) => points.map(({ forced }) => forced))).toEqual([Array(3).fill(times), Array(3).fill(1)]); // biome-ignore format: one step
      expect(status).toBe(0);
    },
  );

  it('takes the word of another program', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rseqlab-stress-'));
    try {
      const script = `${COUNTERS} store-before-commit 1 20000 > '${folder}/out'; true`;
      const { status, document } = stress('--no-bisect', '--verify', `grep -q 'seen 20000$' '${folder}/out'`, '--', '/bin/sh', '-c', script); // biome-ignore format: one step
      expect(document).toMatchObject({
        verdict: 'failed',
        failure: { kind: 'verify' },
        program: { status: 0, verify: 1 },
      });
      expect(status).toBe(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    ['--double'],
    ['--mode', 'storm', '--time', '1'],
    ['--cause', 'signal'],
    ['--cause', 'migrate'],
    ['--cause', 'membarrier'],
    ['--rounds', '50'],
  ])('%s %s', (...args) => {
    // Long enough for a busy machine.
    const { status, document } = stress(...args, '--', COUNTERS, 'good', '2', '60000000');
    expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 } });
    expect(status).toBe(0);
  });

  it('lets signals and job control be', () => {
    const script = `
      ${COUNTERS} good 2 100000000 & pid=$!
      kill -STOP $pid; while ! grep -q '^State:.[tT]' /proc/$pid/status; do :; done; kill -CONT $pid; wait $pid || exit 1
      trap 'got=1' USR1; kill -USR1 $$; [ "$got" = 1 ] || exit 2
      ${COUNTERS} good 1 1000000000000 & pid=$!; kill -TERM $pid; wait $pid; [ $? = 143 ] || exit 3`;
    const { status, document } = stress('--', '/bin/sh', '-c', script);
    expect(document).toMatchObject({ verdict: 'survived', program: { status: 0 } });
    expect(status).toBe(0);
  });

  it('says when too little was covered', () => {
    // One increment is over before the second abort.
    const { status, document } = stress(
      '--min-coverage',
      '100',
      '--mode',
      'storm',
      '--',
      COUNTERS,
      'good',
      '1',
      '1',
    );
    expect(document.verdict).toBe('uncovered');
    expect(status).toBe(1);
  });

  it('has nothing to say where there is no section', () => {
    const { status, document } = stress('--', '/bin/sh', '-c', 'exit 0');
    expect(document.verdict).toBe('inconclusive');
    expect(status).toBe(3);
  });

  it('writes lcov and html', () => {
    const { stdout } = rseqlab(['stress', '--format', 'lcov', '--', COUNTERS, 'good', '1', '1000']);
    expect(stdout).toMatch(
      /^TN:rseq-aborts\nSF:.*\nFN:\d+,good\n[\s\S]*\nDA:\d+,[1-9]\d*\n[\s\S]*end_of_record\n$/,
    );
    // Found beside the program, so that genhtml finds it from anywhere.
    expect(stdout).toContain(`\nSF:${join(ROOT, 'examples/stress/counters.c')}\n`);
    const html = rseqlab(['stress', '--format', 'html', '--', COUNTERS, 'good', '1', '1000']).stdout;
    expect(html).toContain('<code>mov %rcx,(%rsi,%r8)</code>');
  });

  it('says in one line what cannot be', () => {
    expect(oneErrorLine(rseqlab(['stress', '--', 'no-such-program']))).toContain('there is no such program');
    expect(oneErrorLine(rseqlab(['stress']))).toContain('-p');
    expect(oneErrorLine(rseqlab(['stress', '-p', '4194303']))).toContain('there is none');
    expect(oneErrorLine(rseqlab(['stress', '--', '/bin/sh', '-c', 'exit 3']))).toContain(
      'fails without any forced abort',
    );
    expect(oneErrorLine(rseqlab(['keeper']))).toContain('for rseqlab itself');
  });
});

describe.skipIf(reasonToAttach !== undefined)(title('stress of a process that runs', reasonToAttach), () => {
  it('leaves it as it was', async () => {
    const target = start(COUNTERS, 'good', '2', LONG);
    const ended = exit(target);
    const { status, document } = stress('--time', '1', '-p', `${target.pid}`);
    expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 }, program: {} });
    expect(status).toBe(0);
    expect(threadStatus(target.pid!)?.get('TracerPid') ?? '0').toBe('0');
    expect(await ended).toBe(0);
  });

  it('leaves a stopped process stopped', async () => {
    const target = start(COUNTERS, 'good', '2', LONG);
    const ended = exit(target);
    target.kill('SIGSTOP');
    expect(stress('--time', '1', '-p', `${target.pid}`).document.verdict).toBe('inconclusive');
    expect(threadStatus(target.pid!)?.get('State')).toMatch(/^T/);
    target.kill('SIGCONT');
    expect(await ended).toBe(0);
  });

  it.skipIf(!readFileSync('/proc/2/comm', 'latin1').startsWith('kthreadd'))(
    'a thread of the kernel is none to stress',
    () => {
      expect(oneErrorLine(rseqlab(['stress', '-p', '2']))).toBe(
        'rseqlab: cannot trace process 2: it is a thread of the kernel, and has no user space',
      );
    },
  );

  it('is refused where another traces it already', async () => {
    const target = start(COUNTERS, 'good', '1', LONG);
    ptrace.seize(target.pid!, 0);
    expect(oneErrorLine(rseqlab(['stress', '-p', `${target.pid}`]))).toMatch(
      /process \d+ \(.*\) traces it already/,
    );
    target.kill('SIGKILL');
    await exit(target);
  });

  it('does not hurt it when it is killed itself', async () => {
    const target = start(COUNTERS, 'good', '4', LONG);
    const ended = exit(target);
    for (let n = 0; n < 3; n++) {
      const tool = start(
        process.execPath,
        BIN,
        'stress',
        '--mode',
        'storm',
        '--time',
        '60',
        '-p',
        `${target.pid}`,
      );
      const gone = exit(tool);
      // At any moment of its start and its work.
      await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 300));
      tool.kill('SIGKILL');
      await gone;
      await untraced(target.pid!);
    }
    expect(await ended).toBe(0);
  });
});

/** Until nobody traces it any more. */
async function untraced(pid: number): Promise<void> {
  for (;;) {
    const tracer = threadStatus(pid)?.get('TracerPid') ?? '0';
    if (tracer === '0') return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
