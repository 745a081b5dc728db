import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ExploreError } from '../../src/explore/options.js';
import { Retelling } from '../../src/explore/retelling.js';
import { readTrace } from '../../src/explore/trace.js';
import { type ExploreFileOptions, explore } from '../../src/node/explore.js';
import { oneErrorLine, ROOT, rseqlab, withFolder } from '../cli/command.js';

const CALLS = `${ROOT}test/explore/calls/calls.o`;
const LOST = `${ROOT}test/explore/calls/lost.o`;

async function verdictOf(file: string, tasks: readonly string[], options: ExploreFileOptions = {}) {
  const { results } = await explore(file, { tasks, ...options });
  expect(results).toHaveLength(1);
  return results[0]!;
}
const said = async (file: string, ...tasks: readonly string[]): Promise<string> => {
  const { verdict, counterexample } = await verdictOf(file, tasks);
  return counterexample?.violation.kind ?? verdict;
};

describe('calls as tasks', () => {
  it.each([
    // Per CPU, one buffer or array for both.
    [CALLS, ['add(&counters, 1)*2'], 'verified'],
    [CALLS, ['add(buffer:512, 1) * 2'], 'verified'],
    [LOST, ['add(&counters, 1)*2'], 'serial'],
    [LOST, ['add(buffer:512, 1)*2'], 'serial'],
    [LOST, ['add(&counters, 1)', 'add(&counters, 5)'], 'serial'],
    // Of two tasks that are told apart each has a buffer of its own, unless it has a name.
    [LOST, ['add(buffer:512, 1)', 'add(buffer:512, 5)'], 'verified'],
    [LOST, ['add(buffer:512:both, 1)', 'add(buffer:0x200:both, 5)'], 'serial'],
    [LOST, ['add(&counters, 1)', 'add(&counters+256, 1)'], 'verified'],
    // What is returned counts as far as it is said to.
    [CALLS, ['int exchange(buffer:4, 1)*3'], 'verified'],
    [CALLS, ['put(buffer:8:one, 1)', 'put(buffer:8:one, 2)'], 'serial'],
    [CALLS, ['void put(buffer:8:one, 1)', 'void put(buffer:8:one, 2)'], 'verified'],
    // It counts who has which result: 1 and 2, where undisturbed it is 0 and 2, or 2 and 1.
    [CALLS, ['tickets(buffer:8, 1)*2'], 'verified'],
    [CALLS, ['tickets(buffer:8:next, 1)', 'tickets(buffer:8:next, 2)'], 'serial'],
    [CALLS, ['another_ticket(buffer:8:next)', 'tickets(buffer:8:next, 2)'], 'serial'],
    [CALLS, ['six(1, -2, 0xffffffffffffffff, &counters+8, buffer:8, 6)'], 'verified'],
    [CALLS, ['six(1, -2, 3, &counters+8, buffer:8, 6)'], 'assert'],
    // A file's scenarios are not looked at.
    [`${ROOT}examples/explore/counter.o`, ['void increment()*2'], 'verified'],
    [`${ROOT}examples/explore/counter-bug.o`, ['void increment()*2'], 'serial'],
  ] as const)('%s %j: %s', async (file, tasks, verdict) => {
    expect(await said(file, ...tasks)).toBe(verdict);
  });

  it('have names, and so have their buffers', async () => {
    const { tasks, scenario, counterexample } = await verdictOf(LOST, ['add(buffer:512, 1)*2']);
    expect(scenario).toBe('add(buffer:512, 1)*2');
    expect(tasks.map(({ name }) => name)).toEqual(['add(buffer:512, 1).1', 'add(buffer:512, 1).2']);
    expect(counterexample!.watched.map(({ name }) => name)).toContain('buffer1');
    expect(counterexample!.rows.map(({ place }) => place)).toContain('the end of the task');
  });

  it('are the same with task symmetry and without', async () => {
    for (const [file, verdict] of [
      [CALLS, 'verified'],
      [LOST, 'counterexample'],
    ] as const) {
      const reductions = { symmetry: false, fusion: false, registers: false };
      const found = await verdictOf(file, ['add(&counters, 1)*2'], { reductions });
      expect(found.verdict).toBe(verdict);
    }
  });

  it('are replayed from a trace', () => {
    withFolder((folder) => {
      const trace = join(folder, 'bug.json');
      const task = 'add(buffer:512:both, 1)';
      const args = ['explore', '--trace', trace, '--task', task, '--task', task, LOST];
      const { status, stdout } = rseqlab(args);
      expect(status).toBe(1);
      expect(rseqlab(['replay', trace])).toEqual({ status: 0, stdout, stderr: '' });
      const telling = new Retelling(readTrace(readFileSync(trace, 'utf8'), trace), () => undefined);
      while (telling.next() !== undefined);
      const { tasks, memory } = telling.moment();
      expect(tasks.map(({ results }) => results)).toEqual([['0x1'], ['0x1']]);
      expect(memory.find(({ name }) => name === 'both')!.value).toBe('0x1');
    });
  });

  it.each([
    [['ad(1)'], /task "ad\(1\)": there is no function ad; it has add, /],
    [['counters(1)'], /there is no function counters/],
    [['add(&cuonters)'], /there is no symbol cuonters; it has counters, /],
    [['add(counters)'], /argument "counters": give an integer, &symbol or buffer:SIZE/],
    [['add'], /write it as 'function\(1, &symbol, buffer:64\)', with \*2/],
    [['add(1'], /write it as/],
    [['add(1,2,3,4,5,6,7)'], /7 arguments; 6 are the most/],
    [['add(buffer:0)'], /a buffer has 1 to 1048576 bytes/],
    [['add(buffer:8:a)', 'add(buffer:9:a)'], /buffer a has 8 bytes elsewhere, and 9 here/],
    [['add(0x10000000000000000)'], /give an integer/],
    [['add(99999999999999999999)'], /has more than 64 bits/],
    [['add()*65'], /there can be 1 to 64 tasks, not 65/],
    [['add()*40', 'add()*40'], /more than 64 tasks/],
    [[], /give at least one/],
  ])('%j is refused in one line', async (tasks, message) => {
    const error = await explore(CALLS, { tasks }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ExploreError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('\n');
  });

  it('are options of the command', () => {
    const lost = ['--task', 'add(&counters, 1)', '--task', 'add(&counters, 2)', LOST];
    expect(rseqlab(['explore', ...lost])).toMatchObject({ status: 1, stderr: '' });
    expect(oneErrorLine(rseqlab(['explore', '--task', 'ad()', CALLS]))).toMatch(/there is no function ad/);
    expect(oneErrorLine(rseqlab(['explore', '--scenario', 'x', '--task', 'add()', CALLS]))).toMatch(
      /scenario and tasks: give one of the two/,
    );
    expect(oneErrorLine(rseqlab(['explore', CALLS]))).toMatch(/or say with --task what to call/);
  });
});
