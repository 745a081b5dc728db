// How long a process stands still while it is frozen to a file, how fast that is, and how large the file: `rseqlab checkpoint` against `criu dump` and
// gcore on the same process, in turn.
//   node bench/checkpoint.js [MEBIBYTES] [ROUNDS] [THREADS]        (1024, 5, 64; mebibytes: a power of two)
// The process is bench/checkpoint/heap: it has touched all of its memory, all its threads are registered, one of them writes all the time, and one
// watches the clock. How long it stood still is what that one has seen, for every tool the same: the longest time between two looks, of which it has
// one in a tenth of a millisecond. $CRIU names another criu than that in PATH (criu 3.17, Debian 12's, does not run on kernels of today).
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { availableParallelism, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [mebibytes = 1024, rounds = 5, threads = 64] = process.argv.slice(2).map(Number);
const memory = mebibytes * 2 ** 20;
const PAGE = 4096;
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-bench-'));
const CRIU = process.env.CRIU ?? 'criu';

const WORD = { ready: 0, gap: 1, watcher: 2, writer: 3, end: 5, result: 6, wait: 7, written: 8 };
const told = join(folder, 'told');
writeFileSync(told, new Uint8Array(4096));
const toldFile = openSync(told, 'r+');
const word = (index) => {
  const bytes = new BigUint64Array(1);
  readSync(toldFile, bytes, 0, 8, 8 * index);
  return Number(bytes[0]);
};
const setWord = (index, value) => writeSync(toldFile, new BigUint64Array([BigInt(value)]), 0, 8, 8 * index);
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const until = async (test) => {
  while (!test()) await sleep(5);
};
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const sizeOf = (path) => {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
};

/** A command that must succeed. */
function run(program, ...args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', cwd: folder });
  if (error !== undefined || status !== 0)
    throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? (stderr.trim() || stdout.trim())}`);
  return stdout;
}
const rseqlab = (...args) => run(process.execPath, join(root, 'bin/rseqlab.js'), ...args);
const ours = (out) => Number(/stood still for ([\d.]+) ms/.exec(out)[1]);

/** DumpStatsEntry.frozen_time of criu's stats-dump, in milliseconds: a protobuf of microseconds behind three words. */
function frozenOfCriu(path) {
  const bytes = readFileSync(join(path, 'stats-dump'));
  let at = 12;
  const number = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  // StatsEntry.dump, its length; freezing_time and frozen_time are its first two fields.
  number();
  number();
  const fields = {};
  for (let n = 0; n < 2; n++) fields[number() >> 3] = number();
  return (fields[1] + fields[2]) / 1000;
}

const pid = () => String(running);
let running;
const TOOLS = {
  'rseqlab checkpoint': (out) => ours(rseqlab('checkpoint', pid(), '-o', out)),
  'rseqlab, --copy': (out) => ours(rseqlab('checkpoint', pid(), '-o', out, '--copy')),
  'rseqlab, --no-compress': (out) => ours(rseqlab('checkpoint', pid(), '-o', out, '--no-compress')),
  'criu dump': (out) => {
    run('mkdir', out);
    run(CRIU, 'dump', '-t', pid(), '-D', out, '--leave-running', '-v0');
    return frozenOfCriu(out);
  },
  gcore: (out) => {
    run('gcore', '-o', out, pid());
    return undefined;
  },
};

/** Why a tool is left out; undefined: it is not. */
function missing(name) {
  const probe = { 'criu dump': [CRIU, 'check'], gcore: ['gdb', '--version'] }[name];
  if (probe === undefined) return undefined;
  const { status, error, stderr } = spawnSync(probe[0], probe.slice(1), { encoding: 'utf8' });
  if (error !== undefined)
    return `${probe[0]} is not installed (apt-get install ${name === 'gcore' ? 'gdb' : 'criu'})`;
  return status === 0 ? undefined : `it does not run here: ${stderr.trim().split('\n')[0]}`;
}

async function measured(name, out) {
  await sleep(200);
  setWord(WORD.gap, 0);
  const begun = performance.now();
  const word1 = TOOLS[name](out);
  const took = performance.now() - begun;
  await sleep(100);
  return {
    gap: word(WORD.gap) / 1e6,
    says: word1,
    took,
    size: sizeOf(name === 'gcore' ? `${out}.${pid()}` : out),
  };
}

const ms = (value) => (value === undefined ? '' : `${value.toFixed(value < 100 ? 1 : 0)} ms`);
const row = (...cells) =>
  console.log(cells.map((cell, n) => (n === 0 ? cell.padEnd(24) : cell.padStart(14))).join(''));
const mb = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;

try {
  const child = spawn(join(root, 'bench/checkpoint/heap'), [told, `${mebibytes}`, `${threads}`], {
    stdio: 'ignore',
    detached: true,
  });
  running = child.pid;
  child.once('exit', (status) => {
    if (status !== null && status !== 0) console.log(`the process has ended with status ${status}`);
  });
  await until(() => word(WORD.ready) === threads);
  const names = Object.keys(TOOLS).filter((name) => {
    const why = missing(name);
    if (why !== undefined) console.log(`without ${name}: ${why}`);
    return why === undefined;
  });
  setWord(WORD.gap, 0);
  await sleep(3000);
  console.log(
    `${mebibytes} MiB, ${threads} threads, all registered; ${rounds} rounds, in turn; medians; Linux ${release()}, ${availableParallelism()} CPUs`,
  );
  row('', 'stood still', 'by its word', 'took', 'memory/s', 'image');
  row('left alone, for 3 s', ms(word(WORD.gap) / 1e6));
  const all = Object.fromEntries(names.map((name) => [name, []]));
  for (let n = 0; n < rounds; n++)
    for (const name of names) {
      const out = join(folder, 'out');
      all[name].push(await measured(name, out));
      for (const file of readdirSync(folder))
        if (file.startsWith('out')) rmSync(join(folder, file), { recursive: true });
    }
  const of = (name, what) => median(all[name].map((each) => each[what]));
  for (const name of names)
    row(
      name,
      ms(of(name, 'gap')),
      ms(of(name, 'says')),
      `${(of(name, 'took') / 1000).toFixed(2)} s`,
      mb((memory / of(name, 'took')) * 1000),
      mb(of(name, 'size')),
    );
  for (const other of names.filter((name) => !name.startsWith('rseqlab'))) {
    const ratio = (what) => (of(other, what) / of('rseqlab checkpoint', what)).toFixed(1);
    console.log(
      `${other}: stands still ${ratio('gap')} times as long (asked: 1 or more), image ${ratio('size')} times as large (asked: 1 or more), time ${ratio('took')}`,
    );
  }

  await second();
  await restored(names);

  setWord(WORD.end, 1);
  await until(() => word(WORD.result) !== 0);
  console.log(`afterwards: its memory is ${word(WORD.result) === 1 ? '' : 'NOT '}as it was written`);
} finally {
  try {
    process.kill(running, 'SIGKILL');
  } catch {
    // It has ended.
  }
  rmSync(folder, { recursive: true });
}

/** A second image, beside the first, when a tenth of the memory has been written. */
async function second() {
  const base = join(folder, 'base.img');
  const next = join(folder, 'next.img');
  setWord(WORD.wait, 1);
  await sleep(10);
  rseqlab('checkpoint', pid(), '-o', base);
  const before = word(WORD.written);
  setWord(WORD.wait, 0);
  await until(() => word(WORD.written) - before >= memory / PAGE / 10);
  setWord(WORD.wait, 1);
  await sleep(10);
  const written = word(WORD.written) - before;
  const begun = performance.now();
  rseqlab('checkpoint', pid(), '-o', next, '--parent', base);
  const seconds = (performance.now() - begun) / 1000;
  setWord(WORD.wait, 0);
  console.log(
    `--parent, ${mb(written * PAGE)} of the memory written since: ${seconds.toFixed(2)} s, ${mb(sizeOf(next))} beside ${mb(sizeOf(base))}`,
  );
}

/** Ended and brought back; first by ours, since a process that criu has brought back is in a time namespace of its own. */
async function restored(names) {
  const WAYS = {
    'rseqlab restore': [
      (out) => rseqlab('checkpoint', pid(), '-o', out, '--kill'),
      (out) => rseqlab('restore', '--detach', out),
    ],
    'criu restore': [
      (out) => {
        run('mkdir', out);
        run(CRIU, 'dump', '-t', pid(), '-D', out, '--shell-job', '-v0');
      },
      (out) => run(CRIU, 'restore', '-D', out, '-d', '--shell-job', '-v0'),
    ],
  };
  const times = { 'rseqlab restore': [], 'criu restore': [] };
  for (const [name, [dump, restore]] of Object.entries(WAYS)) {
    if (name === 'criu restore' && !names.includes('criu dump')) continue;
    for (let n = 0; n < Math.min(3, rounds); n++) {
      const out = join(folder, `restore-${n}-${name.split(' ')[0]}`);
      dump(out);
      await until(() => !existsSync(`/proc/${pid()}`));
      const begun = performance.now();
      restore(out);
      times[name].push(performance.now() - begun);
      const seen = word(WORD.watcher);
      await until(() => word(WORD.watcher) > seen + 10);
      rmSync(out, { recursive: true });
    }
  }
  for (const [name, each] of Object.entries(times))
    console.log(`${name}: ${(median(each) / 1000).toFixed(2)} s`);
}
