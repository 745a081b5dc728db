/** What stress, step, enforce and annotate say before, or instead of, their work. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BIN, oneErrorLine, ROOT, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const COUNTERS = 'examples/stress/counters';
const SAVE = 'examples/annotate/save';

describe.skipIf(reason !== undefined)(title('usage'), () => {
  it.each([
    [['stress', '--signal', 'SIGUSR1'], '--signal is for --cause signal'],
    [['stress', '--seed', '3'], '--seed is for --mode storm'],
    [['stress', '--mode', 'storm', '--rounds', '3'], '--rounds is for --mode sweep'],
    [['annotate', '--error', 'EIO'], '--error is for --sweep'],
    [['annotate', '--sweep', '--format', 'perfetto'], '--sweep knows --format text and json'],
  ])('refuses options that would do nothing: %j', (args, why) => {
    expect(oneErrorLine(rseqlab([...args, '--', COUNTERS, 'good']))).toContain(why);
  });

  it.each(['stress', 'step', 'enforce', 'annotate'])(
    '%s says that its result cannot be written before the program is run',
    (command) => {
      for (const file of ['/proc/none/report', '/', `${COUNTERS}/report`])
        expect(oneErrorLine(rseqlab([command, '-o', file, '--', COUNTERS, 'good']))).toContain(
          'choose another',
        );
    },
  );

  it('says what fails without aborts: the program, or what verifies it', () => {
    const stress = (...args: string[]): string => rseqlab(['stress', ...args]).stderr;
    const program = [COUNTERS, 'good', '1', '1000'];
    expect(stress('--verify', 'exit 3', '--', ...program)).toContain(`what verifies ${COUNTERS} fails`);
    expect(stress('--expect-status', '9', '--', ...program)).toContain('or say with --expect-status');
    expect(stress('--', 'sh', '-c', `${program.join(' ')}; kill -SEGV $$`)).toMatch(/mend that first\n$/);
  });

  it('goes on where a program fails without aborts only sometimes, and says so', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rseqlab-usage-'));
    const file = join(folder, 'left');
    // The campaign's run fails, and the first without aborts.
    writeFileSync(file, '2');
    const script = `left=$(cat "$0"); echo $((left - 1)) > "$0"; ${COUNTERS} good 1 1000 && [ $left -le 0 ]`;
    const { status, stdout } = rseqlab(['stress', '--', '/bin/sh', '-c', script, file]);
    rmSync(folder, { recursive: true });
    expect(stdout).toContain('without any forced abort it failed too, in 1 of 2 runs');
    expect(status).toBe(1);
  });

  it('is no sweep where the program takes too long as it is', () => {
    const line = oneErrorLine(rseqlab(['annotate', '--sweep', '--time', '1', '--', 'sleep', '1000']));
    expect(line).toContain('sleep takes longer than 1 s with no call failed');
  });

  it('names who traces us', () => {
    const { stderr } = rseqlab(['enforce', '--', process.execPath, BIN, 'step', '--', COUNTERS, 'good']);
    expect(stderr).toMatch(
      /cannot run .*: process \d+ \(another rseqlab\) traces rseqlab and all that it starts/,
    );
  });

  it('lets the program go on where an annotated call is answered by an exception', () => {
    const script = `import { annotate } from 'rseqlab/annotate';
      for (const answer of [() => { throw new Error('no answer'); }, () => ({ fail: 'ENOTHING' })])
        await annotate({ command: ['${SAVE}'], onAnnotatedSyscall: answer }).catch(({ message }) => console.log(message));`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(stdout.trim().split('\n').sort()).toEqual([
      'no answer',
      'onAnnotatedSyscall: there is no error ENOTHING; give a name of errno(3), as EIO',
      'saved',
      'saved',
    ]);
  });
});

const UNSHARE = ['-Upfr', process.execPath, BIN, 'step', '--', 'true'];
const canUnshare = spawnSync('unshare', ['-Upfr', 'true']).status === 0;

describe.skipIf(reason !== undefined || !canUnshare)(title('a PID namespace of its own', reason), () => {
  it('needs a /proc of its own', () => {
    const { status, stderr } = spawnSync('unshare', UNSHARE, { cwd: ROOT, encoding: 'utf8' });
    expect({ status, stderr }).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('another PID namespace'),
    });
  });
});

describe.skipIf(reason !== undefined)(title('more processes than there are descriptors for'), () => {
  it('are given up unharmed', () => {
    const script = `ulimit -n 40; exec "$0" "$1" stress --mode storm --time 60 -- test/fixtures/live/odd children 40`;
    const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, BIN], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/^rseqlab: there are more threads and processes than .*ulimit -Hn/m);
    expect(stderr).toMatch(/^40 children ended well$/m);
    expect(status).toBe(2);
  });
});

describe.skipIf(reason !== undefined)(title('a program that is started'), () => {
  it('finds what it would find without us: limits, ignored signals', () => {
    const script = 'ulimit -Sn; grep SigIgn /proc/self/status';
    const plain = spawnSync('bash', ['-c', `ulimit -Sn 300; sh -c '${script}'`], { encoding: 'utf8' }).stdout;
    for (const command of ['enforce', 'annotate', 'step', 'trace', 'explain']) {
      const ours = `ulimit -Sn 300; "$0" "$1" ${command} -- sh -c '${script}'; true`;
      const { stdout, stderr } = spawnSync('bash', ['-c', ours, process.execPath, BIN], {
        cwd: ROOT,
        encoding: 'utf8',
      });
      expect([command, stdout + stderr]).toEqual([command, expect.stringContaining(plain)]);
    }
  });

  it('is refused where the kernel would not run it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rseqlab-format-'));
    try {
      for (const [name, text, why] of [
        ['text', 'echo no first line\n', 'neither a program for this machine, nor a script'],
        ['lost', '#! /nonexistent/shell -e\n', 'its first line names /nonexistent/shell, which is not there'],
      ] as const) {
        const file = join(folder, name);
        writeFileSync(file, text, { mode: 0o755 });
        for (const command of ['stress', 'step', 'enforce', 'annotate', 'trace', 'explain', 'doctor'])
          expect(oneErrorLine(rseqlab([command, '--', file]))).toContain(`cannot run ${file}: it`);
        expect(oneErrorLine(rseqlab(['enforce', '--', file]))).toContain(why);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
