// `rseqlab run` against qemu-x86_64 and the processor in the same run:
//   node bench/run.js [--runs N]
// Medians of whole processes, from start to exit: a loop over memory, a sort of ten million ints, SHA-256; then what a static hello of glibc
// takes beyond Node's own start, and how fast single steps are. Needs gcc; qemu-x86_64 (package qemu-user) for the ratios to it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { Kernel } from '../dist/kernel/kernel.js';
import { makePolicy } from '../dist/kernel/policies/index.js';
import { boot, run } from '../dist/kernel/run.js';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '5' } } });
const runs = Number(values.runs);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const rseqlab = [process.execPath, here('../bin/rseqlab.js'), 'run'];
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const several = (measure) => median(Array.from({ length: runs }, measure));

const folder = mkdtempSync(join(tmpdir(), 'rseqlab-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

/** Milliseconds of a process that must end well. */
function timed([command, ...args]) {
  const start = performance.now();
  const { error, status, stderr } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? stderr}`);
  return performance.now() - start;
}

/** How many instructions a program has until it ends, or how many of them are stepped in a second. */
function kernelFor(file) {
  const kernel = new Kernel({
    version: '6.18',
    debugRseq: false,
    cpus: 1,
    seed: 1,
    memoryLimit: 1 << 20,
    policy: makePolicy('rr', 1),
    host: {
      read: () => new Uint8Array(0),
      write: () => {},
      file: () => undefined,
      directory: () => undefined,
    },
  });
  boot(kernel, { path: file, bytes: new Uint8Array(readFileSync(file)), arguments: [file], environment: [] });
  return kernel;
}
function instructionsOf(file) {
  const kernel = kernelFor(file);
  run(kernel, Number.MAX_SAFE_INTEGER);
  return kernel.state.instructions;
}

const sizes = ['-DCOUNT=10000000', '-DBLOCKS=2000000', '-DROUNDS=30000'];
const built = spawnSync('sh', [here('../test/fixtures/programs/build.sh'), folder, ...sizes]);
if (built.status !== 0) {
  console.error(`bench/run: gcc is needed to build the programs: ${built.stderr}`);
  process.exit(2);
}
const qemu = !spawnSync('qemu-x86_64', ['--version']).error;
if (!qemu) console.log('qemu-x86_64 is not installed (package qemu-user): no ratio to it');

for (const name of ['memory', 'sort', 'sha256']) {
  const file = join(folder, name);
  const instructions = instructionsOf(file);
  const mips = (milliseconds) => `${Math.round(instructions / milliseconds / 1000)} MIPS`;
  const ours = several(() => timed([...rseqlab, file]));
  const native = several(() => timed([file]));
  const line = [
    `${name}: ${Math.round(instructions / 1e6)} million instructions`,
    `rseqlab run ${mips(ours)}`,
    `native ${mips(native)} (${(ours / native).toFixed(1)} times as fast)`,
  ];
  if (qemu) {
    const peer = several(() => timed(['qemu-x86_64', file]));
    line.push(`qemu ${mips(peer)}: rseqlab run has ${(peer / ours).toFixed(2)} of its speed`);
  }
  console.log(line.join('; '));
}

const hello = join(folder, 'glibc');
writeFileSync(hello, gunzipSync(readFileSync(here('../test/programs/glibc.gz'))), { mode: 0o755 });
const node = several(() => timed([process.execPath, '-e', '0']));
const started = several(() => timed([...rseqlab, hello, 'hello']));
console.log(
  `start: a static glibc hello takes ${Math.round(started - node)} ms beyond Node's own ${Math.round(node)} ms`,
);
