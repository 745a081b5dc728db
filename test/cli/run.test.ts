import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VIOLATIONS } from '../../src/abi/violations.js';
import { oneErrorLine, ROOT, rseqlab, shell, withFolder } from './command.js';
import { PARTS, PARTS_PIE, simulate } from './parts.js';

const run = (...args: string[]) => rseqlab(['run', ...args]);
/** Addresses of the stack, times and hashes change with every detail of the simulated kernel; what is said of them does not. */
const stable = (text: string): string =>
  text
    .replace(/0xdff[0-9a-f]{5}/g, '0xSTACK')
    .replace(/\b\d\.\d{9}\b/g, 'S.NNNNNNNNN')
    .replace(/\b[0-9a-f]{32}\b/g, 'HASH');
const parts = (...args: string[]) => run(PARTS, ...args);

describe('the program', () => {
  it('gets its arguments, byte for byte, options among them', () => {
    expect(parts('arguments', '--seed', 'x y', 'ü', '')).toEqual({
      status: 6,
      stdout: `${PARTS}\narguments\n--seed\nx y\nü\n\n`,
      stderr: '',
    });
  });

  it('has its output and exit status passed through', () => {
    expect(parts('streams')).toEqual({ status: 7, stdout: 'one three\n', stderr: 'two four\n' });
  });

  it('reads standard input, from a pipe, a file and nothing', () => {
    const input = 'a line\n'.repeat(1000);
    expect(rseqlab(['run', PARTS, 'cat'], {}, { input })).toEqual({ status: 0, stdout: input, stderr: '' });
    expect(shell(`rseqlab run ${PARTS} cat < package.json`).stdout).toBe(
      readFileSync(join(ROOT, 'package.json'), 'utf8'),
    );
    expect(shell(`rseqlab run ${PARTS} cat < /dev/null`)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(shell(`(echo slow; sleep 0.1; echo pipe) | rseqlab run ${PARTS} cat`).stdout).toBe('slow\npipe\n');
  });

  it('sees a small fixed environment, and what --env says', () => {
    const fixed = 'PATH=/usr/local/bin:/usr/bin:/bin\nHOME=/\n';
    expect(parts('environment').stdout).toBe(fixed);
    expect(run('--env', 'A=1', '--env', 'HOME=/h=h', '--env', 'E=', PARTS, 'environment').stdout).toBe(
      'PATH=/usr/local/bin:/usr/bin:/bin\nHOME=/h=h\nA=1\nE=\n',
    );
  });

  it('may be a static PIE', () => {
    expect(run(PARTS_PIE, 'streams').status).toBe(7);
    expect(run(PARTS_PIE, 'crash', 'null').stderr).toMatch(
      /at +0x1000[0-9a-f]+ <begin\+0x[0-9a-f]+> parts\.c:\d+\n/,
    );
  });

  it('can execute itself', () => {
    expect(parts('again', 'arguments', 'x')).toMatchObject({ status: 3, stdout: `${PARTS}\narguments\nx\n` });
  });
});

describe('host files', () => {
  it('are not there unless --allow-read says so', () => {
    withFolder((folder) => {
      mkdirSync(join(folder, 'data/deep'), { recursive: true });
      writeFileSync(join(folder, 'data/deep/in.txt'), 'inside');
      writeFileSync(join(folder, 'secret'), 'secret');
      symlinkSync('../secret', join(folder, 'data/link'));
      const read = (options: string[], path: string) =>
        rseqlab(['run', ...options, join(ROOT, PARTS), 'file', path], {}, { cwd: folder });
      const inside = { status: 0, stdout: 'inside', stderr: '' };
      const absent = { status: 2, stdout: '', stderr: '' };
      expect(read([], 'data/deep/in.txt')).toEqual(absent);
      expect(read(['--allow-read', 'data'], 'data/deep/in.txt')).toEqual(inside);
      expect(read(['--allow-read', 'data'], '/data/./deep/../deep/in.txt')).toEqual(inside);
      expect(read(['--allow-read', '.'], 'data/deep/in.txt')).toEqual(inside);
      expect(read(['--allow-read', folder], join(folder, 'data/deep/in.txt'))).toEqual(inside);
      expect(
        read(['--allow-read', 'secret', '--allow-read', 'data/deep/in.txt'], 'data/deep/in.txt'),
      ).toEqual(inside);
      expect(read(['--allow-read', 'data'], 'secret')).toEqual(absent);
      expect(read(['--allow-read', 'data'], 'data/../secret')).toEqual(absent);
      expect(read(['--allow-read', 'data'], 'data/link')).toEqual(absent);
      expect(read(['--allow-read', 'dat'], 'secret').status).toBe(2);
    });
  });
});

describe('a fatal signal', () => {
  it.each([
    ['null', 139],
    ['read-only', 139],
    ['jump', 139],
    ['stack', 139],
    ['divide', 136],
    ['ud2', 132],
    ['int3', 133],
    ['avx512', 132],
    ['kill', 143],
    ['in-section', 139],
    ['child', 5],
  ])('%s: the exit status and why', async (how, expected) => {
    const { status, stdout, stderr } = parts('crash', how);
    expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
    await expect(stable(stderr)).toMatchFileSnapshot(`../fixtures/cli/transcripts/run-crash-${how}.txt`);
  });

  /** What provokes each violation, besides the part of its name. */
  const PROVOKED: Readonly<Record<string, readonly string[]>> = {
    'syscall-in-section': ['--debug-rseq'],
    'kernel-field': ['--kernel', '7.1', '--debug-rseq'],
    'slice-flags': ['--kernel', '7.0'],
  };
  // A program sees syscall-in-section instead: the call's own return is looked at first.
  const ids = VIOLATIONS.map(({ id }) => id).filter((id) => id !== 'fixup-in-syscall');

  it.each(ids)('%s: which rule of rseq was broken, and how to mend it', async (id) => {
    const { status, stdout, stderr } = run(...(PROVOKED[id] ?? []), PARTS, 'violate', id);
    expect({ status, stdout }).toEqual({ status: 139, stdout: '' });
    expect(stderr).toContain(`it broke a rule of rseq [${id}]`);
    await expect(stable(stderr)).toMatchFileSnapshot(`../fixtures/cli/transcripts/run-violation-${id}.txt`);
  });

  it('a program that a kernel leaves alone ends by itself', () => {
    expect(run('--kernel', '6.18', PARTS, 'violate', 'version').status).toBe(139);
    expect(run(PARTS, 'violate', 'syscall-in-section')).toEqual({ status: 98, stdout: '', stderr: '' });
  });
});

describe('what the simulation does not have', () => {
  it('an unknown system call is noted once, at the end', () => {
    expect(parts('unknown')).toEqual({
      status: 0,
      stdout: '-38\n',
      stderr:
        'rseqlab: note: system call io_uring_setup (425) is not simulated: it returned ENOSYS\n' +
        'rseqlab: note: system call syscall_999 (999) is not simulated: it returned ENOSYS\n',
    });
  });

  it('an unknown instruction is shown with its bytes', () => {
    expect(parts('crash', 'avx512').stderr).toMatch(
      / vpaddd %zmm1,%zmm2,%zmm3\n +bytes +62 f1 6d 48 fe d9\n/,
    );
  });
});

describe('bounds', () => {
  it('--max-instructions stops an endless program exactly there, with status 3', () => {
    const { status, stdout, stderr } = run('--max-instructions', '123457', '--summary', PARTS, 'spin');
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain('rseqlab: stopped after 123457 instructions, as --max-instructions says\n');
    expect(stderr).toMatch(/instructions +123457\n/);
  });

  it('a deadlock ends with status 3, and says who waits where', async () => {
    const { status, stderr } = parts('deadlock');
    expect(status).toBe(3);
    await expect(stable(stderr)).toMatchFileSnapshot('../fixtures/cli/transcripts/run-deadlock.txt');
  });

  it('a fork bomb comes to its end', () => {
    expect(run('--memory-limit', '64M', PARTS, 'fork-bomb')).toMatchObject({ status: 0, stdout: '-11\n' });
  });

  it('a memory hog is killed, as by the OOM killer', () => {
    expect(run('--memory-limit', '64M', PARTS, 'hog')).toEqual({
      status: 137,
      stdout: '',
      stderr:
        'rseqlab: process 1000 was killed by SIGKILL: programs have touched more memory than --memory-limit allows (16384 pages of 4 KiB)\n',
    });
  });

  it('output that nobody reads any more ends the run as SIGPIPE would', () => {
    const { stdout } = shell(`rseqlab run ${PARTS} talk | head -n 2; echo $\{PIPESTATUS[0]}`);
    expect(stdout).toBe('talk\ntalk\n141\n');
  });
});

describe('--summary', () => {
  it('counts aborts by section, instruction and cause', async () => {
    const { status, stdout, stderr } = run('--summary', PARTS, 'section');
    expect({ status, stdout }).toEqual({ status: 0, stdout: '111\n' });
    await expect(stable(stderr)).toMatchFileSnapshot('../fixtures/cli/transcripts/run-summary.txt');
  });

  it('as JSON, into a file', () => {
    withFolder((folder) => {
      const file = join(folder, 'summary.json');
      const { status, stderr } = run('--format', 'json', '-o', file, PARTS, 'section');
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const summary = JSON.parse(readFileSync(file, 'utf8'));
      expect(summary).toMatchObject({
        schema: 'rseqlab.run/1',
        end: 'status 0',
        exitStatus: 0,
        registrations: 1,
        systemCalls: { nanosleep: 3, rseq: 1, exit_group: 1 },
        hash: expect.stringMatching(/^[0-9a-f]{32}$/),
      });
      expect(summary.aborts).toEqual([
        {
          startIp: expect.stringMatching(/^0x4/),
          ip: expect.stringMatching(/^0x4/),
          symbol: expect.stringMatching(/^section\+0x/),
          causes: ['preempt'],
          count: 3,
        },
      ]);
    });
  });
});

describe('--trace', () => {
  it('as text, with symbols', async () => {
    const { stderr } = run('--trace', '-', PARTS, 'section');
    await expect(stable(stderr)).toMatchFileSnapshot('../fixtures/cli/transcripts/run-trace.txt');
  });

  it('as JSON Lines, by the suffix of the file', () => {
    withFolder((folder) => {
      const file = join(folder, 'trace.jsonl');
      expect(run('--trace', file, PARTS, 'race').status).toBe(0);
      const [head, ...events] = readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(head.schema).toBe('rseqlab.trace/1');
      expect(events.map(({ n }) => n)).toEqual(events.map((_, index) => index + 1));
      expect(events.at(-1)).toMatchObject({ kind: 'exit', pid: 1000, status: 0 });
      const text = run('--trace', file, '--format', 'text', PARTS, 'race');
      expect(text.status).toBe(0);
      expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(events.length + 1);
    });
  });
});

describe('determinism', () => {
  it('one seed is one stream of events, in 20 runs; other seeds make others', () => {
    const runs = Array.from({ length: 20 }, () => simulate(['race']));
    expect(runs[0]!.outcome).toEqual({ kind: 'ended', status: 0 });
    expect(new Set(runs.map(({ hash }) => hash)).size).toBe(1);
    const seeds = new Set(
      Array.from({ length: 8 }, (_, seed) => simulate(['race'], { seed: seed + 2 }).hash),
    );
    expect(seeds.size).toBe(8);
  });

  it('nothing of the host is in it: environment, time zone, folder', () => {
    const hashOf = (env: NodeJS.ProcessEnv, cwd: string): string => {
      const program = join(ROOT, PARTS);
      const { stderr } = rseqlab(['run', '--summary', program, 'race'], env, { cwd });
      return /hash ([0-9a-f]{32})/.exec(stderr)![1]!;
    };
    withFolder((folder) => {
      expect(hashOf({ TZ: 'Pacific/Chatham', LANG: 'de_DE.UTF-8', A: 'b' }, folder)).toBe(
        hashOf({ TZ: 'UTC' }, ROOT),
      );
    });
  });
});

describe('wrong usage is one line', () => {
  it.each([
    [['run'], /missing required argument 'file'/],
    [['run', '--cpus', '0', PARTS], /--cpus 0: give a whole number from 1 to 64/],
    [['run', '--cpus', 'two', PARTS], /--cpus two/],
    [['run', '--seed', '-1', PARTS], /--seed -1/],
    [
      ['run', '--schedule', 'fair', PARTS],
      /--schedule fair: there is no schedule fair; there are .*random.*rr/,
    ],
    [['run', '--schedule', 'rr:3', PARTS], /--schedule rr:3: .*nothing behind a colon/],
    [['run', '--schedule', 'pct', PARTS], /--schedule pct: .*needs a number/],
    [['run', '--schedule', 'script', PARTS], /--schedule script: name a file: script:FILE/],
    [['run', '--schedule', 'script:nowhere', PARTS], /cannot read nowhere: there is no such file/],
    [['run', '--schedule', 'script:README.md', PARTS], /--schedule script:README\.md: /],
    [['run', '--kernel', '4.4', PARTS], /--kernel 4\.4: .*4\.18/],
    [['run', '--kernel', 'new', PARTS], /--kernel new/],
    [['run', '--max-instructions', 'many', PARTS], /--max-instructions many: give a number/],
    [['run', '--memory-limit', '1X', PARTS], /--memory-limit 1X: give a number/],
    [['run', '--memory-limit', '1k', PARTS], /not below 1048576/],
    [['run', '--env', 'A', PARTS], /--env A: write it as NAME=VALUE/],
    [['run', '--env', '=A', PARTS], /NAME=VALUE/],
    [['run', '--allow-read', 'nowhere', PARTS], /--allow-read nowhere: there is no such file/],
    [['run', '--trace', 'nowhere/trace', PARTS], /cannot write nowhere\/trace/],
    [['run', '--record', 'nowhere/x', PARTS], /cannot write nowhere\/x: .*--record/],
    [['run', '--frobnicate', PARTS], /unknown option '--frobnicate'/],
    [['run', 'nowhere/program'], /cannot read nowhere\/program: there is no such file/],
    [['run', 'test'], /test is a directory; give a static executable/],
    [['run', 'package.json'], /package\.json: not an ELF file/],
    [['run', 'test/fixtures/run/refused-dynamic'], /dynamically linked.*gcc -static/],
    [['run', 'test/fixtures/elf/i386.elf'], /the simulated machine is x86-64/],
    [['run', 'test/corpus/build/correct/increment.o'], /relocatable file; link it: gcc -static/],
  ])('%j', (args, message) => {
    expect(oneErrorLine(rseqlab(args))).toMatch(message);
  });
});
