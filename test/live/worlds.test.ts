import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/checkpoint/codec.js';
import { readRecording } from '../../src/event/recording.js';
import { freeIds, NO_IDS } from '../checkpoint/ids.js';
import { COUNTERS, firstLine, unpacked } from '../checkpoint/images.js';
import { oneErrorLine, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';
import { Bench } from './checkpoint-programs.js';

const folder = mkdtempSync(join(tmpdir(), 'rseqlab-worlds-'));
const file = (name: string): string => join(folder, name);
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** How many events a recording has. */
const eventsOf = (recording: string): number =>
  readRecording(readFileSync(recording), recording).events.count;

describe.skipIf(reason !== undefined)(title('a process of the real kernel'), () => {
  it('goes on in the simulated machine, and comes back from there', async ({ skip }) => {
    const image = file('real.img');
    // It may be over before the signal comes.
    for (let taken = false; !taken; ) {
      const child = spawn(COUNTERS, ['100000'], { stdio: ['ignore', 'pipe', 'ignore'] });
      started.push(child);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await firstLine(child);
      child.kill('SIGSTOP');
      taken = rseqlab(['checkpoint', `${child.pid}`, '-o', image, '--kill']).status === 0;
      child.kill('SIGKILL');
      const end = await ended;
      if (!taken) expect(end).toBe(0);
    }
    const recording = file('real.rseq');
    const right = { status: 0, stdout: 'counted 400000 of 400000\n', stderr: '' };
    // Few interrupts: it has much left to do.
    const run = ['run', '--schedule', 'rr', '--record', recording, '--seed'];
    expect(rseqlab([...run, '1', image])).toEqual(right);
    expect(rseqlab([...run, '2', image])).toEqual(right);
    const back = file('back.img');
    const taken = rseqlab(['checkpoint', recording, '-o', back]);
    expect(taken).toMatchObject({ status: 0, stderr: '' });
    expect(taken.stdout).toMatch(/: \d threads?, \d inside a section; \d+ bytes; behind event \d+\n$/);
    const restored = rseqlab(['restore', back]);
    skip(restored.stderr.includes(NO_IDS), 'no permission to choose ids of processes');
    expect(restored).toEqual(right);
  });
});

describe.skipIf(reason !== undefined)(title('what a process has besides its memory'), () => {
  const bench = new Bench();
  afterEach(() => bench.end());
  afterAll(() => bench.remove());

  it('is there in the simulated machine: pipes, shared memory, timers, signals, threads that wait', async () => {
    const go = bench.go();
    const { pid, ended } = await bench.start(bench.kept, ['everything', go]);
    const image = bench.file('kept.img');
    expect(rseqlab(['checkpoint', `${pid}`, '-o', image, '--kill'])).toMatchObject({ status: 0, stderr: '' });
    await ended;
    writeFileSync(go, '');
    const { stdout, stderr } = rseqlab(['run', '--drop-avx', '--allow-read', go, image]);
    const [right, wrong] = [true, false].map((is) =>
      stdout.split('\n').filter((line) => line !== '' && line.endsWith(': right') === is),
    );
    // docs/checkpoint.md says so of these two.
    expect(wrong).toEqual(['packets: wrong', 'timer slack: wrong']);
    expect(right!.length).toBeGreaterThan(25);
    // A thread of it uses AVX, where the real processor has that.
    expect(stderr).toMatch(/^$|does not have this instruction\n {2}at .*\n {12}vmov/);
  });
});

describe.skipIf(reason !== undefined)(title('a dynamic program'), () => {
  it('goes on in the simulated machine, up to an instruction that this has not', async ({ skip }) => {
    const program = ['/usr/bin/cat', '/bin/cat'].find((path) => existsSync(path));
    skip(program === undefined, 'there is no cat');
    const child = spawn(program!, [], { stdio: ['pipe', 'pipe', 'ignore'] });
    started.push(child);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.write('first\n');
    await firstLine(child);
    const image = file('cat.img');
    const taken = rseqlab(['checkpoint', `${child.pid}`, '-o', image, '--kill']);
    skip(taken.status !== 0, `cat cannot be frozen here: ${taken.stderr}`);
    await ended;
    const { status, stdout, stderr } = rseqlab(['run', image], {}, { input: 'second\nthird\n' });
    // A C library that has chosen AVX for the real processor.
    expect(stderr).toMatch(
      /^$|was killed by SIGILL: the simulated (machine|processor) does not have this instruction\n {2}at {8}0x[0-9a-f]+( <.*>)? of \S+\+0x[0-9a-f]+\n {12}\S/,
    );
    skip(status === 132, `its library uses an instruction that the machine has not: ${stderr}`);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'second\nthird\n', stderr: '' });
  });
});

describe.skipIf(reason !== undefined)(title('a simulated process'), () => {
  it('goes on in the real kernel, and counts right', ({ skip }) => {
    const recording = file('counters.rseq');
    const pid = freeIds();
    expect(rseqlab(['run', '--pid', pid, '--record', recording, COUNTERS, '300'])).toMatchObject({
      status: 0,
    });
    const events = eventsOf(recording);
    for (const part of [0.3, 0.8]) {
      const image = file('counters.img');
      const at = Math.floor(events * part);
      expect(rseqlab(['checkpoint', `${recording}@${at}`, '-o', image])).toMatchObject({ status: 0 });
      const restored = rseqlab(['restore', image]);
      skip(restored.stderr.includes(NO_IDS), 'no permission to choose ids of processes');
      expect(restored).toEqual({ status: 0, stdout: 'counted 1200 of 1200\n', stderr: '' });
    }
  });

  it.each([['musl', 'signals']] as const)(
    'does in the real kernel what it would have done: %s %s',
    (library, name) => {
      const recording = file('program.rseq');
      const ran = rseqlab([
        'run',
        '--pid',
        freeIds(),
        '--record',
        recording,
        unpacked(library, folder),
        name,
      ]);
      expect(ran.status).toBe(0);
      const events = eventsOf(recording);
      for (const part of [0.4]) {
        const image = file('program.img');
        const asked = `${recording}@${Math.floor(events * part)}`;
        expect(rseqlab(['checkpoint', asked, '-o', image])).toMatchObject({ status: 0, stderr: '' });
        const restored = rseqlab(['restore', image]);
        if (restored.stderr.includes(NO_IDS)) return;
        expect({ ...restored, stdout: '' }).toEqual({ status: 0, stdout: '', stderr: '' });
        expect(ran.stdout.endsWith(restored.stdout), asked).toBe(true);
      }
    },
  );

  it('stands at the abort handler, or in its section with --keep-position', () => {
    const recording = file('inside.rseq');
    expect(rseqlab(['run', '--record', recording, COUNTERS, '50'])).toMatchObject({ status: 0 });
    const inside = (words: readonly string[], at: number): number => {
      const image = file('inside.img');
      expect(rseqlab(['checkpoint', `${recording}@${at}`, '-o', image, ...words]).status).toBe(0);
      const { threads } = decodeImage(readFileSync(image), image).image;
      for (const { registers, section } of threads)
        if (section !== undefined) {
          expect(section.aborted).toBe(words.length === 0);
          expect(registers['rip']).toBe(section.aborted ? section.abortIp : section.ip);
        }
      return threads.filter(({ section }) => section).length;
    };
    const at = [60, 100, 140, 180].find((event) => inside([], event) > 0);
    expect(at).toBeDefined();
    expect(inside(['--keep-position'], at!)).toBeGreaterThan(0);
  });

  it('is refused in one line where it cannot be', () => {
    const recording = file('short.rseq');
    expect(rseqlab(['run', '--record', recording, COUNTERS, '2'])).toMatchObject({ status: 0 });
    const image = file('no.img');
    for (const [asked, why] of [
      [`${recording}@999999`, 'has no event 999999'],
      ['README.md', 'README.md is not a recording'],
      ['/no/such/file', '/no/such/file is no number of a process, and cannot be read as a recording'],
    ] as const)
      expect(oneErrorLine(rseqlab(['checkpoint', asked, '-o', image]))).toContain(why);
    expect(oneErrorLine(rseqlab(['checkpoint', recording, '-o', image, '--kill']))).toContain(
      '--kill is for a real process',
    );
    const elsewhere = rseqlab(['checkpoint', recording, '-o', '/no/such/folder/x']);
    expect(oneErrorLine(elsewhere)).toContain('choose another place with -o');
    expect(existsSync(image)).toBe(false);
  });
});
