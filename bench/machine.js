// The simulated machine's speed, against the processor and qemu-x86_64 in the same run:
//   node bench/machine.js [--runs N]
// Programs of test/fixtures/programs with larger sizes, general registers only; needs gcc. Prints million instructions per second and ratios.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readImage } from '../dist/binary/read.js';
import { Cpu } from '../dist/machine/cpu.js';
import { Machine } from '../dist/machine/machine.js';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '3' } } });
const runs = Number(values.runs);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const several = (measure) => median(Array.from({ length: runs }, measure));

const folder = mkdtempSync(join(tmpdir(), 'rseqlab-bench-'));
const built = spawnSync('sh', [
  here('../test/fixtures/programs/build.sh'),
  folder,
  '-DCOUNT=10000000',
  '-DBLOCKS=500000',
  '-DROUNDS=10000',
]);
if (built.status !== 0) {
  console.error(`bench/machine: gcc is needed to build the programs: ${built.stderr}`);
  process.exit(2);
}

const PAGE = 4096;
function simulate(file, exact = false) {
  const image = readImage(readFileSync(file), file);
  const machine = new Machine();
  for (const { start, size, bytes } of image.regions) {
    const first = Math.floor(start / PAGE) * PAGE;
    machine.protect(first, Math.ceil((start + size) / PAGE) * PAGE - first, 7);
    machine.poke(start, bytes);
  }
  machine.protect(0x7000_0000, 0x10_0000, 3);
  machine.setRegister(4, 0x700f_fff0n);
  machine.rip = BigInt(image.header.entry);
  const cpu = new Cpu(machine);
  let instructions = 0;
  const start = performance.now();
  for (;;) {
    const limit = 2 ** 50;
    const stop = cpu.run(limit, exact);
    instructions += limit - Number(machine.budget);
    if (stop.reason !== 'trap' || stop.trap !== 'system-call') throw new Error(`stopped: ${stop.reason}`);
    if (machine.register(0) === 231n) return { milliseconds: performance.now() - start, instructions };
    machine.setRegister(0, machine.register(2));
  }
}

function timed(command, args) {
  const start = performance.now();
  const { error, status } = spawnSync(command, args, { stdio: 'ignore' });
  return error || status !== 0 ? undefined : performance.now() - start;
}

const qemu = !spawnSync('qemu-x86_64', ['--version']).error;
if (!qemu) console.log('qemu-x86_64 is not installed (package qemu-user): no ratio to it');
for (const name of ['memory', 'sort', 'sha256']) {
  const file = join(folder, name);
  const { instructions } = simulate(file);
  const mips = (milliseconds) => Math.round(instructions / milliseconds / 1000);
  const ours = several(() => simulate(file).milliseconds);
  const native = several(() => timed(file, []));
  const stepped = simulate(file, true).milliseconds;
  const line = [
    `${name}: ${Math.round(instructions / 1e6)} million instructions`,
    `ours ${mips(ours)} MIPS`,
    `ours by single instructions ${mips(stepped)} MIPS`,
    `native ${mips(native)} MIPS (${(ours / native).toFixed(1)}x)`,
  ];
  if (qemu) {
    const peer = several(() => timed('qemu-x86_64', [file]));
    line.push(`qemu ${mips(peer)} MIPS, ours is ${(peer / ours).toFixed(2)} of it`);
  }
  console.log(line.join('; '));
}
rmSync(folder, { recursive: true });
