import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { architectureOf } from '../../src/kernel/arch/index.js';
import { Kernel } from '../../src/kernel/kernel.js';
import { randomPolicy } from '../../src/kernel/policies/random.js';
import { boot, run } from '../../src/kernel/run.js';

/** The program of test/kernel/tasks (sources there): one part of it at a time. */
export const PROGRAM = fileURLToPath(new URL('./tasks/tasks', import.meta.url));

/** The parts that are no machine's, for AArch64. */
const AARCH64 = fileURLToPath(new URL('./tasks/tasks-aarch64', import.meta.url));

const BYTES = {
  'x86-64': new Uint8Array(readFileSync(PROGRAM)),
  aarch64: new Uint8Array(readFileSync(AARCH64)),
};
const INSTRUCTIONS = 50_000_000;
const STEP = 2_000;

/** What a part prints on the simulated machine, and how it ends. `pause` is called after each 2,000 instructions. */
export function simulate(
  part: string,
  seed: number,
  {
    cpus = 2,
    pause = () => {},
    machine = 'x86-64',
  }: { cpus?: number; pause?: (kernel: Kernel) => void; machine?: keyof typeof BYTES } = {},
): { output: string; status: unknown } {
  let output = '';
  const path = '/tasks';
  const bytes = BYTES[machine];
  const kernel = new Kernel({
    version: '6.18',
    debugRseq: false,
    programs: architectureOf(bytes),
    cpus,
    seed,
    memoryLimit: 1 << 20,
    policy: randomPolicy(seed),
    host: {
      read: () => new Uint8Array(0),
      write: (_, part) => {
        output += String.fromCharCode(...part);
      },
      file: (name) => (name === path ? bytes : undefined),
      directory: () => undefined,
    },
  });
  boot(kernel, { path, bytes, arguments: [path, part], environment: [] });
  let end = run(kernel, STEP);
  for (let done = STEP; end.kind === 'paused' && done < INSTRUCTIONS; done += STEP) {
    pause(kernel);
    end = run(kernel, STEP);
  }
  return { output, status: end.kind === 'ended' ? end.status : end.kind };
}

/** The parts of the program. */
export const PARTS: readonly string[] = readdirSync(new URL('./tasks/parts', import.meta.url))
  .map((name) => name.replace(/\.out$/, ''))
  .sort();

/** What a part prints on Linux 6.18 (build.sh expect). */
export const expected = (part: string): string =>
  readFileSync(new URL(`./tasks/parts/${part}.out`, import.meta.url), 'latin1');

/** The parts of the program for AArch64. */
export const PARTS_AARCH64: readonly string[] = [
  'signals',
  'queues',
  'restarts',
  'altstack',
  'stops',
  'waits',
  'orphans',
  'clones',
  'threads',
  'execs',
  'futexes',
  'robust',
  'timers',
  'sched',
];

/** What a part prints on Debian's arm64 Linux 6.12.111 (in an emulated machine): as on x86-64, where no file says otherwise. */
export function expectedAArch64(part: string): string {
  const file = new URL(`./tasks/parts-aarch64/${part}.out`, import.meta.url);
  return existsSync(file) ? readFileSync(file, 'latin1') : expected(part);
}

/**
 * Without what is that machine's: its first process, an ancestor of this one, was born with its alternate stack disabled; it has a clock that can
 * wake it up; and numbers of processes.
 */
export const anywhere = (text: string): string =>
  text
    .replaceAll('in the context 2 size 0', 'in the context 0 size 0')
    .replaceAll(/^(clock [89]): (0|-22) /gm, '$1: ')
    .replaceAll(/^(tls out of reach) \d+$/gm, '$1 PID');
