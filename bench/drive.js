// Forced aborts per second: `rseqlab stress` against gdb with a Python script, on the same program, in turn.
//   node bench/drive.js [SECONDS]
// Both plant a breakpoint at one instruction of the section after the other, and one behind it, so that every round lets the thread commit: the stop is a
// context switch, and the kernel aborts on resume. Two scripts: the one that everybody writes first (a temporary breakpoint, `continue`), and the fastest
// one we know (breakpoints that say in their stop() method that gdb is to go on).
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const seconds = Number(process.argv[2] ?? 4);
const program = join(root, 'examples/stress/counters');
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-drive-'));

/** Runs `use` with a process that increments one counter for ever. */
function withTarget(use) {
  const target = spawn(program, ['good', '1', '1000000000000'], { stdio: 'ignore' });
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
      `${seconds}`,
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

function gdb(script, all) {
  const file = join(folder, 'script.py');
  writeFileSync(file, script(all));
  return withTarget((pid) => {
    const { stdout, error } = spawnSync('gdb', ['-q', '-nx', '-batch', '-p', `${pid}`, '-x', file], {
      maxBuffer: 2 ** 28,
      encoding: 'utf8',
    });
    if (error) return undefined;
    return Number(/ABORTS ([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN);
  });
}

const fixed = (value) => Math.round(value).toLocaleString('en').padStart(9);
try {
  const all = places();
  const mine = ours();
  console.log(`forced aborts a second, one thread, ${all.length - 1} instructions, ${seconds} s each`);
  console.log(`  rseqlab stress             ${fixed(mine)}`);
  for (const [name, script] of Object.entries(SCRIPTS)) {
    const rate = gdb(script, all);
    console.log(`  ${name.padEnd(26)} ${rate === undefined ? '  (gdb is not installed)' : `${fixed(rate)}   ${(mine / rate).toFixed(1)} times as fast`}`); // biome-ignore format: one line
  }
} finally {
  rmSync(folder, { recursive: true });
}
