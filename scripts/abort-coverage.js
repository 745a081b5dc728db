// Makes docs/abort-coverage.md: sections with a mistake each, run plainly and under `rseqlab stress`; with LIBRSEQ=folder (tests/param_test in it, built),
// librseq's own test too.
//   [LIBRSEQ=folder] node scripts/abort-coverage.js
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = 'examples/stress/counters';
const THREADS = 2;
const INCREMENTS = 5_000_000;

const WRONG = {
  'good': 'nothing',
  'store-before-commit': 'a store that others see, in front of the commit',
  'commit-not-last': 'an instruction behind the commit',
  'retry-without-rearming': 'the retry does not store rseq_cs again',
  'stack-imbalance': 'an abort leaves a word on the stack',
  'clobbered-input': 'the retry computes with what the section has changed',
  'wrong-signature': 'another signature in front of the abort handler',
  'arming-gap': 'instructions between the store to rseq_cs and the section',
}; // biome-ignore format: a table

const run = (command, args) => {
  const began = performance.now();
  const { status, signal, stdout, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (error) throw error;
  return { status, signal, stdout, seconds: (performance.now() - began) / 1000 };
};
const stress = (...args) => {
  const { stdout, seconds } = run(process.execPath, [
    'bin/rseqlab.js',
    'stress',
    '--format',
    'json',
    ...args,
  ]);
  return { document: JSON.parse(stdout), seconds };
};

/** Whether anything is seen plainly depends on how often the threads lose their CPUs: several runs. */
const PLAIN_RUNS = 20;
function plainly(name) {
  const ends = Array.from({ length: PLAIN_RUNS }, () => run(program, [name, `${THREADS}`, `${INCREMENTS}`]));
  return `right in ${ends.filter(({ status }) => status === 0).length} of ${PLAIN_RUNS} runs`;
}
function stressEnd({ verdict, program: end, failure }) {
  if (verdict !== 'failed') return verdict;
  if (failure.kind === 'unprotected') return '**ran unprotected**';
  return end.signal ? `**killed by ${end.signal}**` : `**status ${end.status}**`;
}
/** Of a section that runs unprotected without an abort that could be named: the stops in front of it that disarm it. */
const guilty = ({ failure, sections }) => {
  const found = failure?.points ?? [];
  const points = found.length === 0 && failure?.kind === 'unprotected' ? (sections[0].gap ?? []) : found;
  return points.map(({ place, text }) => `\`${place}: ${text}\``).join(', ');
};

const rows = Object.entries(WRONG).map(([name, wrong]) => {
  const found = stress('--no-bisect', '--', program, name);
  const { document } = found.document.verdict === 'failed' ? stress('--', program, name) : found;
  return `| ${name} | ${wrong} | ${plainly(name)} | ${stressEnd(found.document)} | ${found.seconds.toFixed(1)} s | ${guilty(document)} |`;
});

const TESTS = { s: 'spinlock', l: 'list', b: 'buffer', m: 'buffer, memcpy', i: 'increment', r: 'membarrier' };
const LOOPS = ['1', '2', '3', '4', '5', '6'].flatMap((n) => [`-${n}`, '4']);
function librseq(folder) {
  return Object.entries(TESTS).map(([letter, name]) => {
    const { document } = stress(
      '--',
      join(folder, 'tests/param_test'),
      '-t',
      '8',
      '-r',
      '2000',
      '-T',
      letter,
      ...LOOPS,
    );
    const { coverage, sections, effort, verdict } = document;
    const entered = sections.filter((section) => section.entered).length;
    return `| ${name} | ${entered} | ${coverage.forced} of ${coverage.points} | ${coverage.percent} % | ${effort.aborts} | ${verdict} |`;
  });
}

const table = [
  '# Abort coverage',
  '',
  `Made by \`node scripts/abort-coverage.js\` on Linux ${release().replace(/^(\d+\.\d+).*/, '$1')}, x86-64. The times are those of one machine with two cores, under load.`,
  '',
  '## Mistakes that ordinary runs do not show',
  '',
  `[examples/stress](../examples/stress/README.md): per-CPU counters, ${THREADS} threads. Plainly ${(THREADS * INCREMENTS).toLocaleString('en')} increments a run, and the busier the machine, the more of them go wrong; under`,
  '`rseqlab stress` as many as it takes. The last column is the smallest set of abort points that makes it happen, or the stop behind which a section runs unprotected, found by running the program again; of several',
  'that do as well, one.',
  '',
  '| section | what is wrong | plain run | under stress | after | guilty |',
  '| --- | --- | --- | --- | --- | --- |',
  ...rows,
  '',
];
const { LIBRSEQ } = process.env;
if (LIBRSEQ !== undefined)
  table.push(
    "## librseq's own test",
    '',
    '`param_test` as it is, with 8 threads, 2,000 repetitions, and its delay loops on (`-1 4` to `-6 4`), which are a part of the sections.',
    '',
    '| test | sections entered | abort points forced | coverage | aborts forced | verdict |',
    '| --- | --- | --- | --- | --- | --- |',
    ...librseq(LIBRSEQ),
    '',
  );
writeFileSync(join(root, 'docs/abort-coverage.md'), table.join('\n'));
