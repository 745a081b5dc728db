import { spawnSync } from 'node:child_process';
import { release } from 'node:os';
import { expect, it } from 'vitest';
import type { Kernel } from '../../src/kernel/kernel.js';
import { expected, PARTS, PROGRAM, simulate } from './tasks.js';

/**
 * Tasks, signals, waits, futexes, clone, timers and ptrace: the parts of one program (test/kernel/tasks, without a C library) print in the
 * simulation, under different schedules, what they print on Linux 6.18.
 */
it.each(PARTS)('%s prints what it prints on Linux', (part) => {
  for (const seed of [1, 2]) expect(simulate(part, seed)).toEqual({ output: expected(part), status: 0 });
});

it('one CPU is enough', () => {
  expect(simulate('threads', 3, { cpus: 1 })).toEqual({ output: expected('threads'), status: 0 });
});

it.each(['restarts', 'timers', 'execs', 'events'])('%s: the state is plain data all the time', (part) => {
  let copies = 0;
  const pause = ({ state }: Kernel): void => {
    expect(structuredClone(state).tasks.size).toBe(state.tasks.size);
    copies++;
  };
  simulate(part, 1, { pause });
  expect(copies).toBeGreaterThan(0);
});

const [major = 0, minor = 0] = release().split('.').map(Number);
const cannot =
  process.platform !== 'linux' || process.arch !== 'x64'
    ? 'needs Linux on x86-64'
    : major < 6 || (major === 6 && minor < 18)
      ? `needs Linux 6.18 or later, this is ${release()}`
      : process.getuid?.() !== 0
        ? 'needs root (priorities, ptrace)'
        : undefined;

it.skipIf(cannot !== undefined).each(PARTS)(`%s on this kernel${cannot ? ` (${cannot})` : ''}`, (part) => {
  const { stdout, status } = spawnSync(PROGRAM, [part], { encoding: 'latin1' });
  expect({ output: stdout, status }).toEqual({ output: expected(part), status: 0 });
});
