import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExploreDocument } from '../../src/explore/timeline.js';
import { oneErrorLine, type Ran, rseqlab } from '../cli/command.js';

const THREADS = 'test/fixtures/start/threads';
const FEW = 'examples/run/few';
const GAP = 'examples/run/few-gap';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'start-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Records a run, and says where. */
function recorded(name: string, program: string, ...args: string[]): string {
  const file = join(folder, name);
  rseqlab(['run', '--cpus', '2', '--max-instructions', '100000', '--record', file, program, ...args]);
  return file;
}

const from = (start: string, ...args: string[]): Ran => rseqlab(['explore', '--start-from', start, ...args]);
const verdictOf = (start: string, ...args: string[]) =>
  (JSON.parse(from(start, '--format', 'json', ...args).stdout) as ExploreDocument).results[0]!;

describe('explore --start-from', () => {
  it('finds what a run that went well has hidden, and replays it', () => {
    const start = recorded('gap', GAP);
    const trace = join(folder, 'gap.json');
    const found = from(start, '--trace', trace);
    expect(found.status).toBe(1);
    expect(found.stdout.slice(0, 200).replace(/\s+/g, ' ')).toMatch(
      /few-gap: from event 13 counterexample: nothing goes wrong: not always. the program ends with status 1/,
    );
    const tail = found.stdout.slice(-3000).replace(/\s+/g, ' ');
    expect(tail).toMatch(
      /task few-gap:100\d read counters\S* at count\+0x\w+ and stored it .* the read stands in front of section/,
    );
    expect(tail).toContain('everything before the start is as it was recorded');
    expect(rseqlab(['replay', trace])).toMatchObject({ status: 0, stderr: '' });
    expect(rseqlab(['replay', '--at', '40', trace]).stdout).toMatch(/^behind row 40 /);
  });

  it('verifies the program that is right, from anywhere, with and without reductions', () => {
    const start = recorded('few', FEW);
    const later = verdictOf(`${start}@26`);
    expect(later).toMatchObject({ verdict: 'verified', tasks: [{ name: 'few' }, { name: 'few:1002' }] });
    const all = verdictOf(`${start}@26`, '--no-fusion', '--no-dead-registers');
    expect(all.verdict).toBe('verified');
    expect(all.counts.states).toBeGreaterThan(later.counts.states);
    // By the time, and with the program named too.
    expect(from(`${start}@1.0000015s`, FEW).status).toBe(0);
  });

  it.each([
    ['lock in two orders', 'd', 'counterexample', 'no task can go on'],
    ['lock in one order', 'l', 'verified', undefined],
    ['a pointer that is cleared between two looks', 'c', 'counterexample', 'SIGSEGV'],
    ['a sleep that is hoped to be long enough', 's', 'counterexample', 'the program ends with status 3'],
    ['a program that ends while its threads go on', 'e', 'verified', undefined],
  ])('%s', (_, mode, verdict, text) => {
    const result = verdictOf(recorded(mode, THREADS, mode));
    expect(result.verdict).toBe(verdict);
    if (text !== undefined) expect(result.counterexample!.violation.text).toContain(text);
  });

  it('has store buffers, too: who sleeps or wakes has emptied his', () => {
    const start = recorded('l', THREADS, 'l');
    expect(verdictOf(start, '--memory', 'tso').verdict).toBe('verified');
  });

  it('names who sleeps and who wakes', () => {
    const { stdout } = from(recorded('d', THREADS, 'd'));
    expect(stdout).toMatch(/=> futex\(2\); sleeps/);
    expect(stdout).toMatch(/=> futex\(2\); wakes threads:100\d/);
    expect(stdout).toMatch(/it was woken/);
  });

  it('goes on with a C library: thread-local sections, a mutex, threads that end and are joined', () => {
    const program = join(folder, 'pthreads');
    writeFileSync(program, gunzipSync(readFileSync('test/fixtures/start/pthreads.gz')), { mode: 0o755 });
    const start = recorded('pthreads.rseq', program);
    // Both threads have done their work: what is left is how they end, and how main waits for that.
    const result = verdictOf(`${start}@89`);
    expect(result).toMatchObject({
      verdict: 'verified',
      tasks: [{ name: 'pthreads' }, { name: 'pthreads:1002' }],
    });
  });

  it('keeps a search that is broken off', () => {
    const start = recorded('few', FEW);
    const file = join(folder, 'kept');
    const whole = verdictOf(`${start}@26`);
    expect(from(`${start}@26`, '--max-states', '500', '--checkpoint-file', file).status).toBe(3);
    const { effort: _, options: __, ...again } = verdictOf(`${start}@26`, '--checkpoint-file', file);
    const { effort: ___, options: ____, ...rest } = whole;
    expect(again).toEqual(rest);
  });
});

describe('what cannot be explored from a recording', () => {
  it.each([
    ['r', '', /thread threads:1001 .*read\(2\)/],
    ['t', '', /a timer of setitimer\(2\) or alarm\(2\) is running/],
    ['f', '', /there are 2 processes \(1000, 1001\)/],
    ['l', '@3', /thread threads calls clone\(2\), which exploration does not have; start behind that/],
    ['l', '@9999', /has no event 9999: its events are 1 to \d+/],
    ['l', '@99s', /the run is over, and there is nothing left to explore/],
  ])('threads %s%s', (mode, at, message) => {
    expect(oneErrorLine(from(`${recorded(mode, THREADS, mode)}${at}`))).toMatch(message);
  });

  it('refuses files that are none, damaged, or of another program', () => {
    const start = recorded('l', THREADS, 'l');
    const bytes = readFileSync(start);
    const cut = join(folder, 'cut');
    writeFileSync(cut, bytes.subarray(0, bytes.length - 100));
    expect(oneErrorLine(from(cut))).toMatch(/is a damaged recording/);
    expect(oneErrorLine(from(join(folder, 'nothing')))).toMatch(/there is no such file/);
    expect(oneErrorLine(from(THREADS))).toMatch(/is not a recording; make one with rseqlab run --record/);
    expect(oneErrorLine(from(start, FEW))).toMatch(
      /is not the program that .* is of, or has been built anew/,
    );
    expect(oneErrorLine(from(recorded('object', 'examples/explore/counter.o')))).toMatch(
      /is one of a scenario: explore the object itself/,
    );
    expect(oneErrorLine(rseqlab(['explore']))).toMatch(/say what to explore/);
  });

  it.each(['--cpus', '--kernel', '--task', '--scenario'])('refuses %s: the recording says it', (option) => {
    expect(oneErrorLine(from(recorded('l', THREADS, 'l'), option, '2'))).toMatch(
      new RegExp(`${option}: with --start-from the recording says`),
    );
  });
});
