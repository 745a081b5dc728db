import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { afterAll, describe, expect, it } from 'vitest';
import { inspectFile } from '../../src/live/inspect/file.js';
import { Refused } from '../../src/live/refused.js';
import type { InspectDocument } from '../../src/report/inspect-document.js';
import { oneErrorLine, ROOT, rseqlab } from '../cli/command.js';

const FIXTURE = join(ROOT, 'test/fixtures/criu');
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-criu-'));
afterAll(() => rmSync(folder, { recursive: true }));
const [FIRST, SECOND, THIRD] = [31353, 31355, 31356];
const KERNEL = { release: '6.18.44', debugRseq: false } as const;

/** A copy of the images to be changed. */
function copy(name: string): string {
  const path = join(folder, name);
  cpSync(join(FIXTURE, 'images'), path, { recursive: true });
  return path;
}

type Value = number | bigint | string | Written;
/** A message by the numbers of its fields. */
type Written = { readonly [field: number]: Value };

function encode(message: Written): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, value] of Object.entries(message)) {
    if (typeof value === 'object') writer.tag(Number(field), WireType.LengthDelimited).bytes(encode(value));
    else if (typeof value === 'string') writer.tag(Number(field), WireType.LengthDelimited).string(value);
    else writer.tag(Number(field), WireType.Varint).uint64(value);
  }
  return writer.finish();
}

const size = (bytes: Uint8Array): Uint8Array => new Uint8Array(new Uint32Array([bytes.length]).buffer);

/** One more entry at the end of a file. */
function add(path: string, message: Written): void {
  const entry = encode(message);
  writeFileSync(path, Buffer.concat([readFileSync(path), size(entry), entry]));
}

/** More fields of a file's only entry: of a field that is there twice the last one counts. */
function change(path: string, message: Written): void {
  const bytes = readFileSync(path);
  const entry = Buffer.concat([bytes.subarray(12), encode(message)]);
  writeFileSync(path, Buffer.concat([bytes.subarray(0, 8), size(entry), entry]));
}

const thread = (path: string, tid: number): string => join(path, `core-${tid}.img`);
/** thread_core.rseq_entry. */
const registration = (address: bigint, length: number, signature = 0x53053053, putBack = 0n): Written => ({
  5: { 15: { 1: address, 2: length, 3: signature, ...(putBack === 0n ? {} : { 4: putBack }) } },
});
/** thread_info.gpregs.ip. */
const at = (ip: bigint): Written => ({ 2: { 2: { 17: ip } } });

function inspect(path: string, kernel = '6.18') {
  const { stdout, stderr, status } = rseqlab(['inspect', '--format', 'json', '--kernel', kernel, path]);
  expect(stderr).toBe('');
  const { processes } = JSON.parse(stdout) as InspectDocument;
  return {
    status,
    process: processes[0]!,
    thread: (tid: number) => processes[0]!.threads.find((each) => each.tid === tid)!,
  };
}

describe("inspect of CRIU's images", () => {
  it('says what was registered, and that a thread was moved to its abort handler', () => {
    const { status, process, thread } = inspect(join(FIXTURE, 'images'));
    expect(status).toBe(0);
    expect(process).toMatchObject({
      kind: 'criu',
      pid: FIRST,
      name: 'sections',
      executable: '/srv/sections',
    });
    expect(process.auxv).toEqual({ AT_RSEQ_FEATURE_SIZE: 28, AT_RSEQ_ALIGN: 32 });
    expect(process.notes.join()).toContain('no flags');
    expect(thread(FIRST)).toMatchObject({
      registration: { address: '0x401260', length: 32, signature: '0x53053053', flags: 0 },
      section: null,
      resumes: { how: 'there' },
      restore: { accepted: true },
      problems: [],
    });
    expect(thread(SECOND)).toMatchObject({
      registration: { address: '0x401240' },
      section: {
        state: 'valid',
        position: 'aborted',
        abort: { address: '0x40014d' },
        descriptor: { start_ip: '0x40013e' },
      },
      resumes: { how: 'abort', place: { address: '0x40014d' } },
      restore: { accepted: true },
    });
    expect(thread(THIRD)).toMatchObject({ registration: null, restore: null });
  });

  it('names places, where the program is there', () => {
    const path = copy('named');
    const program = join(folder, 'sections');
    copyFileSync(join(FIXTURE, 'sections'), program);
    // reg_file_entry: id 3 is the program.
    const bytes = readFileSync(program).length;
    for (let id = 1; id < 10; id++)
      if (isProgram(path, id))
        add(join(path, 'files.img'), { 1: 1, 2: id, 3: { 1: id, 6: program, 8: bytes } });
    const { process, thread } = inspect(path);
    expect(process.image!.files).toEqual({ mapped: [program], missing: [] });
    expect(thread(SECOND)).toMatchObject({
      registration: { owner: { kind: 'static', text: expect.stringContaining('second_area in sections') } },
      section: { start: { function: 'counting' }, abort: { function: 'counting' } },
    });
    // It may be another one now.
    writeFileSync(program, 'something else');
    expect(inspect(path).process.image!.files.missing).toEqual([program]);
  });

  it.each([
    ['length 32', 0x401240n, 32, '7.1', { accepted: true }],
    ['more than 32 at an address that fits 6.18', 0x401260n, 33, '6.18', { accepted: true }],
    [
      'the same where 64 is wanted',
      0x401260n,
      33,
      '7.1',
      { accepted: false, answer: 'EINVAL', why: expect.stringContaining('AT_RSEQ_ALIGN') },
    ],
    ['the same aligned', 0x401240n, 33, '7.1', { accepted: true }],
    [
      'another length than 32 before 6.3',
      0x401240n,
      33,
      '5.10',
      { accepted: false, answer: 'EINVAL', why: 'length is not 32' },
    ],
    ['less than 32', 0x401240n, 20, '6.18', { accepted: false, answer: 'EINVAL', why: 'length is below 32' }],
    ['unaligned', 0x401250n, 32, '6.18', { accepted: false, answer: 'EINVAL' }],
    ['where nothing is mapped', 0x10000n, 32, '6.18', { accepted: false, answer: 'EFAULT' }],
    ['outside of user space', 0x8000_0000_0000_0000n, 32, '6.18', { accepted: false, answer: 'EFAULT' }],
  ])('says whether a kernel will take it: %s', (_, address, length, kernel, answer) => {
    const path = copy(`judged-${kernel}-${address}-${length}`);
    change(thread(path, FIRST), registration(address, length));
    const found = inspect(path, kernel);
    expect(found.thread(FIRST).restore).toMatchObject(answer);
    if (!answer.accepted) expect(found.status).toBe(1);
  });

  it('finds a signature that is not the one in front of the abort handler', () => {
    const path = copy('signature');
    change(thread(path, SECOND), { ...registration(0x401240n, 32, 0x1234) });
    const { status, thread: found } = inspect(path);
    expect(status).toBe(1);
    expect(found(SECOND)).toMatchObject({ section: { state: 'broken' }, problems: [{ rule: 'signature' }] });
  });

  it('finds a thread that was left inside its section', () => {
    const path = copy('inside');
    change(thread(path, SECOND), at(0x400143n));
    const { status, thread: found } = inspect(path);
    expect(status).toBe(1);
    expect(found(SECOND)).toMatchObject({
      section: { position: 'inside' },
      resumes: { how: 'inside' },
      problems: [{ rule: null, text: expect.stringContaining('inside its section') }],
    });
  });

  it('says that CRIU will put rseq_cs back', () => {
    const path = copy('put-back');
    change(thread(path, FIRST), { ...registration(0x401260n, 32, 0x53053053, 0x4011e0n), ...at(0x400143n) });
    const { thread: found } = inspect(path);
    expect(found(FIRST)).toMatchObject({
      note: expect.stringContaining('CRIU lets rseq_cs lead there again'),
      section: { rseq_cs: '0x4011e0', position: 'inside' },
      resumes: { how: 'inside' },
    });
  });

  it('reads what has not changed in the images that these were made from', () => {
    const path = copy('child');
    const map = join(path, `pagemap-${FIRST}.img`);
    cpSync(join(FIXTURE, 'images'), join(path, 'before'), { recursive: true });
    symlinkSync('before', join(path, 'parent'));
    // All of it is in the parent.
    const head = readFileSync(map).subarray(0, 14);
    writeFileSync(map, head);
    add(map, { 1: 0x400000n, 2: 2, 3: 1 });
    expect(inspect(path).thread(SECOND)).toEqual(inspect(join(FIXTURE, 'images')).thread(SECOND));
    rmSync(join(path, 'parent'));
    expect(oneErrorLine(rseqlab(['inspect', path]))).toContain('needs the images that it was made from');
  });

  it('does not guess what pages hold that are on another machine still', () => {
    const path = copy('lazy');
    const map = join(path, `pagemap-${FIRST}.img`);
    writeFileSync(map, readFileSync(map).subarray(0, 14));
    add(map, { 1: 0x400000n, 2: 2, 4: 2 });
    const { status, thread: found } = inspect(path);
    expect(status).toBe(0);
    expect(found(SECOND)).toMatchObject({ registration: { length: 32 }, area: null, section: null });
  });

  it('refuses in one line what is no such folder, or lacks something', () => {
    const refuse = (path: string): string => oneErrorLine(rseqlab(['inspect', path]));
    expect(refuse('docs')).toBe(
      'rseqlab: docs is a folder without inventory.img: no images of CRIU; give an image, a core, or the number of a process',
    );
    const arm = copy('arm');
    change(thread(arm, FIRST), { 1: 3 });
    expect(refuse(arm)).toContain(`core-${FIRST}.img is of another architecture`);
    const old = copy('old');
    const inventory = join(old, 'inventory.img');
    const bytes = readFileSync(inventory);
    const entry = encode({ 1: 1 });
    writeFileSync(inventory, Buffer.concat([bytes.subarray(0, 4), size(entry), entry]));
    expect(refuse(old)).toContain('is of version 1');
    const without = copy('without');
    rmSync(thread(without, SECOND));
    expect(refuse(without)).toContain(`core-${SECOND}.img: there is no such file`);
    const renamed = copy('renamed');
    copyFileSync(join(renamed, 'pstree.img'), join(renamed, 'files.img'));
    expect(refuse(renamed)).toContain('is not the files image of CRIU that its name says');
    const short = copy('short');
    writeFileSync(join(short, 'pages-1.img'), new Uint8Array(4096));
    expect(refuse(short)).toContain('pages-1.img is damaged');
  });

  it('has one clear error, or an answer, whatever is damaged', () => {
    const path = copy('damaged');
    let refused = 0;
    const look = (): void => {
      try {
        JSON.stringify(inspectFile(path, KERNEL));
      } catch (error) {
        expect(error).toBeInstanceOf(Refused);
        expect((error as Error).message).toMatch(/^\S.*; .*|cannot read .*: there is no such file/);
        refused++;
      }
    };
    for (const name of readdirSync(path)) {
      const file = join(path, name);
      const bytes = readFileSync(file);
      const step = Math.max(5, Math.floor(bytes.length / 40));
      for (let n = 0; n < bytes.length; n += step) {
        const damaged = Uint8Array.from(bytes);
        damaged[n]! ^= 1 << (n % 8);
        writeFileSync(file, damaged);
        look();
        writeFileSync(file, bytes.subarray(0, n));
        look();
      }
      writeFileSync(file, bytes);
    }
    expect(refused).toBeGreaterThan(50);
  });
});

/** Does this id name the program in these images? */
function isProgram(path: string, id: number): boolean {
  const bytes = readFileSync(join(path, 'files.img'));
  for (let at = 8; at < bytes.length; at += 4 + bytes.readUInt32LE(at)) {
    const entry = bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at));
    if (entry.includes('/srv/sections') && entry[2] === 0x10 && entry[3] === id) return true;
  }
  return false;
}
