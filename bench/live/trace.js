// The claims about `rseqlab trace`, measured against peers in the same run:
//   node bench/live/trace.js [--aborts N] [--runs N]
// 1. a program that does nothing but abort, watched: at most 1.2 times the time that it takes under `perf record` on the same tracepoints; `strace -f`
//    and bpftrace beside it. The time is the CPU time that the program
//    itself takes from its first abort to its last: what the kernel does for the watcher is done in it.
// 2. 100,000 aborts a second: how many records are lost.
// On a machine with other work the figures swing: the runs take turns, and medians are compared.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values } = parseArgs({
  options: { aborts: { type: 'string', default: '300000' }, runs: { type: 'string', default: '7' } },
});
const runs = Number(values.runs);
const storm = here('storm');
const rseqlab = here('../../bin/rseqlab.js');
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-bench-'));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const EVENTS = [
  'rseq:rseq_ip_fixup',
  'syscalls:sys_enter_rseq',
  'syscalls:sys_exit_rseq',
  'syscalls:sys_enter_membarrier',
  'signal:signal_deliver',
  'sched:sched_switch',
].join(',');

const PROBES =
  'tracepoint:rseq:rseq_ip_fixup { @aborts[args->start_ip, args->regs_ip] = count(); } tracepoint:signal:signal_deliver /comm == "storm"/ { @signals = count(); } tracepoint:sched:sched_switch /comm == "storm"/ { @switches = count(); }';

/** Who watches, by name: the command in front of the program. perf mounts tracefs where it is not: in a namespace of its own. */
const WATCHERS = {
  nobody: [],
  'rseqlab trace --summary': [process.execPath, rseqlab, 'trace', '--summary', '--'],
  'rseqlab trace -o FILE': [process.execPath, rseqlab, 'trace', '-o', join(folder, 'trace'), '--'],
  'perf record': [
    'unshare',
    '-m',
    'perf',
    'record',
    '-q',
    '--switch-events',
    '-m',
    '16M',
    '-o',
    join(folder, 'perf.data'),
    '-e',
    EVENTS,
    '--',
  ],
  'strace -f': ['strace', '-f', '-o', join(folder, 'strace')],
  bpftrace: [
    'unshare',
    '-m',
    'sh',
    '-c',
    '[ -e /sys/kernel/tracing/events ] || mount -t tracefs nodev /sys/kernel/tracing; exec bpftrace -e "$0" -c "$1"',
    PROBES,
  ],
};

/** Nanoseconds of the program, in all and with the CPU; what the watcher says on standard error. */
function watched(command, args) {
  const argv = command.includes('-c')
    ? [...command, [storm, ...args].join(' ')]
    : [...command, storm, ...args];
  const { error, stdout, stderr } = spawnSync(argv[0], argv.slice(1), {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const line = /^(\d+) (\d+) (\d+)$/m.exec(stdout ?? '');
  if (error || line === null) return undefined;
  return { time: Number(line[2]), own: Number(line[3]), stderr };
}

const times = Object.fromEntries(Object.keys(WATCHERS).map((name) => [name, []]));
for (let run = 0; run < runs; run++)
  for (const [name, command] of Object.entries(WATCHERS)) {
    const small = name === 'strace -f';
    // strace is too slow for so many.
    const aborts = small ? Number(values.aborts) / 20 : Number(values.aborts);
    const found = watched(command, [`${aborts}`]);
    if (found !== undefined) times[name].push(found.own / aborts);
  }

console.log(
  `CPU nanoseconds of the program an abort (a signal to itself inside a section), median and least of ${runs} runs:`,
);
const perf = median(times['perf record']);
for (const [name, list] of Object.entries(times)) {
  if (list.length === 0) console.log(`  ${name.padEnd(24)} not to be had here`);
  else
    console.log(
      `  ${name.padEnd(24)} ${median(list).toFixed(0).padStart(7)} ${Math.min(...list)
        .toFixed(0)
        .padStart(7)}  ${(median(list) / perf).toFixed(2)} times perf record`,
    );
}
const ratio = median(times['rseqlab trace --summary']) / perf;
console.log(
  `${ratio <= 1.2 ? 'holds' : 'MISSED'}: trace costs ${ratio.toFixed(2)} times what perf record costs (asked: at most 1.2)`,
);

console.log('100,000 aborts a second, for three seconds:');
for (const name of ['rseqlab trace --summary', 'rseqlab trace -o FILE']) {
  const found = watched(WATCHERS[name], ['300000', '100000']);
  const lost = /(\d+) records were lost|lost records +(\d+)/.exec(found.stderr);
  const seen = /aborts +(\d+)/.exec(found.stderr)?.[1];
  console.log(
    `  ${name.padEnd(24)} ${(300000 / (found.time / 1e9)).toFixed(0)} a second${seen === undefined ? '' : `, seen ${seen} of 300000`}, lost records: ${lost?.[1] ?? lost?.[2] ?? 0}`,
  );
}
rmSync(folder, { recursive: true, force: true });
