import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { threadStatus } from '../../src/linux/procfs.js';
import type { EnforceDocument } from '../../src/report/enforce-document.js';
import { BIN, oneErrorLine, ROOT, rseqlab } from '../cli/command.js';
import { reason, title, untoldMappings } from '../linux/here.js';

/** test/fixtures/live/calls.c */
const FIXTURES = join(ROOT, 'test/fixtures/live');
const CALLS = join(FIXTURES, 'calls');
const BEFORE = join(FIXTURES, 'before');
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-enforce-'));
afterAll(() => rmSync(folder, { recursive: true }));

function enforce(...args: string[]) {
  const file = join(folder, 'report.json');
  const { status, stdout, stderr } = rseqlab(['enforce', '--format', 'json', '-o', file, ...args]);
  if (status === 2) throw new Error(stderr);
  return { status, stdout, stderr, document: JSON.parse(readFileSync(file, 'utf8')) as EnforceDocument };
}

const counts = ({ sites }: EnforceDocument) =>
  sites.flatMap(({ place, last, calls }) =>
    calls.map(({ name, count }) => `${count} ${name} in ${place.split('+')[0]}${last ? ', last' : ''}`),
  );

describe.skipIf(reason !== undefined)(title('enforce'), () => {
  it.each([
    ['inside', ['1 getppid in inside'], '1 committed\n'],
    ['threads', ['12 getppid in inside'], '12 committed\n'],
    ['fork', ['1 gettid in inside'], '1 committed\n'],
    ['exec', ['1 getppid in inside'], '1 committed\n'],
  ])('tells of calls inside a section, and lets the program go on: %s', (what, sites, output) => {
    const { status, stdout, stderr, document } = enforce('--', CALLS, what);
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: output, stderr: '' });
    expect(counts(document)).toEqual(sites);
    expect(document).toMatchObject({ program: { status: 0 }, sections: 2, limits: [] });
  });

  it.each(['last', 'outside'])('has nothing to say of calls elsewhere: %s', (what) => {
    const { status, document } = enforce('--', CALLS, what);
    expect({ status, sites: document.sites }).toEqual({ status: 0, sites: [] });
  });

  it('forbids also the last instruction with --strict', () => {
    const { status, stdout, document } = enforce('--strict', '--', CALLS, 'last');
    expect({ status, stdout, found: counts(document) }).toEqual({
      status: 1,
      stdout: '1 committed\n',
      found: ['1 getppid in last, last'],
    });
  });

  it('gives SIGSEGV with --kill, as a kernel with rseq_debug does', () => {
    const { status, stdout, document } = enforce('--kill', '--', CALLS, 'threads');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(document.program).toEqual({ signal: 'SIGSEGV' });
    // SI_KERNEL, of force_sig().
    expect(enforce('--kill', '--', CALLS, 'caught').stdout).toBe('caught SIGSEGV, si_code 128\n');
    expect(enforce('--kill', '--', CALLS, 'ignored').document.program).toEqual({ signal: 'SIGSEGV' });
    expect(enforce('--kill', '--', CALLS, 'last')).toMatchObject({ status: 0, stdout: '1 committed\n' });
  });

  it('says the same as the simulated kernel under --debug-rseq', () => {
    for (const what of ['inside', 'last', 'outside', 'fork']) {
      const simulated = rseqlab(['run', '--debug-rseq', CALLS, what]);
      const real = enforce('--kill', '--', CALLS, what);
      expect([what, real.stdout, real.document.sites.length > 0]).toEqual([
        what,
        simulated.stdout,
        simulated.stderr.includes('syscall-in-section'),
      ]);
    }
  });

  it('is no other program for one without sections, and passes its exit status on', () => {
    const run = rseqlab(['enforce', '--', process.execPath, '-e', 'console.log(1); process.exitCode = 5']);
    expect(run).toMatchObject({ status: 5, stdout: '1\n' });
    expect(run.stderr).toContain('no system call inside a section');
    expect(rseqlab(['enforce', '--', 'sh', '-c', 'kill -TERM $$'])).toMatchObject({ status: 143 });
    const trap = `trap 'echo heard' WINCH; kill -WINCH $$; :`;
    expect(rseqlab(['enforce', '--', 'sh', '-c', trap]).stdout).toBe('heard\n');
  });

  it('knows sections of libraries that come later, for all threads', ({ skip }) => {
    // Node has struct rseq registered by glibc, where it runs on one that does so (2.35).
    const load = `try { process.dlopen({ exports: {} }, ${JSON.stringify(join(FIXTURES, 'inside.so'))}) } catch (e) { console.log(e.message) }
      console.log(/^Seccomp_filters:\\s*(.*)/m.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '');`;
    const { status, stdout, document } = enforce('--', process.execPath, '-e', load);
    skip(stdout.includes('__rseq_offset'), 'the libc here registers no struct rseq');
    expect(counts(document)).toEqual(['1 getppid in inside']);
    expect(document.sites[0]!.file).toMatch(/inside\.so$/);
    // Without a filter: other calls cost what they cost.
    expect(stdout.trim().split('\n').at(-1)).toBe(threadStatus(process.pid)?.get('Seccomp_filters') ?? '');
    expect(status).toBe(1);
  });

  it('watches by a filter what may be a call and is not known to be one: in front of start_ip', () => {
    const { status, stdout, document } = enforce('--', BEFORE);
    expect({ status, stdout, found: counts(document) }).toEqual({
      status: 1,
      stdout: '1 committed, mode 2\n',
      found: ['1 getppid in 0x400146 in before'],
    });
    expect(enforce('--kill', '--', BEFORE).document.program).toEqual({ signal: 'SIGSEGV' });
    expect(rseqlab(['run', '--debug-rseq', BEFORE]).stderr).toContain('syscall-in-section');
  });

  it('finds code that no dynamic linker has mapped, also while its program waits in a call', async () => {
    const tool = spawn(process.execPath, [BIN, 'enforce', '--', join(FIXTURES, 'mapper'), BEFORE], {
      cwd: ROOT,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    const told = text(tool.stderr!);
    const ended = new Promise((resolve) => tool.once('exit', resolve));
    while (!(await filtered('mapper'))) await new Promise(setImmediate);
    tool.stdin!.end('*');
    expect(await ended).toBe(42);
    expect(await told).toContain('1 section in 1 process watched');
  });

  const why = reason ?? untoldMappings();
  it.skipIf(why !== undefined).each([
    ['mmap', 'itself'],
    ['mprotect', 'itself'],
    ['mmap', 'thread'],
    ['mprotect', 'fork'],
    ['mmap', 'exec'],
  ])(title('knows code that a program has mapped itself before it runs: %s %s', why), (...words) => {
    // Twice: what comes by chance is not there again.
    for (let turn = 0; turn < 2; turn++) {
      const { stdout, document } = enforce('--', join(FIXTURES, 'twice'), ...words);
      expect({ found: counts(document), program: document.program, stdout }).toEqual({
        found: ['1 getppid in 0x4000ed in twice'],
        program: { status: 0 },
        stdout: '',
      });
    }
  });

  it('tells people where, what and why', () => {
    const { stderr } = rseqlab(['enforce', '--', CALLS, 'threads']);
    expect(
      stderr
        .replaceAll(ROOT, '')
        .replace(/0x[0-9a-f]+/g, '0x...')
        .replace(/(thread|process) \d+/g, '$1 N'),
    ).toMatchInlineSnapshot(`
      "inside+0x... in calls: a system call inside the section at 0x...
        at:     0x... in test/fixtures/live/calls
        12 times: getppid()  by thread N of process N
        why:    a thread that is preempted in or behind the call is aborted, and makes it again; a kernel with rseq_debug ends it by SIGSEGV
        mend:   make the call before or behind the section, or as its last instruction

      12 system calls inside sections, from 1 place (2 sections in 1 process watched); the program: exit status 0
      "
    `);
  });

  it('leaves a program as it is when it is killed itself', async () => {
    // Its end of the pipe is not the tool's.
    const feeder = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] });
    const tool = spawn(process.execPath, [BIN, 'enforce', '--', process.execPath, '-e', PATIENT], {
      cwd: ROOT,
      stdio: [feeder.stdout, 'pipe', 'ignore'],
    });
    let output = '';
    const ended = new Promise((resolve) => tool.stdout!.on('close', resolve));
    await new Promise<void>((resolve) => {
      tool.stdout!.on('data', (text) => {
        output += text;
        if (`${text}`.includes('ready')) resolve();
      });
    });
    tool.kill('SIGKILL');
    await new Promise((resolve) => tool.once('exit', resolve));
    feeder.stdin.end('go\n');
    await ended;
    expect(output).toBe('ready\nright\n');
  });

  it('does not call silence a good answer: without its keeper it knows nothing', () => {
    const ran = rseqlab(['enforce', '--', 'sh', '-c', 'kill -KILL $PPID']);
    expect(oneErrorLine(ran)).toContain('the keeper of the program was killed; run again');
  });

  it.each([
    [[], "missing required argument 'command'"],
    [
      ['--', 'no-such-program'],
      'cannot run no-such-program: there is no such program; give its path, or a name that is in PATH',
    ],
    [['--', '/dev/null'], 'cannot run /dev/null: it is no program that may be run'],
    [['--kill', '--report', '--', 'true'], "option '--kill' cannot be used with option '--report'"],
    [
      ['-o', '/no/such/folder/x', '--', 'true'],
      'cannot write /no/such/folder/x: there is no such file or directory',
    ],
  ])('refuses %j', (args, message) => {
    expect(oneErrorLine(rseqlab(['enforce', ...args]))).toContain(message);
  });
});

/** Loads code after its tool is gone (a library: Node's own, by a child), and says whether all went well. */
const PATIENT = `
  process.stdout.write('ready\\n');
  process.stdin.once('data', () => {
    const { status } = require('child_process').spawnSync('sh', ['-c', 'exit 4']);
    process.stdout.write(status === 4 ? 'right\\n' : 'wrong\\n');
    process.exit();
  });
`;

/** All that comes. */
const text = async (stream: NodeJS.ReadableStream): Promise<string> => {
  let all = '';
  for await (const piece of stream) all += piece;
  return all;
};

/** Has a process of this name got more seccomp filters than we have? */
async function filtered(name: string): Promise<boolean> {
  await new Promise(setImmediate);
  const own = Number(threadStatus(process.pid)?.get('Seccomp_filters'));
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .some((pid) => {
      const status = threadStatus(Number(pid));
      return status?.get('Name') === name && Number(status.get('Seccomp_filters')) > own;
    });
}
