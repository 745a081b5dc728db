import { type ChildProcess, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { decodeImage, isImage } from '../../src/checkpoint/codec.js';
import { oneErrorLine, ROOT, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const COUNTERS = join(ROOT, 'examples/checkpoint/counters');
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-checkpoint-'));
const file = (name: string): string => join(folder, name);
const started: ChildProcess[] = [];

/** Starts a program that writes to a file, and waits for its first line. */
async function start(program: string, ...words: string[]) {
  const output = file(`output-${started.length}`);
  const fd = openSync(output, 'w');
  const child = spawn(program, words, { stdio: ['ignore', fd, fd] });
  started.push(child);
  const ended = new Promise((resolve) => child.once('exit', (status, signal) => resolve(status ?? signal)));
  while (!readFileSync(output, 'utf8').includes('\n')) await new Promise((resolve) => setImmediate(resolve));
  return { pid: `${child.pid}`, ended, text: () => readFileSync(output, 'utf8') };
}

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(reason !== undefined)(title('a process that is frozen'), () => {
  it('comes back with its threads, and counts right', async ({ skip }) => {
    // Enough rounds that some are left when it is frozen.
    const { pid, ended, text } = await start(COUNTERS, '4000000');
    const image = file('counters.img');
    const frozen = rseqlab(['checkpoint', pid, '-o', image, '--kill']);
    expect(frozen).toMatchObject({ status: 0, stderr: '' });
    expect(frozen.stdout).toMatch(
      /: 5 threads, \d inside a section; \d+ bytes; stood still for [\d.]+ ms\n$/,
    );
    expect(await ended).toBe('SIGKILL');
    expect(text()).toBe('counting\n');
    const back = rseqlab(['restore', image]);
    skip(back.stderr.includes('not permitted to choose ids'), 'no permission to choose ids of processes');
    expect(back).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(text()).toBe('counting\ncounted 16000000 of 16000000\n');
  });

  it('says of each thread where it goes on: one in a section at its abort handler', async () => {
    const { pid } = await start(COUNTERS, '100000000');
    let inside = 0;
    for (let n = 0; n < 20 && inside === 0; n++) {
      const image = file('inside.img');
      expect(rseqlab(['checkpoint', pid, '-o', image]).status).toBe(0);
      const { threads } = decodeImage(readFileSync(image), image).image;
      expect(threads).toHaveLength(5);
      expect(threads.filter(({ rseq }) => rseq?.length === 32 && rseq.signature === 0x53053053)).toHaveLength(
        4,
      );
      for (const { registers, section } of threads) {
        if (section === undefined) continue;
        inside++;
        expect(section.ip - section.startIp).toBeLessThan(section.postCommitOffset);
        expect([registers['rip'], section.aborted]).toEqual([section.abortIp, true]);
      }
    }
    expect(inside).toBeGreaterThan(0);
  });

  it('goes on unharmed when it is not killed, however often', async () => {
    const { pid, ended, text } = await start(COUNTERS, '4000000');
    for (let n = 0; n < 3; n++) rseqlab(['checkpoint', pid, '-o', file('again.img')]);
    expect(await ended).toBe(0);
    expect(text()).toBe('counting\ncounted 16000000 of 16000000\n');
  });

  it('is refused by name before it is touched, where something cannot be kept', async () => {
    const child = spawn(process.execPath, ['-e', 'console.log("x"); setInterval(() => {}, 1000)'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    started.push(child);
    await new Promise((resolve) => child.stdout!.once('data', resolve));
    const ran = rseqlab(['checkpoint', `${child.pid}`, '-o', file('node.img')]);
    expect(oneErrorLine(ran)).toMatch(/cannot checkpoint process \d+: its descriptor \d+ is /);
    expect(existsSync(file('node.img'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('is refused where it cannot be written', async () => {
    const { pid } = await start(COUNTERS, '100000000');
    expect(oneErrorLine(rseqlab(['checkpoint', pid, '-o', '/no/such/folder/x']))).toContain(
      'there is no such file or directory; choose another place with -o',
    );
    expect(oneErrorLine(rseqlab(['checkpoint', pid, '-o', '/dev/full/x']))).toContain('choose another place');
  });

  it.each([
    [['checkpoint', '999999999', '-o', 'x'], 'PID'],
    [['checkpoint', '4194000', '-o', 'x'], 'cannot checkpoint process 4194000: there is no'],
    [['restore', '/no/such/image'], 'cannot bring /no/such/image back: there is no such file or directory'],
    [['restore', 'README.md'], 'README.md is no image of a process'],
  ])('has one clear error for %j', (args, message) => {
    expect(oneErrorLine(rseqlab(args))).toContain(message);
  });
});

describe.skipIf(reason !== undefined)(title('an image'), () => {
  it('is refused when any of it is damaged, a file has changed, or its id is in use', async () => {
    const program = file('program');
    copyFileSync(COUNTERS, program);
    const { pid, ended } = await start(program, '100000000');
    const image = file('damaged.img');
    expect(rseqlab(['checkpoint', pid, '-o', image]).status).toBe(0);
    expect(oneErrorLine(rseqlab(['restore', image]))).toContain(`the process needs its id ${pid}`);
    process.kill(Number(pid), 'SIGKILL');
    await ended;
    const bytes = readFileSync(image);
    expect(isImage(bytes)).toBe(true);
    for (let at = 0; at < bytes.length; at += 101) {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= 1 << (at % 8);
      expect(() => decodeImage(damaged, 'it')).toThrow(/^it is (no image|damaged)/);
    }
    for (const length of [0, 10, 20, 100, bytes.length - 1])
      expect(() => decodeImage(bytes.subarray(0, length), 'it')).toThrow(/^it is (no image|damaged)/);
    writeFileSync(program, Buffer.concat([readFileSync(COUNTERS), Buffer.from('x')]));
    expect(oneErrorLine(rseqlab(['restore', image]))).toContain(
      'is not the file that the process has mapped',
    );
    rmSync(program);
    expect(oneErrorLine(rseqlab(['restore', image]))).toContain('is not there');
  });
});
