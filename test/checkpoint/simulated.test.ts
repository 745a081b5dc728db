import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ProcessImage, ThreadImage } from '../../src/checkpoint/image.js';
import { oneErrorLine, rseqlab } from '../cli/command.js';
import { COUNTERS, keepingPosition, shippedImage } from './images.js';

const folder = mkdtempSync(join(tmpdir(), 'rseqlab-simulated-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const image = shippedImage(file('counters.img'));
const RIGHT = { status: 0, stdout: 'counted 16000 of 16000\n', stderr: '' };

/** The same of each thread that is registered. */
const threads =
  (change: (thread: ThreadImage) => ThreadImage) =>
  (whole: ProcessImage): ProcessImage => ({
    ...whole,
    threads: whole.threads.map((thread) => (thread.rseq === undefined ? thread : change(thread))),
  });

describe('the image of a real process', () => {
  it.each([
    ['--seed', '1'],
    ['--seed', '2', '--cpus', '4'],
    ['--schedule', 'rr', '--kernel', '5.4'],
    ['--schedule', 'pct:3', '--kernel', '7.0', '--debug-rseq'],
  ])('goes on in the simulated machine, and counts right: %s %s %s %s', (...options) => {
    expect(rseqlab(['restore', '--simulated', ...options, image])).toEqual(RIGHT);
  });

  it('is for run what it is for restore --simulated', () => {
    const [run, restored] = [
      ['run', '--summary', '--seed', '5', image],
      ['restore', '--simulated', '--summary', '--seed', '5', image],
    ].map((args) => rseqlab(args));
    expect(run).toEqual(restored);
    expect(run!.stderr).toContain('4 registrations');
    expect(run!.stderr).toMatch(/section 0x4003a7 <count\+0x17>: \d+\n/);
  });

  it('is recorded, and replayed without the files that it has mapped', () => {
    const program = file('mapped');
    copyFileSync(COUNTERS, program);
    const moved = shippedImage(file('moved.img'), undefined, program);
    const recording = file('counters.rseq');
    expect(rseqlab(['run', '--record', recording, moved])).toEqual(RIGHT);
    renameSync(program, file('elsewhere'));
    expect(rseqlab(['replay', recording])).toEqual(RIGHT);
    expect(rseqlab(['replay', '--list', recording]).stdout).toMatch(/abort .*<count\+/);
    expect(oneErrorLine(rseqlab(['run', moved]))).toContain(
      `${program}, which the process has mapped, is not there`,
    );
    writeFileSync(program, 'another');
    expect(oneErrorLine(rseqlab(['run', moved]))).toContain(
      `${program} is not the file that the process has mapped: it was changed`,
    );
  });

  it('counts wrong where threads stay in their sections, as a naive checkpointer has them', () => {
    const naive = shippedImage(file('naive.img'), keepingPosition);
    const ends = ['1', '2'].map((seed) => rseqlab(['run', '--seed', seed, naive]));
    expect(ends.map(({ status }) => status)).toContain(1);
    expect(ends.some(({ stdout }) => stdout !== RIGHT.stdout)).toBe(true);
  });

  it('is refused where the machine has not what it holds', () => {
    /** The upper half of ymm3, in use. */
    const live = threads((thread) => {
      const bytes = Buffer.from(thread.extended, 'base64');
      bytes.writeUInt8(bytes.readUInt8(512) | 4, 512);
      bytes.writeUInt8(1, 576 + 3 * 16);
      return { ...thread, extended: bytes.toString('base64') };
    });
    const avx = shippedImage(file('avx.img'), live);
    expect(oneErrorLine(rseqlab(['run', avx]))).toMatch(
      /: thread \d+ is in the middle of AVX instructions, .* \(--drop-avx\)$/,
    );
    expect(rseqlab(['run', '--drop-avx', avx])).toEqual(RIGHT);

    const long = threads((thread) => ({ ...thread, rseq: { ...thread.rseq!, length: 64 } }));
    expect(oneErrorLine(rseqlab(['run', '--kernel', '5.4', shippedImage(file('long.img'), long)]))).toMatch(
      /Linux 5\.4 refuses the registration of thread \d+ \(address 0x7f[0-9a-f]+, length 64\): EINVAL$/,
    );

    const writes = (whole: ProcessImage): ProcessImage => ({
      ...whole,
      files: [...whole.files, { fd: 5, kind: 'file', path: COUNTERS, flags: 2, position: 0 }],
    });
    expect(oneErrorLine(rseqlab(['run', shippedImage(file('writes.img'), writes)]))).toContain(
      `its descriptor 5 writes into ${COUNTERS}, and the machine writes no files of the host`,
    );
  });

  it('is refused in one line when it is damaged, or not told what it can be told', () => {
    const bytes = readFileSync(image);
    for (const at of [20, 9000, bytes.length - 3000, bytes.length - 5]) {
      const bad = Buffer.from(bytes);
      bad[at]! ^= 1;
      writeFileSync(file('bad.img'), bad);
      expect(oneErrorLine(rseqlab(['run', file('bad.img')]))).toContain('bad.img is damaged');
    }
    expect(oneErrorLine(rseqlab(['run', image, 'word']))).toContain('goes on with the arguments');
    expect(oneErrorLine(rseqlab(['restore', '--seed', '1', image]))).toContain(
      '--seed is for restore --simulated',
    );
    expect(oneErrorLine(rseqlab(['restore', '--simulated', '--detach', image]))).toContain('--detach is for');
    expect(oneErrorLine(rseqlab(['run', '--memory-limit', '1M', '--cpus', '0', image]))).toContain('--cpus');
  });
});
