import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  BinaryError,
  type CheckFileOptions,
  type CheckResult,
  check,
  checkImage,
  EventHash,
  type Finding,
  findSections,
  type Host,
  hex,
  KERNEL_COLUMNS,
  kernelRules,
  type Outcome,
  RULES,
  type RunSettings,
  readImage,
  run,
  type Severity,
  start,
} from 'rseqlab';
import { describe, expect, expectTypeOf, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUNDLE = join(ROOT, 'dist/browser/rseqlab.js');
/** Both decoders, a linked file, an archive, and an architecture without a decoder. */
const FILES = [
  'test/corpus/build/arming-gap/bad-1.o',
  'test/corpus/build/arming-gap/bad-a64-1.o',
  'test/corpus/build/correct/list-pop.o',
  'test/corpus/linked/pie',
  'test/corpus/linked/archive.a',
  'test/fixtures/cli/arch/s390x.o',
  'examples/run/counter',
].map((file) => join(ROOT, file));

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the package, imported by its name', () => {
  it('checks bytes', () => {
    const [result] = check(readFileSync(FILES[0]!), 'bad-1.o', { kernel: '6.18' });
    expect(result?.findings.map(({ rule, severity }) => `${rule} ${severity}`)).toEqual(['arming-gap error']);
    expect(result).toMatchObject({
      name: 'bad-1.o',
      architecture: 'x86-64',
      type: 'relocatable',
      kernel: '6.18',
    });
  });

  it('gives plain data: it can be copied and sent to a worker', () => {
    for (const file of FILES) {
      const results = check(readFileSync(file), file);
      expect(structuredClone(results)).toEqual(results);
      expect(plain(results)).toEqual(plain(structuredClone(results)));
    }
  });

  it('takes a part of a larger buffer, and changes nothing in it', () => {
    for (const file of FILES) {
      const bytes = readFileSync(file);
      const large = new Uint8Array(bytes.length + 20).fill(0xaa);
      large.set(bytes, 7);
      const before = large.slice();
      expect(check(large.subarray(7, 7 + bytes.length), 'file')).toEqual(check(bytes, 'file'));
      expect(large).toEqual(before);
    }
  });

  it('throws BinaryError for what is no ELF file, RangeError for what is no kernel', () => {
    expect(() => check(new Uint8Array(0), 'nothing')).toThrow(BinaryError);
    expect(() => check(new TextEncoder().encode('text'), 'notes.txt')).toThrow(
      /^notes\.txt: not an ELF file/,
    );
    expect(() => check(readFileSync(FILES[0]!), 'x', { kernel: 'nonsense' })).toThrow(RangeError);
  });

  it('offers its parts one by one', () => {
    const image = readImage(readFileSync(FILES[0]!), 'bad-1.o');
    expect(findSections(image).sections).toHaveLength(1);
    expect(checkImage(image)).toEqual(check(readFileSync(FILES[0]!), 'bad-1.o')[0]);
    expect(RULES.length).toBeGreaterThanOrEqual(29);
    expect(KERNEL_COLUMNS).toContain('6.18');
    expect(kernelRules('6.18').column).toBe('6.18');
    expect(image.symbol('increment')?.address).toBe(0x100000);
    expect(hex(image.symbol('increment')!.address!)).toBe('0x100000');
  });

  it('has types', () => {
    expectTypeOf(check).parameter(0).toEqualTypeOf<Uint8Array>();
    expectTypeOf(check).parameter(1).toEqualTypeOf<string>();
    expectTypeOf(check).parameter(2).toEqualTypeOf<CheckFileOptions | undefined>();
    expectTypeOf(check).returns.toEqualTypeOf<CheckResult[]>();
    expectTypeOf<Finding['severity']>().toEqualTypeOf<Severity>();
    expectTypeOf<Severity>().toEqualTypeOf<'error' | 'warning' | 'note'>();
    // @ts-expect-error: a kernel version is a string
    expect(() => check(readFileSync(FILES[0]!), 'x', { kernel: 6.18 })).toThrow();
  });

  it('has every file that package.json promises', () => {
    const { exports, bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      exports: { '.': Record<string, string> };
      bin: Record<string, string>;
    };
    for (const path of [...Object.values(exports['.']), ...Object.values(bin)])
      expect(existsSync(join(ROOT, path)), path).toBe(true);
  });

  it('is found by Node itself, without any tool', () => {
    const program = `import { check } from 'rseqlab'; import { readFileSync } from 'node:fs';
      console.log(check(readFileSync(${JSON.stringify(FILES[0])}), 'x').length)`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: '1\n', stderr: '', status: 0 });
  });
});

/** As in-browser.js does. */
function simulate(): { outcome: Outcome; hash: string } {
  const hash = new EventHash();
  const host: Host = {
    read: () => new Uint8Array(0),
    write: () => {},
    file: () => undefined,
    directory: () => undefined,
  };
  const settings: RunSettings = {
    kernel: '6.18',
    debugRseq: false,
    cpus: 2,
    seed: 1,
    schedule: 'random',
    memoryLimit: 2 ** 28,
    maxInstructions: null,
    scenario: null,
  };
  const bytes = new Uint8Array(readFileSync(FILES.find((file) => file.endsWith('counter'))!));
  const program = { path: 'counter', arguments: ['counter'], environment: [], bytes };
  const kernel = start(settings, program, host, [() => (event) => hash.add(event)]);
  return { outcome: run(kernel, 1e9), hash: hash.text() };
}

it('the package, imported by its name, runs a program', () => {
  const { outcome, hash } = simulate();
  expect(outcome).toEqual({ kind: 'ended', status: 0 });
  expect(hash).toMatch(/^[0-9a-f]{32}$/);
  expect(simulate().hash).toBe(hash);
});

describe('the browser bundle, without anything of Node', () => {
  const script = join(ROOT, 'test/api/in-browser.js');
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--no-warnings', '--experimental-vm-modules', script, BUNDLE, ...FILES],
    { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 },
  );

  it('runs', () => {
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect((JSON.parse(stdout) as { strangers: string[] }).strangers).toEqual([]);
  });

  it('finds what the package finds in Node', () => {
    const { results } = JSON.parse(stdout) as { results: unknown[] };
    expect(results).toEqual(FILES.map((file) => plain(check(readFileSync(file), 'file'))));
    expect(results.flat().length).toBeGreaterThan(FILES.length);
  });

  it('simulates what the package simulates in Node', () => {
    const { simulated } = JSON.parse(stdout) as { simulated: unknown };
    expect(simulated).toEqual(simulate());
  });

  it('has the exports of the package', async () => {
    const { exports } = JSON.parse(stdout) as { exports: string[] };
    expect(exports.sort()).toEqual(Object.keys(await import('rseqlab')).sort());
  });
});
