// The simulated machine's speed, against the processor and qemu-x86_64 in the same run:
//   node bench/machine.js [--runs N]
// Programs of test/fixtures/programs with larger sizes, general registers only, and a static hello of the C library; needs gcc. Prints
// million instructions per second, ratios of elapsed times (`rseqlab run` against the others, its own start included), and the start.
// With gcc-aarch64-linux-gnu the same of AArch64, with vectors, against qemu-aarch64.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readImage } from '../dist/binary/read.js';
import { Cpu } from '../dist/machine/cpu.js';
import { Machine } from '../dist/machine/machine.js';
import { runProgram } from './program.js';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '3' } } });
const runs = Number(values.runs);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const several = (measure, times = runs) => median(Array.from({ length: times }, measure));

const folder = mkdtempSync(join(tmpdir(), 'rseqlab-bench-'));
const sizes = ['-DCOUNT=10000000', '-DBLOCKS=1000000', '-DROUNDS=50000'];
const built = spawnSync('sh', [here('../test/fixtures/programs/build.sh'), folder, ...sizes]);
if (built.status !== 0) {
  console.error(`bench/machine: gcc is needed to build the programs: ${built.stderr}`);
  process.exit(2);
}

/** Milliseconds of a command; undefined where it fails. */
function timed(command, args) {
  const start = performance.now();
  const { error, status } = spawnSync(command, args, { stdio: 'ignore' });
  return error || status !== 0 ? undefined : performance.now() - start;
}

const rseqlab = (...args) => timed(process.execPath, [here('../bin/rseqlab.js'), ...args]);
const simulate = (file, how) => runProgram({ readImage, Machine, Cpu }, file, how);

const installed = (command) => !spawnSync(command, ['--version']).error;
const NAMES = ['memory', 'sort', 'sha256'];
const suites = [{ names: NAMES, emulator: 'qemu-x86_64', isNative: true }];
if (spawnSync('sh', [here('../test/fixtures/programs/build-aarch64.sh'), folder, ...sizes]).status === 0)
  suites.push({ names: NAMES.map((name) => `${name}-aarch64`), emulator: 'qemu-aarch64', isNative: false });
else console.log('gcc-aarch64-linux-gnu is not installed: nothing of AArch64');
for (const { emulator } of suites)
  if (!installed(emulator)) console.log(`${emulator} is not installed (package qemu-user): no ratio to it`);
for (const { name, emulator, isNative } of suites.flatMap(({ names, ...suite }) =>
  names.map((name) => ({ name, ...suite })),
)) {
  const file = join(folder, name);
  const { instructions } = simulate(file);
  const mips = (milliseconds) => Math.round(instructions / milliseconds / 1000);
  const ours = several(() => rseqlab('run', file));
  const line = [`${name}: ${Math.round(instructions / 1e6)} million instructions`, `ours ${mips(ours)} MIPS`];
  if (isNative) {
    const native = several(() => timed(file, []));
    line.push(`native ${mips(native)} MIPS (${(ours / native).toFixed(1)}x)`);
  }
  if (installed(emulator)) {
    const peer = several(() => timed(emulator, [file]));
    line.push(`qemu ${mips(peer)} MIPS, ours is ${(peer / ours).toFixed(2)} of it`);
  }
  line.push(
    `by single instructions ${mips(simulate(file, { exact: true }).milliseconds)} MIPS`,
    `in turns of 50 ${mips(simulate(file, { turn: 50 }).milliseconds)} MIPS`,
  );
  console.log(line.join('; '));
}

const hello = join(folder, 'hello');
const source = '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n';
if (spawnSync('gcc', ['-O2', '-static', '-x', 'c', '-', '-o', hello], { input: source }).status === 0) {
  const node = several(() => timed(process.execPath, ['-e', '0']), 9);
  const start = several(() => rseqlab('run', hello), 9);
  console.log(
    `hello, static glibc: ${Math.round(start)} ms, ${Math.round(start - node)} ms beyond the ${Math.round(node)} ms that node takes to do nothing`,
  );
}
rmSync(folder, { recursive: true });
