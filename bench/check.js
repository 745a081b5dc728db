// The claims about `rseqlab check`, measured against a peer in the same run:
//   node bench/check.js [--file PROGRAM] [--folder DIRECTORY] [--runs N]
// 1. a large program without sections, against `objdump -d` on the same file: at least 20 times faster;
// 2. a whole folder of libraries in one run: files per second, and peak memory under twice its largest file.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values } = parseArgs({
  options: { file: { type: 'string' }, folder: { type: 'string' }, runs: { type: 'string', default: '5' } },
});
const runs = Number(values.runs);
const file = values.file ?? process.execPath;
const folder =
  values.folder ??
  [`/usr/lib/${arch() === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`, '/usr/lib64', '/usr/lib'].find(
    existsSync,
  );

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const mega = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Seconds of one run; its output goes to /dev/null. */
function seconds(command, args, stdio = ['ignore', 'ignore', 'ignore']) {
  const start = process.hrtime.bigint();
  const { error, status, output } = spawnSync(command, args, { stdio, maxBuffer: 2 ** 20 });
  if (error) throw error;
  if (status > 1) throw new Error(`${command} ${args.join(' ')} ended with status ${status}`);
  return { time: Number(process.hrtime.bigint() - start) / 1e9, output };
}

function check(...paths) {
  const command = here('../bin/rseqlab.js');
  const peak = here('peak.cjs');
  const { time, output } = seconds(
    process.execPath,
    ['--require', peak, command, 'check', '--format', 'json', '--fail-on', 'never', ...paths],
    ['ignore', 'pipe', 'ignore', 'pipe'],
  );
  return { time, peak: Number(output[3]), summary: JSON.parse(output[1]).summary };
}

const several = (measure) => Array.from({ length: runs }, measure);

function largest(directory) {
  let size = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) size = Math.max(size, largest(path));
    else if (entry.isFile()) size = Math.max(size, statSync(path).size);
  }
  return size;
}

const size = statSync(file).size;
check(file);
const ours = several(() => check(file));
console.log(`${file}: ${mega(size)}, ${ours[0].summary.sections} sections; medians of ${runs} runs`);
const time = median(ours.map((run) => run.time));
console.log(
  `  rseqlab check   ${time.toFixed(3)} s, peak memory ${mega(median(ours.map((run) => run.peak)))}`,
);
const memory = median(ours.map((run) => run.peak)) / size;
if (spawnSync('objdump', ['--version']).error) {
  console.log('  objdump is not installed (package binutils): no ratio');
} else {
  const peer = median(several(() => seconds('objdump', ['-d', file]).time));
  console.log(`  objdump -d      ${peer.toFixed(3)} s`);
  console.log(`  ratio           ${(peer / time).toFixed(1)} times faster (claim: 20)`);
}
console.log(`  memory          ${memory.toFixed(2)} of the file's size (claim: under 2)`);

const whole = several(() => check(folder));
const files = whole[0].summary.files;
const all = median(whole.map((run) => run.time));
const top = largest(folder);
console.log(`${folder}: ${files} ELF files and archives, ${whole[0].summary.sections} sections`);
console.log(`  rseqlab check   ${all.toFixed(3)} s, ${Math.round(files / all)} files per second`);
console.log(
  `  memory          ${mega(median(whole.map((run) => run.peak)))}, ${(median(whole.map((run) => run.peak)) / top).toFixed(2)} of its largest file of ${mega(top)} (claim: under 2)`,
);
