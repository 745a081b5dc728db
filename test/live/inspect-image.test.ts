import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { IMAGE_SCHEMA } from '../../src/checkpoint/image.js';
import { threadsOf } from '../../src/linux/procfs.js';
import type { InspectDocument } from '../../src/report/inspect-document.js';
import { oneErrorLine, ROOT, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const COUNTERS = join(ROOT, 'examples/checkpoint/counters');
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-inspect-image-'));
const file = (name: string): string => join(folder, name);
const started: ChildProcess[] = [];

/** Starts the counting program from a place of its own, and waits until it counts. */
async function start(): Promise<string> {
  const program = file('counters');
  rmSync(program, { force: true });
  copyFileSync(COUNTERS, program);
  const output = file('output');
  const fd = openSync(output, 'w');
  const child = spawn('nice', ['-n', '19', program, '1000000000'], { stdio: ['ignore', fd, fd] });
  started.push(child);
  // It has said that it counts, and all its threads are there.
  while (!readFileSync(output, 'utf8').includes('\n') || threadsOf(child.pid!).length < 5)
    await new Promise((resolve) => setImmediate(resolve));
  return `${child.pid}`;
}

/** Until one of its threads was inside a section, which is soon. */
async function checkpoint(name: string, ...options: string[]): Promise<{ image: string; pid: string }> {
  const pid = await start();
  const image = file(name);
  for (let n = 0; n < 50; n++) {
    const { stdout, stderr } = rseqlab(['checkpoint', pid, '-o', image, ...options]);
    expect(stderr).toBe('');
    if (!stdout.includes(' 0 inside')) return { image, pid };
  }
  throw new Error('no thread was ever inside its section');
}

function inspect(...args: string[]) {
  const { stdout, stderr, status } = rseqlab(['inspect', '--format', 'json', ...args]);
  expect(stderr).toBe('');
  return { status, process: (JSON.parse(stdout) as InspectDocument).processes[0]! };
}

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(reason !== undefined)(title('inspect of an image'), () => {
  it('says of each thread what was registered, where it stood, and where it goes on', async () => {
    const { image, pid } = await checkpoint('right.img');
    const { status, process } = inspect(image);
    expect(status).toBe(0);
    expect(process).toMatchObject({
      kind: 'image',
      pid: Number(pid),
      name: 'counters',
      executable: file('counters'),
    });
    expect(process.image).toMatchObject({
      form: IMAGE_SCHEMA,
      files: { mapped: [file('counters')], missing: [] },
      refused: expect.stringContaining(`needs its id ${pid}`),
    });
    const kinds = process.image!.memory.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['of files', 'stack', 'of the kernel', 'without a file']));
    expect(process.threads).toHaveLength(5);
    expect(process.threads[0]).toMatchObject({
      call: 'futex',
      registration: null,
      restore: null,
      resumes: { how: 'again' },
    });
    const inside = process.threads.filter(({ resumes }) => resumes!.how === 'abort');
    expect(inside.length).toBeGreaterThan(0);
    for (const thread of process.threads.slice(1))
      expect(thread).toMatchObject({
        state: 'frozen',
        known: 'image',
        registration: { length: 32, signature: '0x53053053', owner: { kind: 'thread-local' } },
        restore: { answer: 'ok', accepted: true },
        problems: [],
      });
    for (const { section, ip, resumes } of inside) {
      expect(section).toMatchObject({ state: 'valid', position: 'inside', start: { function: 'count' } });
      expect(section!.start!.line).toMatch(/counters\.c:\d+$/);
      expect(ip).toMatchObject({ function: 'count' });
      expect(resumes!.place.address).toBe(section!.abort!.address);
    }
  });

  it('says that a thread was left in its section', async () => {
    const { image } = await checkpoint('naive.img', '--keep-position');
    const { status, process } = inspect(image);
    expect(status).toBe(1);
    const left = process.threads.filter(({ resumes }) => resumes!.how === 'inside');
    expect(left.length).toBeGreaterThan(0);
    for (const { problems, resumes, ip } of left) {
      expect(problems).toMatchObject([{ rule: null, text: expect.stringContaining('inside its section') }]);
      expect(resumes!.place).toEqual(ip);
    }
  });

  it('judges by another kernel, and does not guess what stands in a file that has changed', async () => {
    const { image } = await checkpoint('moved.img');
    rmSync(file('counters'));
    writeFileSync(file('counters'), 'another program');
    const { status, process } = inspect('--kernel', '7.1', image);
    expect(status).toBe(0);
    expect(process.image).toMatchObject({ refused: null, files: { missing: [file('counters')] } });
    expect(process.notes.join()).toContain('is legacy on Linux 7.1');
    for (const { section, problems, restore } of process.threads.slice(1)) {
      expect(problems).toEqual([]);
      expect(restore!.accepted).toBe(true);
      // The descriptor is in a page that the program has written to, its signature in the file.
      if (section !== null) expect(section.state).toMatch(/valid|unknown/);
    }
    const { stdout } = rseqlab(['inspect', image]);
    expect(stdout).toContain(`${file('counters')} is gone or another one`);
    expect(stdout).toMatch(/\d inside a section: \d at the abort handler/);
  });

  it('refuses a damaged one in one line', async () => {
    const { image } = await checkpoint('damaged.img');
    const bytes = readFileSync(image);
    for (const at of [20, 400, bytes.length - 200, bytes.length - 1]) {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= 0x40;
      writeFileSync(image, damaged);
      expect(oneErrorLine(rseqlab(['inspect', image]))).toMatch(/is damaged/);
    }
    writeFileSync(image, bytes.subarray(0, 300));
    expect(oneErrorLine(rseqlab(['inspect', image]))).toMatch(/is damaged or was not written to its end/);
  });
});
