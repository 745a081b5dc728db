import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { USER_REGISTERS } from '../../src/abi/user-registers.js';
import { ImageData, imageHead, imageTail, openImage } from '../../src/checkpoint/codec.js';
import { IMAGE_SCHEMA, type ProcessImage, type StoredImage } from '../../src/checkpoint/image.js';
import { coreOf, Interrupted } from '../../src/cli/checkpoint-core.js';
import { ImageProcess } from '../../src/live/image.js';
import { inspectFile } from '../../src/live/inspect/file.js';
import { Refused } from '../../src/live/refused.js';

/** An image as a core. */
const coreAt = async (image: string, to: string) => coreOf(ImageProcess.open(image), to);
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-mutants-'));
afterAll(() => rmSync(folder, { recursive: true }));
const IMAGE = join(folder, 'it.img');
const CORE = join(folder, 'it.core');
const KERNEL = { release: '6.18.44', debugRseq: false } as const;

const CODE = 0x40_0000n;
const DATA = 0x50_0000n;
const AREA = DATA + 64n;
const DESCRIPTOR = DATA + 128n;

/** A process of one thread, inside a section, that no program has ever been. */
function whole(): { bytes: Uint8Array; stored: StoredImage; blocks: Uint8Array } {
  const code = new Uint8Array(4096);
  code.set([0x53, 0x30, 0x05, 0x53], 0x7c);
  const data = new Uint8Array(4096);
  const view = new DataView(data.buffer);
  view.setBigUint64(64 + 8, DESCRIPTOR, true);
  for (const [index, word] of [0n, CODE + 16n, 32n, CODE + 0x80n].entries())
    view.setBigUint64(128 + 8 * index, word, true);
  const made = new ImageData();
  const map = { shared: false, growsDown: false, offset: 0, name: '' };
  const registers = Object.fromEntries(USER_REGISTERS.map((name) => [name, 0n]));
  const image: ProcessImage = {
    schema: IMAGE_SCHEMA,
    version: '0',
    architecture: 'x86-64',
    kernel: '6.18.44',
    taken: 0,
    pid: 4_000_000,
    command: ['it', 'self'],
    executable: '/nowhere/it',
    directory: '/',
    umask: 0o22,
    layout: {
      startCode: CODE, endCode: CODE, startData: DATA, endData: DATA, startBrk: DATA, brk: DATA, startStack: DATA,
      argStart: DATA, argEnd: DATA, envStart: DATA, envEnd: DATA, auxv: '',
    }, // biome-ignore format: a table
    maps: [
      { ...map, start: CODE, end: CODE + 4096n, protection: 'r-x', pieces: made.add(CODE, code) },
      { ...map, start: DATA, end: DATA + 8192n, protection: 'rw-', pieces: made.add(DATA, data) },
      { ...map, start: DATA + 0x10_0000n, end: DATA + 0x10_1000n, protection: 'rw-', shared: true, object: 0, pieces: [] },
      { ...map, start: DATA + 0x20_0000n, end: DATA + 0x20_1000n, protection: 'r--', name: '/nowhere/it', file: { path: '/nowhere/it', size: 4096, digest: '' }, pieces: [] },
    ],
    threads: [
      {
        tid: 4_000_000,
        name: 'it',
        registers: { ...registers, rip: CODE + 0x80n },
        stood: { rip: CODE + 20n, rax: 0n, orig_rax: (1n << 64n) - 1n },
        extended: Buffer.alloc(832).toString('base64'),
        mask: 0n,
        alternate: { sp: 0n, flags: 2, size: 0n },
        robustList: { head: 0n, length: 0n },
        tidAddress: 0n,
        pending: [Buffer.from(new Int32Array(32).fill(10).buffer).toString('base64')],
        rseq: { address: AREA, length: 32, signature: 0x53053053, flags: 0 },
        area: Buffer.from(data.subarray(64, 96)).toString('base64'),
        section: { ip: CODE + 20n, startIp: CODE + 16n, postCommitOffset: 32n, abortIp: CODE + 0x80n, aborted: true },
      },
    ],
    actions: [{ signal: 10, handler: CODE, flags: 0n, restorer: 0n, mask: 0n }],
    pending: [],
    timers: [[0, 0], [0, 0], [0, 0]],
    files: [{ fd: 0, kind: 'stream', path: '/dev/null', flags: 0, position: 0 }],
    objects: [{ kind: 'anonymous', name: '', size: 4096, pieces: [] }],
  }; // biome-ignore format: a table
  const bytes = Buffer.concat(made.encode(image));
  const opened = openImage(
    { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) },
    'it',
  );
  const end = opened.blocks.reduce((sum, { length }) => sum + length, imageHead().length);
  return { bytes, stored: { ...opened.image, blocks: opened.blocks }, blocks: bytes.subarray(0, end) };
}

/** An answer, or one clear line. */
async function answers(use: () => unknown): Promise<boolean> {
  try {
    JSON.stringify(await use());
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(Refused);
    expect((error as Error).message).toMatch(/^\S[^\n]*; [^\n]*$|^cannot read [^\n]*$|^\S+ needs [^\n]*$/);
    return false;
  }
}

type Tree = Record<string, unknown>;
/** Every place in the header: the object, and the name of what is in it. */
function places(tree: unknown): [Tree, string][] {
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.keys(tree).flatMap(
    (key) => [[tree as Tree, key], ...places((tree as Tree)[key])] as [Tree, string][],
  );
}

describe('an image that is right by its digest', () => {
  const { bytes, stored, blocks } = whole();

  it('is one that is understood', async () => {
    writeFileSync(IMAGE, bytes);
    const [process] = inspectFile(IMAGE, KERNEL);
    expect(process!.threads).toMatchObject([
      {
        registration: { length: 32 },
        section: { state: 'valid', position: 'inside' },
        resumes: { how: 'abort' },
        restore: { accepted: true },
      },
    ]);
    expect(await coreAt(IMAGE, CORE)).toMatchObject({ pid: 4_000_000, threads: 1 });
    const [found] = inspectFile(CORE, KERNEL);
    expect(found!.threads).toMatchObject([
      { registration: { length: 32 }, section: { state: 'valid', position: 'inside' } },
    ]);
  });

  const JUNK: readonly unknown[] = [undefined, null, 'x', -1, 2 ** 60, 1n << 63n, [], {}, [null], { at: 1 }];
  it('is refused in one line, or understood, whatever its header says', async () => {
    const count = places(stored).length;
    let refused = 0;
    for (let n = 0; n < count; n++) {
      const copy = structuredClone(stored) as unknown as Tree;
      const [parent, key] = places(copy)[n]!;
      parent[key] = JUNK[n % JUNK.length];
      writeFileSync(IMAGE, Buffer.concat([blocks, ...imageTail(copy as unknown as StoredImage)]));
      if (!(await answers(() => inspectFile(IMAGE, KERNEL)))) refused++;
      if (n % 5 === 0) await answers(() => coreAt(IMAGE, CORE));
    }
    expect(count).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(10);
  });

  it('says what to do where it cannot be unpacked', () => {
    const packed = stored.blocks.map((block) => ({ ...block, packed: true, method: 'brotli' as const }));
    const image = Buffer.concat([blocks, ...imageTail({ ...stored, blocks: packed })]);
    const opened = openImage(
      { size: image.length, read: (at, length) => image.subarray(at, at + length) },
      'it',
    );
    const [piece] = stored.maps.flatMap(({ pieces }) => pieces);
    expect(() => opened.contents(piece!)).toThrow(
      'it is packed by brotli, which cannot be unpacked here; take one with --no-compress',
    );
  });

  it('leaves nothing behind when the making of its core is broken off', async () => {
    writeFileSync(IMAGE, bytes);
    const made = coreAt(IMAGE, join(folder, 'broken.core'));
    process.emit('SIGHUP', 'SIGHUP');
    await expect(made).rejects.toBeInstanceOf(Interrupted);
    expect(readdirSync(folder).filter((name) => name.startsWith('broken'))).toEqual([]);
  });

  it('makes a core that is refused in one line, or understood, whatever is damaged or cut off', async () => {
    writeFileSync(IMAGE, bytes);
    await coreAt(IMAGE, CORE);
    const core = readFileSync(CORE);
    const damaged = join(folder, 'damaged.core');
    let refused = 0;
    for (let at = 0; at < Math.min(core.length, 4096); at += 37) {
      const copy = Uint8Array.from(core);
      copy[at]! ^= 1 << (at % 8);
      writeFileSync(damaged, copy);
      if (!(await answers(() => inspectFile(damaged, KERNEL)))) refused++;
      writeFileSync(damaged, core.subarray(0, at));
      if (!(await answers(() => inspectFile(damaged, KERNEL)))) refused++;
    }
    expect(refused).toBeGreaterThan(10);
  });
});
