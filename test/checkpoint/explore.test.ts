import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/checkpoint/codec.js';
import type { ExploreDocument } from '../../src/explore/timeline.js';
import { oneErrorLine, rseqlab } from '../cli/command.js';
import { COUNTERS, keepingPosition, shippedImage, TWO } from './images.js';

const folder = mkdtempSync(join(tmpdir(), 'rseqlab-explore-image-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const right = shippedImage(file('right.img'), undefined, TWO, 'two');
const naive = shippedImage(file('naive.img'), keepingPosition, TWO, 'two');
const explore = (image: string, ...words: string[]) => rseqlab(['explore', '--start-from', image, ...words]);

describe('what can happen next from the image of a real process, frozen in the middle of a section', () => {
  it('goes well in every interleaving, where threads stand at their abort handlers', () => {
    const { threads } = decodeImage(readFileSync(right), right).image;
    expect(threads.some(({ section }) => section !== undefined)).toBe(true);
    const { status, stdout } = explore(right, '--cpus', '1', '--jobs', '1', '--format', 'json');
    expect(status).toBe(0);
    const [result] = (JSON.parse(stdout) as ExploreDocument).results;
    expect(result).toMatchObject({ scenario: 'from the image', verdict: 'verified' });
  });

  it('loses a count where they stay in it: the counterexample is told, and replayed', () => {
    const trace = file('trace.json');
    const { status, stdout } = explore(
      naive,
      '--kernel',
      '6.12',
      '--cpus',
      '1',
      '--jobs',
      '1',
      '--trace',
      trace,
    );
    expect(status).toBe(1);
    expect(stdout).toContain('the program ends with status 1');
    expect(stdout).toContain('judged by   Linux 6.12, 1 CPU');
    expect(stdout).toMatch(/mov %rax,\(%r\w+,%rcx\)\s+slots(\+0x40)? 1 -> 1/);
    const replayed = rseqlab(['replay', trace]);
    expect(replayed).toMatchObject({ status: 0, stderr: '' });
    expect(replayed.stdout).toContain('the program ends with status 1');
  });

  it('is explored from a recording that began with it, too', () => {
    const recording = file('naive.rseq');
    expect(rseqlab(['run', '--cpus', '1', '--record', recording, right]).status).toBe(0);
    const { status, stdout } = explore(`${recording}@9`);
    expect([status, stdout.split('\n')[1]]).toEqual([
      0,
      'verified: nothing goes wrong: in every interleaving',
    ]);
  });

  it('is refused in one line where that cannot be', () => {
    expect(oneErrorLine(explore(right, '--scenario', 'x'))).toContain('--scenario');
    expect(oneErrorLine(rseqlab(['explore', COUNTERS, '--start-from', right]))).toContain(
      'leave the file out',
    );
    const gone = shippedImage(file('gone.img'), undefined, '/no/such/program', 'two');
    expect(oneErrorLine(explore(gone))).toContain('/no/such/program');
    const traced = shippedImage(
      file('long.img'),
      (image) => ({
        ...image,
        threads: image.threads.map((thread) =>
          thread.rseq === undefined ? thread : { ...thread, rseq: { ...thread.rseq, length: 40 } },
        ),
      }),
      TWO,
      'two',
    );
    expect(oneErrorLine(explore(traced, '--kernel', '5.10'))).toContain(
      'Linux 5.10 refuses the registration',
    );
  });
});
