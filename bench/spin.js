// SPIN on bench/rseq_counter.pml, the peer of the explore benchmarks.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** SPIN and a compiler are there. */
export const hasSpin = () => !spawnSync('spin', ['-V']).error && !spawnSync('gcc', ['-v']).error;

/** Generates, compiles and runs the verifier `times` times in a folder. Times in seconds. */
export function spin(folder, [tasks, cpus, increments, signals], times) {
  copyFileSync(here('rseq_counter.pml'), join(folder, 'model.pml'));
  const defines = [`-DN=${tasks}`, `-DC=${cpus}`, `-DK=${increments}`, `-DS=${signals}`];
  const start = performance.now();
  execFileSync('spin', [...defines, '-a', 'model.pml'], { cwd: folder, stdio: 'ignore' });
  execFileSync('gcc', ['-O2', '-DSAFETY', '-DNOREDUCE', '-o', 'pan', 'pan.c'], {
    cwd: folder,
    stdio: 'ignore',
  });
  const build = (performance.now() - start) / 1000;
  const seen = [];
  const elapsed = [];
  for (let run = 0; run < times; run++) {
    const began = performance.now();
    const { stdout } = spawnSync(join(folder, 'pan'), ['-m1000000', '-w24'], {
      cwd: folder,
      encoding: 'utf8',
    });
    elapsed.push((performance.now() - began) / 1000);
    seen.push(stdout);
  }
  const states = Number(/(\d+) states, stored/.exec(seen.at(-1))?.[1]);
  const megabytes = Number(/([\d.]+)\s+total actual memory/.exec(seen.at(-1))?.[1]);
  return { build, states, bytes: (megabytes * 1e6) / states, elapsed: median(elapsed) };
}
