// 1,000 threads looked at: `rseqlab inspect` against gdb, which attaches to each process in turn and lists its threads, or also prints each
// one's struct rseq by a script in Python.
//   node bench/live/inspect.js [PROCESSES THREADS]     without: about a thousand threads in many, some, and one process
// The program is one of glibc with threads, made with gcc, as those that people have (without gcc: a static one of the tests). Every thread is
// registered and waits in a system call. gdb cannot say what is registered: it can only read where glibc has its area.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Processes, and threads that each starts. */
const SHAPES = [
  [250, 3],
  [50, 20],
  [1, 1000],
];
if (process.argv.length < 4) {
  const self = fileURLToPath(import.meta.url);
  const ends = SHAPES.map((shape) =>
    spawnSync(process.execPath, [self, ...shape.map(String)], { stdio: 'inherit' }),
  );
  process.exit(ends.some(({ status }) => status !== 0) ? 1 : 0);
}
const [processes, threads] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-bench-'));

const SOURCE = `
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static pthread_barrier_t all;
static void *wait_here(void *unused) { pthread_barrier_wait(&all); pause(); return 0; }
int main(int argc, char **argv) {
  int threads = atoi(argv[2]);
  pthread_barrier_init(&all, 0, threads + 1);
  for (int i = 0; i < threads; i++) { pthread_t thread; pthread_create(&thread, 0, wait_here, 0); }
  pthread_barrier_wait(&all);
  puts("ready"); fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0);
  return 0;
}`;

function compiled() {
  writeFileSync(join(folder, 'threads.c'), SOURCE);
  const { status } = spawnSync('gcc', ['-O1', '-g', '-pthread', '-o', 'threads', 'threads.c'], {
    cwd: folder,
  });
  return status === 0 ? join(folder, 'threads') : `${root}test/live/programs/standing`;
}
const program = compiled();

/** A process with its threads, once they are all registered. */
const start = () =>
  new Promise((resolve) => {
    const child = spawn(program, ['many', String(threads)], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdout.once('data', () => resolve(child));
  });
const children = await Promise.all(Array.from({ length: processes }, start));
const pids = children.map(({ pid }) => String(pid));

const timed = (action) => {
  const begun = performance.now();
  const result = action();
  return { seconds: (performance.now() - begun) / 1000, result };
};
// Node reads these certificates at its every start where somebody has set them, which has nothing to do with the question.
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
const ours = () =>
  timed(() =>
    spawnSync(process.execPath, [`${root}bin/rseqlab.js`, 'inspect', '--format', 'json', ...pids], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      env,
    }),
  );
const gdb = (...commands) =>
  timed(() =>
    pids.map((pid) =>
      spawnSync('gdb', ['-nx', '-q', '-batch', '-p', pid, ...commands.flatMap((each) => ['-ex', each])], {
        encoding: 'utf8',
        maxBuffer: 2 ** 28,
      }),
    ),
  );

/** What inspect says, as far as gdb can know it: of each thread glibc's area, by its thread pointer, and the fields in it. */
const AREAS = `python
import struct
inferior = gdb.selected_inferior()
offset = int(gdb.parse_and_eval('*(long *)&__rseq_offset'))
for thread in sorted(inferior.threads(), key=lambda each: each.num):
    thread.switch()
    address = (int(gdb.parse_and_eval('$fs_base')) + offset) % 2**64
    start, cpu, section, flags, node, mm = struct.unpack('<IIQIII', inferior.read_memory(address, 28).tobytes())
    where = gdb.newest_frame()
    print('area', thread.ptid[1], hex(address), start, cpu, hex(section), flags, node, mm, where.name())
`;
writeFileSync(join(folder, 'areas.gdb'), AREAS);

const count = ({ result }, pattern) =>
  result.reduce((sum, { stdout }) => sum + (stdout.match(pattern) ?? []).length, 0);
const row = (name, text) => console.log(`${name.padEnd(18)}${text}`);
try {
  // In turn: what else the machine does is to burden both.
  const ran = { ours: [], list: [], areas: [] };
  for (let round = 0; round < 3; round++) {
    ran.ours.push(ours(), ours());
    ran.list.push(gdb('info threads'));
    ran.areas.push(gdb(`source ${join(folder, 'areas.gdb')}`));
  }
  if (ran.list[0].result[0].error !== undefined) throw new Error('gdb is not installed: apt-get install gdb');
  const best = (runs) => runs.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const [mine, list, areas] = [best(ran.ours), best(ran.list), best(ran.areas)];
  const seen = JSON.parse(mine.result.stdout).processes.flatMap((each) => each.threads);
  const stopped = ran.ours
    .flatMap(({ result }) => JSON.parse(result.stdout).processes.flatMap((each) => each.threads))
    .flatMap((each) => each.stopped ?? [])
    .sort((a, b) => a - b);
  const registered = seen.filter(({ registration }) => registration !== null).length;
  const at = (part) => stopped[Math.min(stopped.length - 1, Math.floor(part * stopped.length))];
  const ratio = (theirs) => `${(theirs.seconds / mine.seconds).toFixed(1)} times as long`;
  console.log(
    `${processes} processes of ${threads} threads and one more, all in one run; the best of several`,
  );
  row(
    'rseqlab inspect',
    `${mine.seconds.toFixed(3)} s: ${registered} registrations of ${seen.length} threads`,
  );
  row(
    'gdb attaching',
    `${list.seconds.toFixed(2)} s, ${ratio(list)} (asked: 50): ${count(list, /^[* ] +\d+ +/gm)} threads listed`,
  );
  row(
    'gdb, with areas',
    `${areas.seconds.toFixed(2)} s, ${ratio(areas)}: ${count(areas, /^area /gm)} areas read, with glibc's offset`,
  );
  row(
    'threads stopped',
    `${at(0.5)} us (median), ${at(0.99)} us (99 of 100), ${at(1)} us at most (asked: below 200)`,
  );
} finally {
  // Each finds itself as it was, and says so by its exit status.
  const ends = await Promise.all(
    children.map(
      (child) =>
        new Promise((resolve) => {
          child.on('close', resolve);
          child.stdin.end();
        }),
    ),
  );
  rmSync(folder, { recursive: true });
  console.log(
    `afterwards        ${ends.filter((status) => status === 0).length} of ${processes} processes are as they were`,
  );
}
