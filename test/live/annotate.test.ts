import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { annotate } from 'rseqlab/annotate';
import { afterAll, describe, expect, it } from 'vitest';
import { actionOf } from '../../src/event/annotated.js';
import { BIN, oneErrorLine, ROOT, rseqlab } from '../cli/command.js';
import { reason, title, untoldMappings } from '../linux/here.js';

/** test/fixtures/live/annotated.c */
const PROGRAM = join(ROOT, 'test/fixtures/live/annotated');
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-annotate-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Told {
  readonly index: number;
  readonly attempt: number;
  readonly tid: number;
  readonly name: string;
  readonly cookie: string;
  readonly result?: string;
  readonly error?: string;
  readonly interrupted: boolean;
  readonly injected: boolean;
  readonly place: string;
  readonly duration: number;
}

function run(...words: string[]) {
  const file = join(folder, 'calls.jsonl');
  const { status, stdout, stderr } = rseqlab([
    'annotate',
    '--format',
    'json',
    '-o',
    file,
    '--',
    PROGRAM,
    ...words,
  ]);
  const [head, ...calls] = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(head).toMatchObject({ schema: 'rseqlab.annotate/1' });
  return { status, stdout, stderr, calls: calls as Told[] };
}

/** How often each call with each cookie came to its end. */
function ended(calls: readonly Told[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { name, cookie, interrupted } of calls)
    if (!interrupted) found[`${name} ${cookie}`] = (found[`${name} ${cookie}`] ?? 0) + 1;
  return found;
}

describe.skipIf(reason !== undefined)(title('annotate'), () => {
  const why = reason ?? untoldMappings();
  it.skipIf(why !== undefined).each(['mmap', 'mprotect'])(
    title('knows code that a program has mapped itself before it runs: %s', why),
    (how) => {
      const program = join(ROOT, 'test/fixtures/live/twice');
      // Twice: what comes by chance is not there again.
      for (let turn = 0; turn < 2; turn++)
        expect(rseqlab(['annotate', '--', program, how, 'annotated'])).toMatchObject({ status: 0 });
      // Without a listener nobody gives it 42.
      expect(spawnSync(program, [how, 'annotated']).status).toBe(1);
    },
  );

  it('tells of the calls that are annotated, and of no other', () => {
    const { status, stdout, calls } = run('trace');
    expect({ status, stdout }).toEqual({ status: 0, stdout: '1 -9 -9\n' });
    expect(calls.map(({ name, cookie, error }) => [name, cookie, error])).toEqual([
      ['close', '1', 'EBADF'],
      ['getpid', '1', undefined],
    ]);
    expect(calls[0]!.place).toMatch(/^main\+0x[0-9a-f]+ in annotated$/);
  });

  it('fails calls, gives values and waits', () => {
    const { stdout, calls } = run('act');
    expect(stdout).toBe('1 1 1\n');
    expect(calls.map(({ injected, result }) => [injected, injected ? result : ''])).toEqual([
      [true, '-5'],
      [true, '42'],
      [false, ''],
    ]);
    expect(calls[2]!.duration).toBeGreaterThanOrEqual(30.00025);
  });

  it('waits as long as is said, to the nanosecond, where time is simulated', () => {
    const trace = join(folder, 'trace.jsonl');
    rseqlab(['run', '--trace', trace, PROGRAM, 'act']);
    const events = readFileSync(trace, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { kind: string; time: number; name?: string }); // biome-ignore format: one step
    const last = events.findLastIndex(({ kind }) => kind === 'annotated');
    expect(events[last + 1]).toMatchObject({
      kind: 'syscall',
      name: 'getpid',
      time: events[last]!.time + 30_000_250,
    });
  });

  it.each([
    [30_000_250n, 30.00025],
    [250_000n, 0.25],
    [1n, 1e-6],
  ])('does not round what a program asks for: %d ns', (delay_ns, delay) => {
    expect(actionOf({ actions: 8, error: 0, value: 0n, delay_ns, cookie: 0n })).toEqual({ delay });
  });

  it('never takes a handler for the code it interrupts, nor the other way round', () => {
    const { stdout, calls } = run('handlers');
    const [, made, handled] = /^(\d+) calls, (\d+) handlers\n$/.exec(stdout)!.map(Number);
    expect(ended(calls)).toEqual({ 'gettid 1': made, 'getppid 2': handled });
    expect(calls.filter(({ attempt }) => attempt > 1)).toEqual([]);
  });

  it('forgets what was said when a handler jumps away', () => {
    const { stdout, calls } = run('jumps');
    expect(stdout).toMatch(/^\d+ jumps\n$/);
    expect(Object.keys(ended(calls))).toEqual(['gettid 1']);
  });

  it.each([
    [
      'restart',
      'read gives 1 x, 1 signals handled\n',
      [
        ['ERESTARTSYS', 1],
        ['1', 2],
      ],
    ],
    [
      'stop',
      'read gives 1 x, 0 signals handled\n',
      [
        ['ERESTARTSYS', 1],
        ['1', 2],
      ],
    ],
    ['interrupt', 'read gives -4 -, 1 signals handled\n', [['ERESTARTSYS', 1]]],
  ])('knows a call again that the kernel makes start over: %s', (what, output, attempts) => {
    const { stdout, calls } = run(what);
    expect(stdout).toBe(output);
    expect(calls.map(({ error, result, attempt }) => [error ?? result, attempt])).toEqual(attempts);
    expect(new Set(calls.map(({ index }) => index))).toEqual(new Set([1]));
  });

  it('serves threads, children and other programs', () => {
    const threads = run('threads');
    expect(ended(threads.calls)).toEqual({ 'gettid 1': 200 });
    expect(new Set(threads.calls.map(({ tid }) => tid)).size).toBe(8);
    const fork = run('fork');
    expect(fork.stdout).toBe('child 7\n');
    expect(ended(fork.calls)).toEqual({ 'fork 1': 1, 'getpid 2': 1 });
    expect(Number(fork.calls.find(({ name }) => name === 'fork')!.result)).toBeGreaterThan(0);
    const exec = run('exec');
    expect(exec.stdout).toBe('1 -9 -9\n');
    expect(ended(exec.calls)).toEqual({ 'execve 1': 1, 'close 1': 1, 'getpid 1': 1 });
  });

  it('fails each call in turn with --sweep, and finds the one that is not looked at', () => {
    const { status, stderr } = rseqlab(['annotate', '--sweep', '--', PROGRAM, 'fragile']);
    expect(status).toBe(1);
    expect(stderr.replace(/0x[0-9a-f]+/g, '0x...')).toMatchInlineSnapshot(`
      "#1 getpid at main+0x... in annotated: EIO: exit status 1
      #2 getppid at main+0x... in annotated: EIO: ended by SIGSEGV
      2 annotated calls failed one at a time: 1 made the program crash or hang; untouched: exit status 0
      "
    `);
    expect(rseqlab(['annotate', '--sweep', '--', PROGRAM, 'act']).status).toBe(0);
  });

  it('asks a program of ours what to do', async () => {
    const seen: string[] = [];
    const end = await annotate({
      command: [PROGRAM, 'trace'],
      onAnnotatedSyscall: ({ name, index }) => {
        seen.push(name);
        return index === 1 ? { fail: 'EINTR' } : { value: -1n, delay: 5.5 };
      },
      onEnd: ({ name }, { result, injected, duration }) =>
        seen.push(`${name} ${result} ${injected} ${duration >= 5.5}`),
    });
    expect(seen).toEqual(['close', expect.stringMatching(/^close -4 true/), 'getpid', 'getpid -1 true true']);
    expect(end).toEqual({ status: 0, calls: 2, limits: [] });
  });

  it('makes calls plain when the tool is killed', async () => {
    // Its end of the pipe is not the tool's.
    const feeder = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] });
    const tool = spawn(process.execPath, [BIN, 'annotate', '--', PROGRAM, 'act', 'wait'], {
      cwd: ROOT,
      stdio: [feeder.stdout, 'pipe', 'ignore'],
    });
    let output = '';
    const closed = new Promise((resolve) => tool.stdout!.on('close', resolve));
    await new Promise<void>((resolve) => {
      tool.stdout!.on('data', (text) => {
        output += text;
        if (`${text}`.includes('ready')) resolve();
      });
    });
    tool.kill('SIGKILL');
    await new Promise((resolve) => tool.once('exit', resolve));
    feeder.stdin.end('x');
    await closed;
    expect(output).toMatch(/^ready\n[01] [01] 1\n$/);
  });

  it('writes a trace for Perfetto', () => {
    const file = join(folder, 'trace.json');
    expect(rseqlab(['annotate', '--format', 'perfetto', '-o', file, '--', PROGRAM, 'trace']).status).toBe(0);
    const { traceEvents } = JSON.parse(readFileSync(file, 'utf8'));
    expect(traceEvents).toMatchObject([
      { ph: 'X', name: 'close', cat: 'annotated', args: { cookie: '1', error: 'EBADF' } },
      { ph: 'X', name: 'getpid' },
    ]);
  });

  it.each([
    [['--', 'no-such-program'], 'cannot run no-such-program'],
    [['--sweep', '--error', 'EWHAT', '--', PROGRAM], '--error: there is no error EWHAT'],
    [['-o', '/no/such/folder/x', '--', PROGRAM], 'cannot write /no/such/folder/x'],
  ])('refuses %j', (args, message) => {
    expect(oneErrorLine(rseqlab(['annotate', ...args]))).toContain(message);
  });
});
