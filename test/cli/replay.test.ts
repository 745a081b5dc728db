import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Recording, RecordingError, readRecording, writeRecording } from '../../src/event/recording.js';
import { run as runKernel } from '../../src/kernel/run.js';
import { ReplayCheck, restart } from '../../src/kernel/session.js';
import { oneErrorLine, ROOT, rseqlab, shell, withFolder } from './command.js';
import { Live } from './live.js';
import { PARTS } from './parts.js';

/** Records a run of the parts into a folder; options before the part with --. */
function record(folder: string, args: readonly string[], options: readonly string[] = [], input = '') {
  const file = join(folder, 'run.rseq');
  const ran = rseqlab(
    ['run', '--record', file, ...options, join(ROOT, PARTS), ...args],
    {},
    { input, cwd: folder },
  );
  return { file, ran };
}

const load = (file: string): Recording => readRecording(readFileSync(file), 'run.rseq');

describe('a replay', () => {
  it.each([
    ['streams'],
    ['arguments', 'ü', ''],
    ['race'],
    ['section'],
    ['unknown'],
    ['crash', 'child'],
    ['violate', 'signature'],
    ['deadlock'],
    ['again', 'section'],
  ])('does again what was recorded: %j', (...args) => {
    withFolder((folder) => {
      const { file, ran } = record(folder, args);
      expect(rseqlab(['replay', file], { TZ: 'Asia/Tokyo', LANG: 'x' })).toEqual(ran);
    });
  });

  it('needs no standard input and no files any more', () => {
    withFolder((folder) => {
      mkdirSync(join(folder, 'data'));
      writeFileSync(join(folder, 'data/in.txt'), 'of the host\n');
      const input = 'typed in\n'.repeat(300);
      const typed = record(folder, ['cat'], [], input);
      expect(typed.ran.stdout).toBe(input);
      expect(rseqlab(['replay', typed.file], {}, { input: 'something else' })).toEqual(typed.ran);
      const read = record(folder, ['file', 'data/in.txt'], ['--allow-read', 'data']);
      expect(read.ran.stdout).toBe('of the host\n');
      rmSync(join(folder, 'data'), { recursive: true });
      expect(rseqlab(['replay', read.file])).toEqual(read.ran);
      const absent = record(folder, ['file', 'data/in.txt']);
      mkdirSync(join(folder, 'data'));
      writeFileSync(join(folder, 'data/in.txt'), 'too late');
      expect(rseqlab(['replay', absent.file])).toEqual(absent.ran);
    });
  });

  it('may be of a scenario', () => {
    withFolder((folder) => {
      const file = join(folder, 'run.rseq');
      for (const object of ['counter.o', 'lost.o']) {
        const ran = rseqlab([
          'run',
          '--cpus',
          '1',
          '--seed',
          '2',
          '--record',
          file,
          `examples/scenario/${object}`,
        ]);
        expect(rseqlab(['replay', file])).toEqual(ran);
        expect(ran.stderr).toMatch(object === 'lost.o' ? /FAILED/ : /held in this run/);
      }
    });
  });

  it('keeps seed, CPUs, kernel and bounds', () => {
    withFolder((folder) => {
      const options = [
        '--seed',
        '77',
        '--cpus',
        '3',
        '--kernel',
        '7.1',
        '--summary',
        '--max-instructions',
        '2500',
      ];
      const { file, ran } = record(folder, ['race'], options);
      expect(ran.status).toBe(3);
      expect(rseqlab(['replay', '--summary', file])).toEqual(ran);
      expect(load(file).settings).toMatchObject({ seed: 77, cpus: 3, kernel: '7.1', maxInstructions: 2500 });
    });
  });

  it('the same run makes the same file, wherever it is made', () => {
    withFolder((folder) => {
      const first = readFileSync(record(folder, ['race']).file);
      const { file } = record(folder, ['race']);
      expect(readFileSync(file).equals(first)).toBe(true);
    });
  });
});

describe('a run that is broken off', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('by %s leaves trace, summary and recording', async (signal) => {
    await withFolderAsync(async (folder) => {
      const [file, trace] = [join(folder, 'run.rseq'), join(folder, 'trace')];
      const live = new Live(['run', '--record', file, '--trace', trace, '--summary', PARTS, 'talk']);
      await live.until(({ stdout }) => stdout.length > 100);
      live.signal(signal);
      expect(await live.status()).toBe({ SIGINT: 130, SIGTERM: 143 }[signal]);
      expect(live.stderr).toMatch(/^rseqlab: interrupted after \d+ instructions\n/);
      expect(live.stderr).toContain(`interrupted (${signal})`);
      const { end, events } = load(file);
      expect(end.kind).toBe('interrupted');
      expect(readFileSync(trace, 'utf8').trimEnd().split('\n')).toHaveLength(events.count + 1);
      const replayed = rseqlab(['replay', '--summary', file]);
      expect(replayed.status).toBe(0);
      expect(replayed.stdout).toBe(live.stdout);
      expect(replayed.stderr).toContain(events.hash);
    });
  });

  it('while it waits for input', async () => {
    await withFolderAsync(async (folder) => {
      const file = join(folder, 'run.rseq');
      const live = new Live(['run', '--record', file, '--trace', '-', PARTS, 'cat']);
      live.write('x'.repeat(1500));
      await live.until(({ stderr }) => (stderr.match(/ read\(0, /g) ?? []).length === 2);
      live.signal('SIGINT');
      expect(await live.status()).toBe(130);
      expect(live.stdout).toBe('x'.repeat(1000));
      expect(load(file).end.kind).toBe('input');
      expect(rseqlab(['replay', file])).toEqual({ status: 0, stdout: live.stdout, stderr: '' });
    });
  });

  it('what it waits for may come late', async () => {
    const live = new Live(['run', '--trace', '-', PARTS, 'cat']);
    await live.until(({ stderr }) => stderr.includes(' read(0, '));
    live.write('late');
    expect(await live.end()).toBe(0);
    expect(live.stdout).toBe('late');
  });
});

describe('on a terminal', () => {
  const terminal = shell('command -v script').status === 0;

  it.skipIf(!terminal)('a read gets a line, and Ctrl-C ends the run', async () => {
    const live = new Live(['run', '--trace', '-', PARTS, 'cat'], { terminal: true });
    const reads = (n: number) => live.until(({ stdout }) => (stdout.match(/ read\(0, /g) ?? []).length === n);
    await reads(1);
    live.write('one\n');
    await reads(2);
    expect(live.stdout).toContain('output        fd=1 "one\\n" 4');
    live.write('\u0003');
    expect(await live.status()).toBe(130);
    expect(live.stdout).toContain('rseqlab: interrupted after');
  });

  it.skipIf(!terminal)(
    'a silent program has a line of progress, which is wiped away at the end',
    async () => {
      const live = new Live(['run', PARTS, 'spin'], { terminal: true });
      await live.until(({ stdout }) => stdout.includes('million instructions, 1 thread'));
      live.write('\u0003');
      expect(await live.status()).toBe(130);
      expect(live.stdout).toContain('\r\u001b[Krseqlab: interrupted after');
    },
  );
});

describe('looking at a recording', () => {
  it('--list numbers every event; --at and --until show threads, instructions, sections', () => {
    withFolder((folder) => {
      const { file } = record(folder, ['section']);
      const { count } = load(file).events;
      const list = rseqlab(['replay', '--list', file]);
      expect(list.status).toBe(0);
      const lines = list.stdout.trimEnd().split('\n').slice(1);
      expect(lines.map((line) => Number(line.slice(0, 7)))).toEqual(
        Array.from({ length: count }, (_, n) => n + 1),
      );
      const abort = lines.find((line) => / abort +preempt /.test(line))!;
      const at = (n: number) => rseqlab(['replay', '--at', `${n}`, file]);
      const number = Number(abort.slice(0, 7));
      const before = at(number - 1);
      expect({ ...before, stdout: '' }).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(before.stdout).toContain(lines[number - 2]);
      expect(before.stdout).toMatch(
        /thread 1000 parts: running, CPU 0\n {2}at +0x[0-9a-f]+ <section\+0x37> parts\.c:\d+\n +mov \$0,%eax\n/,
      );
      expect(before.stdout).toMatch(/section +0x[0-9a-f]+ <section\+0x35> to .*, the thread is inside\n/);
      expect(before.stdout).toMatch(/rip 0000000000400[0-9a-f]{3}/);
      expect(at(number).stdout).not.toContain('the thread is inside');
      const time = /^ *\d+ +(\d\.\d{9})/.exec(abort)![1]!;
      const until = rseqlab(['replay', '--until', time, file]);
      expect(until.stdout).toContain(`time ${time}\nprocess 1000`);
      expect(until.status).toBe(0);
      expect(rseqlab(['replay', '--until', '3s', file])).toEqual({
        status: 0,
        stdout: `the run was over before that, at ${/^ *\d+ +(\S+)/.exec(lines.at(-1)!)![1]}\n`,
        stderr: '',
      });
    });
  });

  it('explaining a crash adds nothing to the recording', () => {
    withFolder((folder) => {
      const { file, ran } = record(folder, ['crash', 'null']);
      expect(ran.stderr).toMatch(/<begin\+0x[0-9a-f]+> parts\.c:\d+/);
      expect(load(file).files.filter(({ kind }) => kind === 'file')).toEqual([]);
    });
  });

  it('threads that wait say in which call', () => {
    withFolder((folder) => {
      const { file } = record(folder, ['deadlock']);
      const { stdout } = rseqlab(['replay', '--at', `${load(file).events.count}`, file]);
      expect(stdout.match(/waiting, CPU \d, in futex\(0x[0-9a-f]+, FUTEX_WAIT, 0\)/g)).toHaveLength(2);
      expect(stdout.match(/rseq +not registered/g)).toHaveLength(2);
    });
  });
});

describe('a replay that goes another way', () => {
  it('is noticed, with the event where', () => {
    withFolder((folder) => {
      const { file } = record(folder, ['race']);
      const recording = load(file);
      const other = join(folder, 'other.rseq');
      writeFileSync(other, writeRecording({ ...recording, settings: { ...recording.settings, seed: 2 } }));
      const { status, stderr } = rseqlab(['replay', other]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^rseqlab: the replay of \S+other\.rseq went another way at event \d+/);
    });
  });

  it('whichever part of the stream it is', () => {
    withFolder((folder) => {
      const recording = load(record(folder, ['race']).file);
      const check = (change: Partial<Recording['events']>) => {
        const changed = { ...recording, events: { ...recording.events, ...change } };
        const checker = new ReplayCheck(changed);
        runKernel(
          restart(changed, () => {}, [() => checker.observe]),
          Number.MAX_SAFE_INTEGER,
        );
        return checker.finish();
      };
      const { marks, count } = recording.events;
      expect(check({})).toBeUndefined();
      expect(check({ hash: '0'.repeat(32) })).toMatchObject({ to: count });
      expect(check({ marks: marks.map((mark, n) => (n === 41 ? mark ^ 1 : mark)) })).toMatchObject({
        to: 42,
      });
      expect(check({ count: count - 1 })).toMatchObject({ to: count });
    });
  });
});

describe('a file that is no recording', () => {
  it.each([
    [['replay', 'nowhere'], /cannot read nowhere: there is no such file/],
    [
      ['replay', 'package.json'],
      /package\.json: its schema is not .*; give a file that .* rseqlab run --record made/,
    ],
    [['replay', PARTS], /parts is not a recording/],
    [['replay', 'test'], /cannot read test: it is a directory/],
    [['replay'], /missing required argument 'file'/],
  ])('%j', (args, message) => {
    expect(oneErrorLine(rseqlab(args))).toMatch(message);
  });

  it('a damaged one is refused, wherever the damage is', () => {
    withFolder((folder) => {
      const { file } = record(folder, ['section']);
      const whole = readFileSync(file);
      const refused = (bytes: Uint8Array): boolean => {
        try {
          readRecording(bytes, 'x');
          return false;
        } catch (error) {
          expect(error).toBeInstanceOf(RecordingError);
          return true;
        }
      };
      for (let at = 0; at < whole.length; at += 97) {
        expect(refused(whole.subarray(0, at)), `cut at ${at}`).toBe(true);
        const flipped = Buffer.from(whole);
        flipped[at]! ^= 0x10;
        // A flipped bit that changes nothing of what is read (a date, an attribute) is no damage.
        if (!refused(flipped)) expect(readRecording(flipped, 'x')).toEqual(readRecording(whole, 'x'));
      }
      writeFileSync(file, whole.subarray(0, whole.length - 100));
      expect(oneErrorLine(rseqlab(['replay', file]))).toMatch(/is a damaged recording; copy it again/);
    });
  });

  it('nor is one whose digest is right, and whose content is not', () => {
    withFolder((folder) => {
      const { file } = record(folder, ['section']);
      const recording = load(file);
      const refused = (changed: unknown, message: RegExp): void => {
        writeFileSync(file, writeRecording(changed as Recording));
        expect(oneErrorLine(rseqlab(['replay', file]))).toMatch(message);
      };
      refused(
        { ...recording, schema: 'rseqlab.recording/2' },
        /in the format "rseqlab.recording\/2".*does not know/,
      );
      refused({ ...recording, settings: { ...recording.settings, schedule: 'fair' } }, /schedule fair/);
      refused({ ...recording, settings: { ...recording.settings, cpus: 'two' } }, /is a damaged recording/);
      refused({ ...recording, reads: 7 }, /is a damaged recording/);
      refused(
        { ...recording, program: { ...recording.program, bytes: new Uint8Array(9) } },
        /not an ELF file/,
      );
    });
  });

  it('wrong options are one line', () => {
    withFolder((folder) => {
      const { file } = record(folder, ['streams']);
      expect(oneErrorLine(rseqlab(['replay', '--at', '0', file]))).toMatch(
        /--at 0: give a whole number from 1 to \d+/,
      );
      expect(oneErrorLine(rseqlab(['replay', '--at', '99999', file]))).toMatch(/--at 99999/);
      expect(oneErrorLine(rseqlab(['replay', '--until', 'noon', file]))).toMatch(/--until noon: give a time/);
    });
  });
});

async function withFolderAsync(use: (folder: string) => Promise<void>): Promise<void> {
  const { mkdtemp, rm } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const folder = await mkdtemp(join(tmpdir(), 'rseqlab-test-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
