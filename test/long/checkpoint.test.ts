import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { asAddr } from '../../src/abi/address.js';
import { decodeImage } from '../../src/checkpoint/codec.js';
import { x86_64 } from '../../src/isa/x86-64/decoder.js';
import { readForced } from '../../src/linux/memory.js';
import { Modules } from '../../src/live/modules.js';
import { BIN, oneErrorLine, ROOT, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const CASES = Number(process.env['CASES'] ?? 200);
const COUNTERS = join(ROOT, 'examples/checkpoint/counters');
const ROUNDS = 4_000_000;
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const later = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Freezes a program some milliseconds after it has begun to count, and brings it back; what it printed, and how many threads were inside. */
async function once(
  n: number,
  ...options: string[]
): Promise<{ text: string; inside: number; status: number | null } | undefined> {
  const output = join(folder, `${n}.out`);
  const image = join(folder, `${n}.img`);
  const fd = openSync(output, 'w');
  const child = spawn(COUNTERS, [`${ROUNDS}`], { stdio: ['ignore', fd, fd] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (!readFileSync(output, 'utf8').includes('\n')) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, (n * 13) % 150));
  const frozen = rseqlab(['checkpoint', `${child.pid}`, '-o', image, '--kill', ...options]);
  await ended;
  // It was over before.
  if (frozen.status !== 0) return undefined;
  const { status, stderr } = rseqlab(['restore', image]);
  expect(stderr).toBe('');
  return {
    text: readFileSync(output, 'utf8'),
    inside: Number(/(\d+) inside/.exec(frozen.stdout)?.[1]),
    status,
  };
}

describe.skipIf(reason !== undefined)(title('a program that counts, frozen at any moment'), () => {
  it('counts right when it is brought back', async () => {
    let inside = 0;
    let done = 0;
    for (let n = 0; n < CASES; n++) {
      const back = await once(n);
      if (back === undefined) continue;
      done++;
      inside += back.inside;
      expect(back).toMatchObject({ status: 0, text: `counting\ncounted ${4 * ROUNDS} of ${4 * ROUNDS}\n` });
    }
    expect(done).toBeGreaterThan(CASES / 2);
    expect(inside).toBeGreaterThan(CASES / 4);
  });

  it('counts wrong when threads go on in the middle of their sections', async () => {
    let wrong = 0;
    for (let n = 0; n < 40 && wrong === 0; n++) {
      const back = await once(n, '--keep-position');
      if (back?.status === 1) wrong++;
    }
    expect(wrong).toBe(1);
  });

  it('lives when the tool is killed at any moment', async () => {
    const output = join(folder, 'killed.out');
    const fd = openSync(output, 'w');
    const child = spawn(COUNTERS, [`${40 * ROUNDS}`], { stdio: ['ignore', fd, fd] });
    const ended = new Promise((resolve) => child.once('exit', (status, signal) => resolve(status ?? signal)));
    for (let n = 0; n < CASES && child.exitCode === null; n++) {
      const tool = spawn(
        process.execPath,
        [BIN, 'checkpoint', `${child.pid}`, '-o', join(folder, 'killed.img')],
        { stdio: 'ignore' },
      );
      const gone = new Promise((resolve) => tool.once('exit', resolve));
      setTimeout(() => tool.kill('SIGKILL'), (n * 7) % 250);
      await gone;
    }
    expect(await ended).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe(`counting\ncounted ${160 * ROUNDS} of ${160 * ROUNDS}\n`);
  });
});

/** Offsets of the instructions of the function that counts. */
async function instructions(): Promise<number[]> {
  const child = spawn(COUNTERS, ['1000000000'], { stdio: 'ignore' });
  try {
    let modules = Modules.ofProcess(child.pid!);
    while (modules.modules.length === 0) {
      await tick();
      modules = Modules.ofProcess(child.pid!);
    }
    const symbol = modules.modules
      .flatMap(({ file }) => file.image?.symbols ?? [])
      .find(({ name, kind }) => name === 'count' && kind === 'function')!;
    const bytes = readForced(child.pid!, BigInt(symbol.address!), symbol.size)!;
    const found: number[] = [];
    for (let at = 0; at < bytes.length; at += x86_64.decode(bytes.subarray(at), asAddr(BigInt(at))!).length)
      found.push(at);
    return found;
  } finally {
    child.kill('SIGKILL');
  }
}

describe.skipIf(reason !== undefined)(
  title('a program that counts, frozen at every instruction of its section'),
  () => {
    it('counts right when it is brought back, and wrong somewhere the naive way', async () => {
      const offsets = await instructions();
      expect(offsets.length).toBeGreaterThan(10);
      const wrong: number[] = [];
      let inside = 0;
      for (const [n, offset] of offsets.entries()) {
        const at = ['--at', `count+${offset}`];
        const back = await once(n, ...at);
        expect({ offset, back }).toMatchObject({
          offset,
          back: { status: 0, text: `counting\ncounted ${4 * ROUNDS} of ${4 * ROUNDS}\n` },
        });
        if (back!.inside > 0) inside++;
        const naive = await once(n, ...at, '--keep-position');
        if (naive?.status === 1) wrong.push(offset);
      }
      expect(inside).toBeGreaterThan(offsets.length / 2);
      expect(wrong.length).toBeGreaterThan(0);
    });
  },
);

describe.skipIf(reason !== undefined)(title('an image, and what it is written to'), () => {
  it('is refused with any of its bytes changed', () => {
    const bytes = readFileSync(join(ROOT, 'test/fixtures/checkpoint/counters.img'));
    expect(decodeImage(bytes, 'it').image.threads.length).toBeGreaterThan(1);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= 1 << (at % 8);
      expect(() => decodeImage(damaged, 'it')).toThrow(/^it is (no image|damaged)/);
    }
  });

  it('is not there when the disk is full, and the process goes on', ({ skip }) => {
    // The process is in the same mount namespace, or it would be refused for that.
    const script = `set -e
mkdir '${folder}/disk'
mount -t tmpfs -o size=16k none '${folder}/disk'
'${COUNTERS}' ${10 * ROUNDS} > '${folder}/disk.out' &
p=$!
for n in 1 2; do '${process.execPath}' '${BIN}' checkpoint $p -o '${folder}/disk/x.img' || true; done
ls '${folder}/disk'
wait $p`;
    const { status, stderr, stdout } = spawnSync('unshare', ['-m', 'sh', '-c', script], { encoding: 'utf8' });
    if (/unshare|mount/.test(stderr)) return skip(`nothing can be mounted here: ${stderr}`);
    expect(stderr.trim().split('\n')).toEqual(
      Array(2).fill(
        expect.stringMatching(
          /cannot be written: no space left on the device; choose another place with -o$/,
        ),
      ),
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(readFileSync(join(folder, 'disk.out'), 'utf8')).toBe(
      `counting\ncounted ${40 * ROUNDS} of ${40 * ROUNDS}\n`,
    );
  });

  it('is whole or not there when the tool is interrupted', async () => {
    const output = join(folder, 'interrupted.out');
    const fd = openSync(output, 'w');
    const child = spawn(COUNTERS, [`${10 * ROUNDS}`], { stdio: ['ignore', fd, fd] });
    const ended = new Promise((resolve) => child.once('exit', (status, signal) => resolve(status ?? signal)));
    for (let n = 0; n < CASES / 4 && child.exitCode === null; n++) {
      const image = join(folder, `interrupted-${n}.img`);
      const tool = spawn(process.execPath, [BIN, 'checkpoint', `${child.pid}`, '-o', image], {
        stdio: 'ignore',
      });
      const gone = new Promise((resolve) => tool.once('exit', resolve));
      setTimeout(() => tool.kill(n % 2 === 0 ? 'SIGINT' : 'SIGTERM'), (n * 17) % 250);
      await gone;
      while (
        existsSync(image) === false &&
        readdirSync(folder).some((name) => name.startsWith(`interrupted-${n}.img.`))
      )
        await tick();
      if (existsSync(image)) decodeImage(readFileSync(image), image);
    }
    expect(await ended).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe(`counting\ncounted ${40 * ROUNDS} of ${40 * ROUNDS}\n`);
  });

  it('is one, or an error in one line, of a process that ends meanwhile', async () => {
    let images = 0;
    for (let n = 0; n < CASES / 2; n++) {
      const child = spawn(COUNTERS, [`${(n % 10) * 800_000}`], { stdio: 'ignore' });
      const ended = new Promise((resolve) =>
        child.once('exit', (status, signal) => resolve(status ?? signal)),
      );
      await later(n % 40);
      const ran = rseqlab(['checkpoint', `${child.pid}`, '-o', join(folder, 'ended.img')]);
      if (ran.status === 0) images++;
      else oneErrorLine(ran);
      expect(await ended).toBe(0);
    }
    expect(images).toBeGreaterThan(0);
  });
});

/** A folder with librseq's tests/param_test, built. */
const { LIBRSEQ } = process.env;
const PARAM_TEST = LIBRSEQ && join(LIBRSEQ, 'tests/param_test');
const missing =
  reason ??
  (PARAM_TEST === undefined
    ? 'LIBRSEQ is not set'
    : existsSync(PARAM_TEST)
      ? undefined
      : `there is no ${PARAM_TEST}`);

/** Descriptors that whoever runs this has left open are others' too. */
const CLOSED = 'for fd in $(ls /proc/$$/fd); do [ "$fd" -gt 2 ] && eval "exec $fd>&-"; done; exec "$@"';

describe.skipIf(missing !== undefined)(title('param_test of librseq across a checkpoint', missing), () => {
  // Spinlock, list, buffer, counters, memcpy: a wrong result ends it by an assertion of its own.
  it.each([
    ['s', 100],
    ['l', 100],
    ['b', 80],
    ['i', 300],
    ['m', 20],
  ])('-T %s', async (test, millions) => {
    let done = 0;
    for (let n = 0; n < 3; n++) {
      const output = join(folder, `param-${test}-${n}.out`);
      const image = join(folder, 'param.img');
      const fd = openSync(output, 'w');
      const words = ['-T', test, '-t', '4', '-r', `${millions * 1_000_000}`, '-v'];
      const child = spawn('bash', ['-c', CLOSED, 'bash', PARAM_TEST!, ...words], {
        stdio: ['ignore', fd, fd],
      });
      const ended = new Promise((resolve) =>
        child.once('exit', (status, signal) => resolve(status ?? signal)),
      );
      await later(100 + 60 * n);
      const frozen = rseqlab(['checkpoint', `${child.pid}`, '-o', image, '--kill']);
      // It was over before.
      if ((await ended) === 0 && !frozen.stderr.includes('its descriptor')) continue;
      expect(frozen).toMatchObject({ status: 0, stderr: '' });
      done++;
      const { status, stderr } = rseqlab(['restore', image]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(readFileSync(output, 'utf8').match(/number of rseq abort/g)).toHaveLength(4);
    }
    expect(done).toBeGreaterThan(0);
  });
});
