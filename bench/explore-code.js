// `rseqlab explore` on machine code, against SPIN on the same algorithm as a hand-written model, in the same run:
//   node bench/explore-code.js [--runs N] [--without-spin]
// Seconds are of whole processes, from the ELF file to the verdict, Node's start included; SPIN's are those of the compiled verifier alone.
// The numbers of states differ: machine code has more instructions than the model has steps, and what nobody can tell apart is one state.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { hasSpin, spin } from './spin.js';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '3' }, 'without-spin': { type: 'boolean', default: false } },
});
const runs = Number(values.runs);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-bench-'));

function explore(object, args) {
  const start = performance.now();
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [here('../bin/rseqlab.js'), 'explore', object, '--format', 'json', ...args],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  const whole = (performance.now() - start) / 1000;
  if (stdout === '') throw new Error(stderr);
  const { verdict, counts, effort } = JSON.parse(stdout).results[0];
  return { verdict, whole, ...counts, ...effort };
}

const several = (object, args) =>
  Array.from({ length: runs }, () => explore(object, args)).sort((a, b) => a.whole - b.whole)[
    Math.floor(runs / 2)
  ];
const say = (name, { verdict, states, whole, seconds, bytesPerState }) =>
  console.log(
    `  ${name.padEnd(18)} ${verdict}, ${states} states in ${whole.toFixed(2)} s, the search ${seconds.toFixed(2)} s: ${(states / seconds / 1e6).toFixed(2)} M states/s, ${bytesPerState} bytes a state`,
  );

const withSpin = !values['without-spin'] && hasSpin();
if (!withSpin) console.log('without SPIN (packages spin and gcc, not --without-spin): no ratio to it');
for (const row of [
  [4, 2, 2, 1],
  [3, 3, 3, 1],
  [4, 2, 3, 1],
]) {
  const [tasks, cpus, increments, signals] = row;
  const object = join(folder, 'counter.o');
  writeFileSync(object, gunzipSync(readFileSync(here(`explore/${tasks}-${increments}-${signals}.o.gz`))));
  console.log(`${tasks} tasks, ${cpus} CPUs, ${increments} increments, ${signals} signal each`);
  const cpu = ['--cpus', `${cpus}`];
  const one = several(object, [...cpu, '--jobs', '1']);
  say('all reductions', one);
  const apart = several(object, [...cpu, '--jobs', '1', '--no-task-symmetry']);
  say('no task symmetry', apart);
  const two = several(object, [...cpu, '--jobs', '2', '--no-task-symmetry']);
  if (two.states !== apart.states) throw new Error('two threads count otherwise');
  console.log(
    `  two threads        ${(apart.seconds / two.seconds).toFixed(2)} times as fast as one, without task symmetry`,
  );
  // The last model takes SPIN more memory than small machines have.
  if (!withSpin || tasks * increments > 9) continue;
  const peer = spin(folder, row, runs);
  console.log(
    `  SPIN               ${peer.states} states in ${peer.elapsed.toFixed(2)} s (and ${peer.build.toFixed(2)} s to generate and compile), ${peer.bytes.toFixed(0)} bytes a state: ours takes ${(one.whole / peer.elapsed).toFixed(2)} of its time with all reductions, ${(apart.whole / peer.elapsed).toFixed(2)} without task symmetry`,
  );
}
rmSync(folder, { recursive: true });
