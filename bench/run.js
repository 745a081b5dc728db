// `rseqlab run` on programs with a C library, against the processor and qemu-x86_64 in the same run:
//   node bench/run.js [--runs N]
// The parts of test/programs, where bench/machine.js has loops without a C library: start, formatted output (x87 of 80 bits), threads, malloc,
// sorting by a callback, signals, restartable sections. Medians of milliseconds of whole processes, from start to exit, Node's included.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '5' } } });
const runs = Number(values.runs);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const folder = mkdtempSync(join(tmpdir(), 'rseqlab-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

/** Milliseconds of a command; undefined where it is not there or fails. */
function timed(command, args) {
  const start = performance.now();
  const { error, status } = spawnSync(command, args, { stdio: 'ignore' });
  return error || status !== 0 ? undefined : performance.now() - start;
}

/** The median of several; a dash where the program does not run so. */
function several(command, args) {
  const all = Array.from({ length: runs }, () => timed(command, args));
  return all.includes(undefined) ? undefined : median(all);
}

const PARTS = [
  ['hello'],
  ['formats'],
  ['threads'],
  ['heap'],
  ['sorting', '500000'],
  ['signals'],
  ['rseq', '6', '20000'],
];
const COLUMNS = ['program', 'rseqlab run', 'native', 'qemu', 'ours / native', 'ours / qemu'];
const row = (cells) =>
  console.log(cells.map((cell, n) => (n === 0 ? cell.padEnd(22) : cell.padStart(14))).join(''));
const ms = (time) => (time === undefined ? '-' : `${Math.round(time)} ms`);
const ratio = (a, b) => (a === undefined || b === undefined ? '-' : (a / b).toFixed(a / b < 10 ? 2 : 0));

row(COLUMNS);
row(['node, nothing', ms(several(process.execPath, ['-e', '0'])), '', '', '', '']);
for (const library of ['musl', 'glibc']) {
  const file = join(folder, library);
  writeFileSync(file, gunzipSync(readFileSync(here(`../test/programs/${library}.gz`))), { mode: 0o755 });
  for (const args of PARTS) {
    const ours = several(process.execPath, [here('../bin/rseqlab.js'), 'run', file, ...args]);
    const native = several(file, args);
    const qemu = several('qemu-x86_64', [file, ...args]);
    row([
      `${library} ${args.join(' ')}`,
      ms(ours),
      ms(native),
      ms(qemu),
      ratio(ours, native),
      ratio(ours, qemu),
    ]);
  }
}
