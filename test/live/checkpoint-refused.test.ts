import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/checkpoint/codec.js';
import type { ProcessImage } from '../../src/checkpoint/image.js';
import { COUNTERS, rewrite } from '../checkpoint/images.js';
import { BIN, oneErrorLine, ROOT, rseqlab, shell } from '../cli/command.js';
import { reason, title } from '../linux/here.js';
import { Bench } from './checkpoint-programs.js';

const bench = new Bench();
const left = (): string[] => readdirSync(bench.file('')).filter((name) => name.endsWith('.tmp'));
afterEach(() => {
  bench.end();
  expect(left()).toEqual([]);
});
afterAll(() => bench.remove());

describe.skipIf(reason !== undefined)(title('an image that cannot be brought back'), () => {
  let image: string;
  let pid: number;
  beforeAll(async () => {
    image = bench.file('counters.img');
    const running = await bench.start(COUNTERS, ['100000000', '0x10']);
    pid = running.pid;
    expect(rseqlab(['checkpoint', `${pid}`, '-o', image, '--kill']).stderr).toBe('');
    await running.ended;
  });

  /** The same image with something else in its header, and the right digest. */
  function edited(edit: (image: ProcessImage) => ProcessImage): string {
    const file = bench.file('edited.img');
    rewrite(image, file, edit);
    return file;
  }

  const registered = (change: object) => (image: ProcessImage) => ({
    ...image,
    threads: image.threads.map((thread) => ({
      ...thread,
      ...(thread.rseq && { rseq: { ...thread.rseq, ...change } }),
    })),
  });

  it.each<[string, RegExp, (image: ProcessImage) => ProcessImage]>([
    ['of another architecture', /edited\.img is of a process on "arm64"; this rseqlab knows those of x86-64$/, (image) => ({ ...image, architecture: 'arm64' as 'x86-64' })],
    ['with a length that no kernel takes', /Linux \S+ refuses the registration of thread \d+ \(address [0-9a-f]+, length 20\)$/, registered({ length: 20 })],
    ['with flags that no kernel takes', /Linux \S+ refuses the registration of thread \d+/, registered({ flags: 0x40 })],
    ['with two maps in one place', /the addresses 0x\S+ to 0x\S+ are taken: something else is mapped there$/, (image) => ({ ...image, maps: [...image.maps, { ...image.maps.at(-1)!, ...{ start: image.maps[0]!.start, end: image.maps[0]!.end, name: '', pieces: [] } }] })],
    ['with a thread whose id is in use', /needs the id \d+ for a thread, and it is in use$/, (image) => ({ ...image, threads: image.threads.map((thread, index) => (index === 1 ? { ...thread, tid: process.pid } : thread)) })],
    ['of a kernel with another vDSO', /was taken on Linux 0\.1, whose vDSO is not that of/, (image) => ({ ...image, kernel: '0.1', maps: image.maps.map((map) => (map.name === '[vdso]' ? { ...map, end: map.end + 4096n } : map)) })],
    ['with a file that is not there', /\/no\/such\/file, which the process has open, is not there$/, (image) => ({ ...image, files: [...image.files, { fd: 9, kind: 'file' as const, path: '/no/such/file', flags: 0, position: 0 }] })],
    ['with a file that is shorter now', /package\.json, which the process has open, is shorter than it was \(\d+ bytes of 99999999\): it was changed$/, (image) => ({ ...image, files: [...image.files, { fd: 9, kind: 'file' as const, path: `${ROOT}package.json`, flags: 0, position: 0, size: 99999999 }] })],
    ['whose program is another one', /counters is not the file that the process has mapped: it was changed$/, (image) => ({ ...image, maps: image.maps.map((map) => ({ ...map, ...(map.file && { file: { ...map.file, digest: '0'.repeat(32) } }) })) })],
    ['with an affinity for processors that are not there', /this machine cannot have thread \d+ run on its processors/, (image) => ({ ...image, threads: image.threads.map((thread) => ({ ...thread, affinity: 1n << 8191n })) })],
  ])('is refused in one line, and nothing is left of it: %s', (_, message, edit) => {
    expect(oneErrorLine(rseqlab(['restore', edited(edit)]))).toMatch(message);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  }); // biome-ignore format: a table

  it('is refused where a block of its memory is damaged', () => {
    const bytes = readFileSync(image);
    bytes[100]! ^= 1;
    const file = bench.file('damaged.img');
    writeFileSync(file, bytes);
    expect(oneErrorLine(rseqlab(['restore', file]))).toContain(
      'damaged.img is damaged or was not written to its end',
    );
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  it('is refused to those who may not choose ids', ({ skip }) => {
    if (process.getuid?.() !== 0) return skip('only root can become somebody else');
    chmodSync(bench.file(''), 0o755);
    const nobody = bench.file('nobody.img');
    cpSync(image, nobody);
    chmodSync(nobody, 0o644);
    const { status, stderr } = spawnSync(process.execPath, [BIN, 'restore', nobody], {
      uid: 65534,
      gid: 65534,
      encoding: 'utf8',
    });
    if (/EACCES|permission denied|Cannot find/.test(stderr)) return skip('others may not read this folder');
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^rseqlab: [^\n]*not permitted[^\n]*\n$/),
    });
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});

describe.skipIf(reason !== undefined)(title('a process whose image cannot be written'), () => {
  it('goes on when the disk is full, or the place is a folder', async () => {
    const { pid, child } = await bench.start(COUNTERS, ['100000000']);
    child.kill('SIGSTOP');
    const image = bench.file('full.img');
    const full = shell(`ulimit -f 8; rseqlab checkpoint ${pid} -o ${image}`);
    expect(oneErrorLine(full)).toMatch(/full\.img cannot be written: .*; choose another place with -o$/);
    expect(existsSync(image)).toBe(false);
    mkdirSync(bench.file('folder'));
    expect(oneErrorLine(rseqlab(['checkpoint', `${pid}`, '-o', bench.file('folder')]))).toMatch(
      /it is a directory; choose another place/,
    );
    expect(child.exitCode).toBe(null);
    expect(readFileSync(`/proc/${pid}/status`, 'latin1')).toMatch(/^TracerPid:\t0$/m);
  });

  it('goes on when the tool is killed at any moment', async () => {
    const { pid, ended, text } = await bench.start(COUNTERS, ['4000000']);
    for (let n = 0; n < 5; n++) {
      const args = [BIN, 'checkpoint', `${pid}`, '-o', bench.file('killed.img')];
      const tool = spawn(process.execPath, args, { stdio: 'ignore' });
      const gone = new Promise((resolve) => tool.once('exit', resolve));
      // 200 moments: test/long/checkpoint.
      setTimeout(() => tool.kill('SIGKILL'), 60 + 50 * n);
      await gone;
    }
    expect(await ended).toBe(0);
    expect(text()).toBe('counting\ncounted 16000000 of 16000000\n');
    // What a keeper was about when its tool died it brings to an end, and then it takes the file away.
    while (left().length > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('ends meanwhile: one clear error, or an image', async () => {
    for (let n = 0; n < 4; n++) {
      const { pid, ended } = await bench.start(COUNTERS, [`${20000 * n}`]);
      const ran = rseqlab(['checkpoint', `${pid}`, '-o', bench.file('ended.img')]);
      if (ran.status !== 0) expect(oneErrorLine(ran)).toMatch(new RegExp(`process ${pid}`));
      expect(await ended).toBe(0);
    }
  });
});

describe.skipIf(reason !== undefined)(title('checkpoint --at'), () => {
  // Every instruction: test/long/checkpoint.
  it.each(['0x34'])(
    'freezes a thread inside its section, at count+%s, and the sum is right',
    async (offset) => {
      const { pid, ended, text } = await bench.start(COUNTERS, ['4000000']);
      const image = bench.file('at.img');
      const frozen = rseqlab(['checkpoint', `${pid}`, '-o', image, '--kill', '--at', `count+${offset}`]);
      expect(frozen).toMatchObject({
        status: 0,
        stderr: '',
        stdout: expect.stringMatching(/ [1-4] inside a section/),
      });
      await ended;
      const { threads } = decodeImage(readFileSync(image), image).image;
      const inside = threads.flatMap(({ section }) => (section === undefined ? [] : [section]));
      expect(inside.some(({ ip, startIp }) => ip === startIp - 0x17n + BigInt(offset))).toBe(true);
      const { status, stderr } = rseqlab(['restore', image]);
      if (/not permitted/.test(stderr)) return;
      expect({ status, stderr, text: text() }).toEqual({
        status: 0,
        stderr: '',
        text: 'counting\ncounted 16000000 of 16000000\n',
      });
    },
  );

  it('says what is wrong with an instruction, and leaves the process as it is', async () => {
    const { pid, child } = await bench.start(COUNTERS, ['100000000']);
    child.kill('SIGSTOP');
    const at = (wanted: string) =>
      oneErrorLine(rseqlab(['checkpoint', `${pid}`, '-o', bench.file('x.img'), '--at', wanted]));
    expect(at('count+0x2e')).toMatch(
      /no instruction begins at count\+0x2e; one begins at 0x4003bd, the next at 0x4003bf$/,
    );
    expect(at('nothing')).toMatch(/it has no symbol nothing/);
    expect(at('0x10')).toMatch(/there is no code at 0x10/);
    expect(child.exitCode).toBe(null);
  });

  it('takes its breakpoint back when the tool is killed while it waits', async () => {
    const { pid, ended, text } = await bench.start(COUNTERS, ['4000000']);
    // Comes at the very end.
    const tool = spawn(
      process.execPath,
      [BIN, 'checkpoint', `${pid}`, '-o', bench.file('y.img'), '--at', 'exit'],
      { stdio: 'ignore' },
    );
    const gone = new Promise((resolve) => tool.once('exit', resolve));
    const traced = () => /^TracerPid:\t[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
    while (!traced() && tool.exitCode === null) await new Promise((resolve) => setImmediate(resolve));
    tool.kill('SIGKILL');
    await gone;
    expect(await ended).toBe(0);
    expect(text()).toBe('counting\ncounted 16000000 of 16000000\n');
  });
});
