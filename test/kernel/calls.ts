import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ERRNO } from '../../src/abi/errno.js';
import { SYSCALLS_X86_64 } from '../../src/abi/syscalls-x86-64.js';
import { ROOT } from '../cli/command.js';
import { type Simulated, type Simulation, simulate } from './simulated.js';

/** Does what a text says (test/fixtures/calls/calls.c), where system calls stand by name. */
const PROGRAM = 'test/fixtures/calls/calls';

const NAMES = new Map<number, string>(Object.entries(ERRNO).map(([name, number]) => [number, name]));

/** Lines with names of calls as numbers. */
const assembled = (script: string): string =>
  script
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) =>
      line.replace(/^([a-z] = )?([a-z_0-9]+)/, (all, kept: string | undefined, name: string) => {
        const number = SYSCALLS_X86_64[name];
        return number === undefined || name === 'fork' ? all : `${kept ?? ''}${number}`;
      }),
    )
    .join('\n');

/** What was printed, errors by name. */
const lines = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^-(\d+)$/, (all, number: string) => NAMES.get(Number(number)) ?? all));

/** On the simulated Linux, with what happened. */
export const simulatedRun = (script: string, more: Partial<Simulation> = {}): Simulated =>
  simulate({ program: PROGRAM, arguments: [assembled(script)], maxInstructions: 50_000_000, ...more });

/** What it printed there. */
export function simulatedCalls(script: string, more: Partial<Simulation> = {}): string[] {
  const { stdout, outcome } = simulatedRun(script, more);
  return outcome === 'ended' ? lines(stdout) : [...lines(stdout), outcome];
}

/** On the Linux that the tests run on. */
export function nativeCalls(script: string): string[] {
  const { stdout, status, signal } = spawnSync(join(ROOT, PROGRAM), [assembled(script)], {
    encoding: 'utf8',
    env: {},
  });
  return status === 0 ? lines(stdout) : [...lines(stdout), `ended by ${signal ?? status}`];
}

/** The same program natively: x86-64 Linux. */
export const hasNative = process.platform === 'linux' && process.arch === 'x64';
