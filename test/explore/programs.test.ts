import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExploreDocument } from '../../src/explore/timeline.js';
import { oneErrorLine, rseqlab } from '../cli/command.js';

const BARE = 'test/fixtures/linked/bare';
/** With the places at which the section of `count` can be aborted. */
const PROGRAMS = { scenarios: 5, 'scenarios-pie': 5, 'scenarios-aarch64': 6 } as const;
const KINDS = Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'programs-'));
  for (const name of KINDS)
    writeFileSync(join(folder, name), gunzipSync(readFileSync(`test/fixtures/linked/${name}.gz`)), {
      mode: 0o755,
    });
});
afterAll(() => rmSync(folder, { recursive: true }));

const explore = (name: string, ...args: string[]) => rseqlab(['explore', ...args, join(folder, name)]);
const verdictOf = (name: string, ...args: string[]) =>
  (JSON.parse(explore(name, '--format', 'json', ...args).stdout) as ExploreDocument).results[0]!;
const native = process.platform === 'linux' && process.arch === 'x64';

describe.each(KINDS)('explore of a whole program: %s', (name) => {
  it('runs its start code, its constructors, and its scenario in threads of its own', () => {
    const result = verdictOf(name, '--scenario', 'count');
    expect(result).toMatchObject({
      verdict: 'verified',
      claim: 'no increment is lost',
      tasks: [{ name: 'task.1' }, { name: 'task.2' }],
    });
    expect(result.counts.abortPoints).toEqual({ covered: PROGRAMS[name], all: PROGRAMS[name] });
    expect(result.assumptions.join('\n')).toContain('by its own pthread_create');
  });

  it('finds what is wrong, with names, and replays it', () => {
    const trace = join(folder, `${name}.json`);
    const { status, stdout } = explore(name, '--scenario', 'early', '--trace', trace);
    expect(status).toBe(1);
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/sum\(\) == 42 does not hold/);
    expect(stdout.slice(-3000).replace(/\s+/g, ' ')).toMatch(
      /task task\.\d read counters\S* at gap\S* and stored it at gap\S*/,
    );
    expect(rseqlab(['replay', trace])).toMatchObject({ status: 0, stderr: '' });
    expect(rseqlab(['replay', '--at', '20', trace]).stdout).toMatch(/^behind row 20 /);
  });

  it('takes assert(3) for a claim', () => {
    const { counterexample } = verdictOf(name, '--scenario', 'asserts');
    expect(counterexample!.violation).toMatchObject({ kind: 'assert' });
    expect(counterexample!.violation.text).toMatch(/scenarios\.c:\d+: .*shared != 1 does not hold/);
  });

  it('lets tasks wait for a mutex', () => {
    const { verdict, bound } = verdictOf(name, '--scenario', 'locked', '--max-aborts', '2');
    expect([verdict, bound?.kind]).toEqual(['bounded', 'aborts']);
  });

  it('calls functions of it, without a scenario', () => {
    const task = (call: string) => explore(name, '--task', call).status;
    expect(task('void add_atomically(buffer:8, 1)*2')).toBe(0);
    expect(task('void add(buffer:8, 1)*2')).toBe(1);
  });

  it.skipIf(!native || name === 'scenarios-aarch64')(
    'is an ordinary program as well (not x86-64 Linux: skipped)',
    () => {
      expect(spawnSync(join(folder, name), ['locked', '3'], { encoding: 'utf8' })).toMatchObject({
        status: 0,
        stdout: 'locked: one at a time: 3 rounds\n',
      });
    },
  );

  it('runs so on the simulated machine, too', () => {
    expect(rseqlab(['run', join(folder, name), 'locked'])).toMatchObject({
      status: 0,
      stdout: 'locked: one at a time: 1 round\n',
    });
  });
});

describe('a program without a C library', () => {
  it.each([
    ['void add_atomically(&counter, 1)*2', 0],
    ['void add(&counter, 1)*2', 1],
  ])('%s', (task, status) => {
    expect(rseqlab(['explore', '--task', task, BARE]).status).toBe(status);
  });
});

describe('programs that cannot be explored', () => {
  it.each([
    [[BARE], /bare has no scenario; state one/],
    [['--task', 'none()', BARE], /there is no function none/],
    [['examples/run/counter'], /counter has no function main among its symbols.*do not strip it/],
    [['test/fixtures/run/refused-dynamic'], /is dynamically linked, .* link it statically: gcc -static/],
  ])('%j', (args, message) => {
    expect(oneErrorLine(rseqlab(['explore', ...args]))).toMatch(message);
  });

  it('--scenario names one that it has', () => {
    expect(oneErrorLine(explore('scenarios', '--scenario', 'x'))).toMatch(
      /has no scenario x; it has .*count/,
    );
  });
});
