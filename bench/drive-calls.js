// What enforce and annotate cost calls that they have nothing to do with: nanoseconds a getppid(2), the least of several runs, in turns with the same program
// without a filter and under strace.   node bench/drive-calls.js [ROUNDS]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (name) => `${root}${name}`;
const bin = at('bin/rseqlab.js');
const rounds = Number(process.argv[2] ?? 7);
const CALLS = at('test/fixtures/live/calls');
/** The same without a call inside a section. */
const CLEAN = at('test/fixtures/live/clean');
const ANNOTATED = at('test/fixtures/live/annotated');

/** The numbers that a program prints. */
function numbers(command) {
  const { stdout, status, error } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
  if (error || status !== 0) return undefined;
  return stdout.trim().split(/\s+/).map(Number);
}

const rseqlab = (name, ...command) => [process.execPath, bin, name, '-o', '/dev/null', '--', ...command];
const many = ['many', '4000'];
/** What, whose number of those that are printed, the command; the first one is what the others are held to. */
const ROWS = [
  ['plain', 0, [CALLS, ...many]],
  ['rseqlab enforce, no section can make a call', 0, rseqlab('enforce', CLEAN, ...many)],
  ['rseqlab enforce, a section can make a call', 0, rseqlab('enforce', CALLS, ...many)],
  ['rseqlab annotate, a call from elsewhere', 0, rseqlab('annotate', ANNOTATED, ...many, '20')],
  ['rseqlab annotate, a call without an annotation', 1, rseqlab('annotate', ANNOTATED, ...many, '20')],
  ['rseqlab annotate, an annotated call', 2, rseqlab('annotate', ANNOTATED, ...many, '20')],
  ['an annotated call, nobody listens', 2, [ANNOTATED, ...many]],
  [
    'strace -f --seccomp-bpf -e trace=rseq',
    0,
    ['strace', '-f', '--seccomp-bpf', '-e', 'trace=rseq', '-o', '/dev/null', CALLS, ...many],
  ],
  ['strace -f', 0, ['strace', '-f', '-o', '/dev/null', CALLS, 'many', '200']],
];

const least = ROWS.map(() => Number.POSITIVE_INFINITY);
for (let round = 0; round < rounds; round++) {
  for (const [n, [, which, command]] of ROWS.entries()) {
    const found = numbers(command)?.[which];
    if (found !== undefined) least[n] = Math.min(least[n], found);
  }
  if (process.stderr.isTTY) process.stderr.write(`\r${round + 1} of ${rounds}`);
}
if (process.stderr.isTTY) process.stderr.write('\r');
console.log(`getppid(2), the least of ${rounds} runs:`);
for (const [n, [name]] of ROWS.entries()) {
  const value = least[n];
  const text = Number.isFinite(value)
    ? `${value.toFixed(1).padStart(10)} ns ${(value / least[0]).toFixed(2).padStart(8)} times`
    : '       not there';
  console.log(`  ${name.padEnd(48)}${text}`);
}
console.log(`enforce: ${(least[1] / least[0]).toFixed(2)} times no filter (asked: at most 1.15)`);
