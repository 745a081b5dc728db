import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Kernel } from '../../src/kernel/kernel.js';
import { randomPolicy } from '../../src/kernel/policies/random.js';
import { boot, run } from '../../src/kernel/run.js';

/** The program of test/kernel/tasks (sources there): one part of it at a time. */
export const PROGRAM = fileURLToPath(new URL('./tasks/tasks', import.meta.url));

const bytes = new Uint8Array(readFileSync(PROGRAM));
const INSTRUCTIONS = 50_000_000;
const STEP = 2_000;

/** What a part prints on the simulated machine, and how it ends. `pause` is called after each 2,000 instructions. */
export function simulate(
  part: string,
  seed: number,
  { cpus = 2, pause = () => {} }: { cpus?: number; pause?: (kernel: Kernel) => void } = {},
): { output: string; status: unknown } {
  let output = '';
  const path = '/tasks';
  const kernel = new Kernel({
    version: '6.18',
    debugRseq: false,
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
