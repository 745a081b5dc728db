// Forced aborts per second: `rseqlab stress` against gdb with a Python script, on the same program, in turn.
//   node bench/drive.js [SECONDS [ROUNDS]]     so long each time, so often in turn; the medians are printed
// Both plant a breakpoint at one instruction of the section after the other, and one behind it, so that every round lets the thread commit: the stop is a
// context switch, and the kernel aborts on resume. Two scripts: the one that everybody writes first (a temporary breakpoint, `continue`), and the fastest
// one we know (breakpoints that say in their stop() method that gdb is to go on).
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const seconds = Number(process.argv[2] ?? 3);
const rounds = Number(process.argv[3] ?? 3);
const program = join(root, 'examples/stress/counters');
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-drive-'));

/** Runs `use` with a process that increments one counter for ever. */
function withTarget(use, prefix = []) {
  const [command, ...args] = [...prefix, program, 'good', '1', '1000000000000'];
  const target = spawn(command, args, { stdio: 'ignore' });
  target.on('error', () => {});
  try {
    return use(target.pid);
  } finally {
    target.kill('SIGKILL');
  }
}

const rseqlab = (...args) =>
  spawnSync(process.execPath, [join(root, 'bin/rseqlab.js'), ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });

function ours() {
  return withTarget((pid) => {
    const { stdout } = rseqlab(
      'stress',
      '--format',
      'json',
      '--rounds',
      '1000000000',
      '--time',
      `${Math.ceil(seconds)}`,
      '-p',
      `${pid}`,
    );
    const { effort } = JSON.parse(stdout);
    return effort.aborts / effort.seconds;
  });
}

/** Addresses of the section's instructions, and the one behind it. */
function places() {
  const { stdout } = rseqlab('stress', '--format', 'json', '--', program, 'good', '1', '1000');
  const { points, endIp } = JSON.parse(stdout).sections[0];
  return [...points.map(({ ip }) => ip), endIp];
}

const COMMON = (all) => `
import gdb, time
places = [${all.join(', ')}]
inside = len(places) - 1
seconds = ${seconds}
gdb.execute("set pagination off")
gdb.execute("set confirm off")
# Else gdb steps over a breakpoint in a copy of the instruction elsewhere: the kernel disarms the section, and aborts nothing.
gdb.execute("set displaced-stepping off")
n = aborts = 0
begun = time.time()
`;
const END = `
print("ABORTS", aborts / (time.time() - begun))
gdb.execute("detach")
`;
const SCRIPTS = {
  'gdb, tbreak and continue': (all) => `${COMMON(all)}
while time.time() - begun < seconds:
    gdb.execute("tbreak *%#x" % places[n % len(places)], to_string=True)
    gdb.execute("continue", to_string=True)
    aborts += n % len(places) < inside
    n += 1
${END}`,
  'gdb, Breakpoint.stop': (all) => `${COMMON(all)}
class Point(gdb.Breakpoint):
    def stop(self):
        global aborts
        aborts += self.index < inside
        if time.time() - begun >= seconds:
            return True
        self.enabled = False
        points[(self.index + 1) % len(points)].enabled = True
        return False
points = []
for index, place in enumerate(places):
    point = Point("*%#x" % place, internal=True)
    point.index = index
    point.enabled = index == 0
    points.append(point)
begun = time.time()
gdb.execute("continue", to_string=True)
${END}`,
};

function gdb(script, all, prefix) {
  const file = join(folder, 'script.py');
  writeFileSync(file, script(all));
  return withTarget((pid) => {
    if (pid === undefined) return undefined;
    const [command, ...args] = [...prefix, 'gdb', '-q', '-nx', '-batch', '-p', `${pid}`, '-x', file];
    const { stdout, error } = spawnSync(command, args, { maxBuffer: 2 ** 28, encoding: 'utf8' });
    const rate = /ABORTS ([\d.]+)/.exec(stdout ?? '')?.[1];
    return error || rate === undefined ? undefined : Number(rate);
  }, prefix);
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const fixed = (value) => Math.round(value).toLocaleString('en').padStart(9);
try {
  const all = places();
  const ONE_CPU = ['taskset', '-c', '0'];
  const rows = [
    ['rseqlab stress', ours],
    ...Object.entries(SCRIPTS).flatMap(([name, script]) => [
      [name, () => gdb(script, all, [])],
      [`${name}, on one CPU`, () => gdb(script, all, ONE_CPU)],
    ]),
  ].map(([name, run]) => ({ name, run, rates: [] }));
  for (let round = 0; round < rounds; round++)
    for (const { run, rates } of rows) {
      const rate = run();
      if (rate !== undefined) rates.push(rate);
    }
  console.log(
    `forced aborts a second, one thread, ${all.length - 1} instructions, medians of ${rounds} times ${seconds} s in turn`,
  );
  const mine = median(rows[0].rates);
  for (const { name, rates } of rows) {
    const rate = median(rates);
    const text = rate === undefined ? '  (not there: gdb, or taskset)' : `${fixed(rate)}${rate === mine ? '' : `   ${(mine / rate).toFixed(1)} times as fast`}`; // biome-ignore format: one line
    console.log(`  ${name.padEnd(38)} ${text}`);
  }
  const [, plain] = rows;
  if (plain.rates.length > 0) console.log(`stress: ${(mine / median(plain.rates)).toFixed(1)} times a gdb script with tbreak and continue (asked: at least 50)`); // biome-ignore format: one line
} finally {
  rmSync(folder, { recursive: true });
}
