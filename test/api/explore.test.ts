import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CounterexampleTrace, readTrace } from '../../src/explore/trace.js';
import {
  ExploreError,
  type ExploreFileOptions,
  expectCounterexample,
  expectVerified,
  explore,
  exploreHtml,
  UnexpectedVerdict,
} from '../../src/node/door.js';
import { ROOT, rseqlab } from '../cli/command.js';

const at = (path: string): string => join(ROOT, path);
const RIGHT = at('examples/explore/counter.o');
const BUG = at('examples/explore/counter-bug.o');

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was not rejected');
}

describe('explore', () => {
  it('gives the document of the command, of a file, a URL, and bytes', async () => {
    const path = 'examples/explore/counter-bug.o';
    const printed = JSON.parse(rseqlab(['explore', '--format', 'json', path]).stdout) as object;
    const plain = (document: object): unknown =>
      JSON.parse(JSON.stringify(document, (key, value) => (key === 'effort' ? undefined : value)));
    const bytes = new Uint8Array(readFileSync(BUG));
    expect(plain(await explore(bytes, { name: path }))).toEqual(plain(printed));
    const ofFile = plain(await explore(BUG)) as object;
    expect(ofFile).toEqual({ ...(plain(printed) as object), file: BUG });
    expect(plain(await explore(pathToFileURL(BUG)))).toEqual(ofFile);
    expect(bytes).toEqual(new Uint8Array(readFileSync(BUG)));
  });

  it('takes all options of the command', async () => {
    const { results } = await explore(RIGHT, {
      cpus: 3,
      kernel: '6.3',
      debugRseq: true,
      scenario: 'count',
      oracle: 'serial',
      memory: 'sc',
      maxStates: 1e6,
      maxAborts: 3,
      maxMemory: 2 ** 30,
      time: 60,
      jobs: 2,
      exact: true,
      reductions: { symmetry: false, fusion: false, registers: false, cpus: false, sleep: false },
    });
    expect(results).toHaveLength(1);
    expect(results[0]).toMatchObject({
      verdict: 'bounded',
      options: { cpus: 3, kernel: '6.3', debugRseq: true, maxStates: 1e6, maxAborts: 3, time: 60 },
      bound: { kind: 'aborts', completeLayers: 4 },
      store: { exact: true },
    });
    expect(results[0]!.reductions.every(({ on }) => !on)).toBe(true);
  });

  it('goes through all scenarios of a file', async () => {
    const { results } = await explore(at('examples/explore/signal.o'));
    expect(results.map(({ scenario, verdict }) => `${scenario} ${verdict}`).sort()).toEqual([
      'one verified',
      'three verified',
      'two verified',
    ]);
  });

  it('writes the trace of the first counterexample, and no other names it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rseqlab-test-'));
    try {
      const trace = join(folder, 'bug.json');
      const { results } = await explore(at('examples/explore/cached-cpu.o'), { kernel: '6.19', trace });
      expect(results.map(({ verdict }) => verdict)).toEqual(['counterexample', 'counterexample']);
      const files = results.map(({ counterexample }) => counterexample?.traceFile);
      expect(files).toEqual([trace, undefined]);
      const written: CounterexampleTrace = readTrace(readFileSync(trace, 'utf8'), trace);
      expect(written.document.results).toEqual([results[0]]);
      const none = join(folder, 'none.json');
      await explore(RIGHT, { trace: none });
      expect(existsSync(none)).toBe(false);
      const error = await rejection(explore(BUG, { trace: join(folder, 'no/where') }));
      expect(error).toBeInstanceOf(ExploreError);
      expect(error.message).toMatch(/cannot write .*no\/where: there is no such file or directory; choose/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('ends with what is known when its signal is set, with a result for each scenario', async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const { results } = await explore(at('examples/explore/counters.o'), {
      cpus: 4,
      reductions: { symmetry: false, fusion: false, registers: false },
      signal: controller.signal,
      onProgress: ({ scenario, states }) => {
        seen.push(scenario);
        if (states > 100) controller.abort();
      },
    });
    expect(seen.length).toBeGreaterThan(0);
    expect(results).toHaveLength(7);
    expect(results.at(-1)).toMatchObject({ verdict: 'bounded', bound: { kind: 'interrupted' } });
    expect(results.some(({ verdict }) => verdict === 'counterexample')).toBe(false);
  });

  it('makes a page of its result', async () => {
    expect(exploreHtml(await explore(BUG))).toMatch(/^<!doctype html>/i);
  });

  it.each<[ExploreFileOptions, RegExp]>([
    [{ cpus: 0 }, /^cpus: 0: give a whole number from 1 to 8$/],
    [{ cpus: 1.5 }, /^cpus: 1.5: give/],
    [{ jobs: 65 }, /^jobs: 65: give a whole number from 1 to 64$/],
    [{ maxStates: Number.NaN }, /^maxStates: NaN: give/],
    [{ time: '3' as unknown as number }, /^time: 3: give/],
    [{ kernel: 'new' }, /^kernel: new: .*; give 4.18 or newer/],
    [{ oracle: 'none' as 'auto' }, /^oracle: there is no "none"; give one of auto, serial, claims$/],
    [{ scenario: 'other' }, /has no scenario other; it has count$/],
    [{ maxState: 1 } as ExploreFileOptions, /^options: there is no "maxState"; give one of/],
    [{ reductions: { all: false } as never }, /^reductions: there is no "all"/],
  ])('refuses %j in one line', async (options, message) => {
    const error = await rejection(explore(RIGHT, options));
    expect(error).toBeInstanceOf(ExploreError);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
  });

  it.each([
    [
      'examples/run/counter',
      /has no function main among its symbols, .* do not strip it, or give the relocatable object/,
    ],
    ['test/corpus/build/correct/increment.o', /has no scenario; state one with include\/rseqlab\.h/],
    ['README.md', /not an ELF file/],
    ['examples', /is no file; give a relocatable object/],
    ['nowhere.o', /cannot read .*nowhere\.o: there is no such file or directory; give/],
  ])('refuses %s in one line', async (path, message) => {
    const error = await rejection(explore(at(path)));
    expect(error).toBeInstanceOf(ExploreError);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
  });
});

/** Lines of a stack that are frames. */
const frames = (error: Error): string[] => error.stack!.split('\n').filter((line) => /^ {4}at /.test(line));

describe('expectVerified', () => {
  it('says what was found out', async () => {
    const { results } = await expectVerified(RIGHT);
    expect(results.map(({ verdict }) => verdict)).toEqual(['verified']);
  });

  it('fails with the counterexample as its message, and one frame: that of the caller', async () => {
    const error = await rejection(expectVerified(BUG));
    expect(error).toBeInstanceOf(UnexpectedVerdict);
    const [head, ...text] = error.message.split('\n');
    expect(head).toBe('expected verified, found count: counter-bug.c:42: sum() == 2 does not hold');
    expect(text.join('\n')).toMatch(/ == two: begins on cpu 0 =/);
    expect(text.join('\n')).toMatch(/inc %rax +rax 0 -> 1/);
    expect(frames(error)).toHaveLength(1);
    expect(frames(error)[0]).toContain('explore.test.ts');
    expect((error as UnexpectedVerdict).document.results[0]!.verdict).toBe('counterexample');
  });

  it('fails where a bound ended the search, and says which', async () => {
    const error = await rejection(expectVerified(RIGHT, { maxAborts: 2 }));
    expect(error.message).toMatch(
      /^expected verified, found count: bounded: --max-aborts 2 was reached\n\n.*\nbounded: .*so far/,
    );
  });

  it('paints only where the runner wants it', async () => {
    const { FORCE_COLOR, NO_COLOR } = process.env;
    const painted = async (): Promise<boolean> =>
      (await rejection(expectVerified(BUG))).message.includes('\u001b[');
    try {
      delete process.env['NO_COLOR'];
      process.env['FORCE_COLOR'] = '1';
      expect(await painted()).toBe(true);
      process.env['NO_COLOR'] = '1';
      expect(await painted()).toBe(false);
      delete process.env['NO_COLOR'];
      delete process.env['FORCE_COLOR'];
      expect(await painted()).toBe(false);
    } finally {
      Object.assign(process.env, { ...(FORCE_COLOR && { FORCE_COLOR }), ...(NO_COLOR && { NO_COLOR }) });
    }
  });
});

describe('expectCounterexample', () => {
  it.each([
    undefined,
    'sum() == 2',
    /sum\(\)/,
    { kind: 'final' },
    { text: 'sum' },
    { kind: 'final', text: /^counter-bug/ },
  ] as const)('accepts %j', async (expected) => {
    const { results } = await expectCounterexample(BUG, {}, expected);
    expect(results[0]!.counterexample!.cost).toBe(6);
  });

  it.each([
    ['sum() == 3', '"sum() == 3"'],
    [/three/, '/three/'],
    [{ kind: 'deadlock' }, 'deadlock'],
    [{ kind: 'final', text: 'other' }, 'final, "other"'],
  ] as const)('fails for %j', async (expected, told) => {
    const error = await rejection(expectCounterexample(BUG, {}, expected));
    expect(error.message.split('\n')[0]).toBe(
      `expected a counterexample with ${told}, found count: counter-bug.c:42: sum() == 2 does not hold`,
    );
    expect(frames(error)).toHaveLength(1);
  });

  it('fails where there is none', async () => {
    const error = await rejection(expectCounterexample(RIGHT));
    expect(error.message).toMatch(/^expected a counterexample, found count: verified\n/);
  });
});

/** A project of somebody else's, with the package as npm packs it. */
describe('the packed package', () => {
  let folder = '';
  const node = (...args: readonly string[]) => {
    const { FORCE_COLOR: _, NODE_OPTIONS: __, VITEST: ___, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: folder,
      encoding: 'utf8',
      env: { ...env, NO_COLOR: '1' },
    });
    return { status, out: `${stdout}${stderr}` };
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'rseqlab-test-'));
    // Without scripts: other tests use what is built.
    const packed = spawnSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const archive = packed.stdout.trim().split('\n').at(-1)!;
    const modules = join(folder, 'node_modules');
    mkdirSync(join(modules, 'rseqlab'), { recursive: true });
    spawnSync('tar', ['-xzf', join(folder, archive), '--strip-components=1', '-C', join(modules, 'rseqlab')]);
    for (const name of ['commander', 'fflate', 'iced-x86', 'vitest'])
      symlinkSync(at(`node_modules/${name}`), join(modules, name));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    cpSync(at('examples/explore'), join(folder, 'explore'), { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs the example of node:test', () => {
    const { status, out } = node('--test', 'explore/node-test/list.test.mjs');
    expect(out).toMatch(/pass 2\n/);
    expect(status).toBe(0);
  });

  it('shows a counterexample in node:test, at the line of the test', () => {
    writeFileSync(
      join(folder, 'bug.test.js'),
      `import { test } from 'node:test';
import { expectVerified } from 'rseqlab/explore';
test('counts', async () => {
  await expectVerified('explore/counter-bug.o');
});
`,
    );
    const { status, out } = node('--test', '--test-reporter=spec', 'bug.test.js');
    expect(status).toBe(1);
    expect(out).toContain('sum() == 2 does not hold');
    expect(out).toMatch(/two: begins on cpu 0/);
    expect(out).toMatch(/bug\.test\.js:4:9/);
    expect(out).not.toMatch(/dist\/node/);
  });

  it('runs the example of vitest, and shows a counterexample there', () => {
    writeFileSync(
      join(folder, 'bug.test.ts'),
      `import { expectVerified } from 'rseqlab/explore';
import { it } from 'vitest';
it('counts', async () => {
  await expectVerified('explore/counter-bug.o');
});
`,
    );
    const { status, out } = node(
      at('node_modules/vitest/vitest.mjs'),
      'run',
      '--root',
      folder,
      '--maxWorkers=1',
      '--no-file-parallelism',
      'explore/vitest',
      'bug',
    );
    expect(out).toMatch(/Tests +1 failed \| 3 passed/);
    expect(out).toContain('found count: counter-bug.c:42: sum() == 2 does not hold');
    expect(out).toMatch(/two: begins on cpu 0/);
    expect(out).toMatch(/bug\.test\.ts:4:9/);
    expect(status).toBe(1);
  });

  it('has types that need no others', () => {
    writeFileSync(
      join(folder, 'typed.ts'),
      `import { explore, expectVerified, type ExploreDocument, type ExploreFileOptions } from 'rseqlab/explore';
const options: ExploreFileOptions = { cpus: 2, reductions: { fusion: false } };
const document: ExploreDocument = await explore('counter.o', options);
const verdict: 'verified' | 'counterexample' | 'bounded' = document.results[0]!.verdict;
await expectVerified(new Uint8Array(1), { signal: { aborted: verdict === 'bounded' } });
// @ts-expect-error: a number
await explore('counter.o', { cpus: '2' });
// @ts-expect-error: no such option
await explore('counter.o', { maxState: 2 });
`,
    );
    const tsc = at('node_modules/typescript/bin/tsc');
    const flags = '--noEmit --strict --target es2022 --lib es2022,dom --types'.split(' ');
    const { status, out } = node(tsc, ...flags, '', '--module', 'nodenext', 'typed.ts');
    expect({ status, out }).toEqual({ status: 0, out: '' });
  });
});
