import { type ChildProcess, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openImageFile } from '../../src/live/checkpoint/open.js';
import { BIN, oneErrorLine, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';
import { startHeap, WORD } from './heap.js';

const MEBIBYTES = 16;
const PAGES = (MEBIBYTES << 20) / 4096;
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-checkpoint-memory-'));
const file = (name: string): string => join(folder, name);
const started: ChildProcess[] = [];

async function start() {
  const heap = await startHeap(file(`told-${performance.now()}`), MEBIBYTES, 4);
  started.push(heap.child);
  // The writer has been everywhere.
  await heap.until(WORD.writer, 1n);
  return heap;
}

/** The first word of each page of its memory, in the order in which they are written. */
function rounds(image: string, heap: bigint): number[] {
  const { image: process, contents } = openImageFile(image);
  const found = new Array<number>(PAGES).fill(-1);
  const map = process.maps.find(({ start, end }) => start <= heap && heap < end)!;
  for (const piece of map.pieces) {
    const bytes = contents(piece);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < piece.size; at += 4096) {
      const page = Number(piece.address + BigInt(at) - heap) / 4096;
      if (page >= 0 && page < PAGES) found[page] = Number(view.getBigUint64(at, true));
    }
  }
  return Array.from({ length: PAGES }, (_, k) => found[(k * 40503) % PAGES]!);
}

/** One moment: the writer has written its round so far, and the round before behind that. */
function expectOneMoment(image: string, heap: bigint): void {
  const seen = rounds(image, heap);
  const round = seen[0]!;
  const done = seen.findIndex((each) => each !== round);
  expect(round).toBeGreaterThan(0);
  expect(seen.slice(done < 0 ? PAGES : done).every((each) => each === round - 1)).toBe(true);
}

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(reason !== undefined)(title('the memory of a process that writes all the time'), () => {
  it.each([[[]], [['--copy']], [['--keep-position']]])('is that of one moment, with %j', async (options) => {
    const { pid, ended, word, end } = await start();
    for (let n = 0; n < 2; n++) {
      const image = file(`moment${n}.img`);
      expect(rseqlab(['checkpoint', pid, '-o', image, ...options])).toMatchObject({ status: 0, stderr: '' });
      expectOneMoment(image, word(WORD.heap));
    }
    // What it was read from is gone.
    expect(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')).toBe('');
    end();
    expect(await ended).toBe(0);
  });

  it('is left in the image before where it has not changed, and comes back from both', async ({ skip }) => {
    const { pid, ended, word, until, end } = await start();
    const [first, second, third] = ['first.img', 'second.img', 'third.img'].map(file) as [
      string,
      string,
      string,
    ];
    expect(rseqlab(['checkpoint', pid, '-o', first]).status).toBe(0);
    expect(rseqlab(['checkpoint', pid, '-o', second, '--parent', first]).status).toBe(0);
    expectOneMoment(second, word(WORD.heap));
    // It holds no page of noise and of zeros twice.
    expect(statSync(second).size).toBeLessThan(statSync(first).size);
    expect(oneErrorLine(rseqlab(['checkpoint', pid, '-o', first, '--parent', second]))).toContain(
      'first.img holds memory that the new image needs',
    );
    expect(rseqlab(['checkpoint', pid, '-o', third, '--parent', second, '--kill']).status).toBe(0);
    expectOneMoment(third, word(WORD.heap));
    await ended;
    copyFileSync(first, file('kept.img'));
    writeFileSync(first, readFileSync(second));
    expect(oneErrorLine(rseqlab(['restore', third]))).toMatch(
      /first\.img is not the image that .*second\.img was made from/,
    );
    rmSync(first);
    expect(oneErrorLine(rseqlab(['restore', third]))).toMatch(
      /second\.img needs .*first\.img, which holds some of its memory: there is no such file or directory/,
    );
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    copyFileSync(file('kept.img'), first);
    // With a descriptor that is none of its own.
    const back = spawn('sh', ['-c', 'exec 9<&0; exec "$@"', 'sh', process.execPath, BIN, 'restore', third], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    back.stderr.on('data', (bytes) => {
      errors += bytes;
    });
    const status = new Promise((resolve) => back.once('close', resolve));
    // It looks at all its memory in the end.
    await Promise.race([status, until(WORD.watcher, word(WORD.watcher) + 10n)]);
    const descriptors = back.exitCode === null ? readdirSync(`/proc/${pid}/fd`) : [];
    end();
    const result = await status;
    skip(errors.includes('not permitted to choose ids'), 'no permission to choose ids of processes');
    expect({ result, errors, descriptors }).toEqual({
      result: 0,
      errors: '',
      descriptors: ['0', '1', '2', '3'],
    });
  });
});
