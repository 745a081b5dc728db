// The search engine of `explore` against SPIN on one model, the packed counter, in the same run:
//   node bench/explore.js [--runs N] [--without-spin] [--small]
// Ours is test/explore/engine/counter-model.ts, SPIN's bench/rseq_counter.pml: the same algorithm, and (but for SPIN's own first state) the
// same number of states; task symmetry off. Prints states per second, bytes a state, the ratio of times, and what a second thread is worth:
// by elapsed time, and by processor time of the busiest thread, which is what other work on the machine does not disturb.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { buildSync } from 'esbuild';
import { explore } from '../dist/explore/search.js';
import { exploreHost } from '../dist/node/explore-host.js';
import { hasSpin, spin } from './spin.js';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    'without-spin': { type: 'boolean', default: false },
    small: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const folder = mkdtempSync(join(tmpdir(), 'rseqlab-bench-'));
const model = join(folder, 'counter-model.mjs');
buildSync({ entryPoints: [here('../test/explore/engine/counter-model.ts')], outfile: model, format: 'esm' });
const { counterModel } = await import(pathToFileURL(model).href);

/** Seconds of processor time of each thread so far (proc(5), /proc/PID/task/TID/stat: fields 14 and 15 in ticks of 10 ms). */
function threadTimes() {
  const times = new Map();
  for (const thread of readdirSync('/proc/self/task')) {
    const fields = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    times.set(thread, (Number(fields[11]) + Number(fields[12])) / 100);
  }
  return times;
}

async function measure(parameters, options) {
  const found = [];
  for (let run = 0; run < runs; run++) {
    let inside = new Map();
    const start = performance.now();
    const before = threadTimes();
    const verdict = await explore(() => counterModel(parameters), {
      symmetry: false,
      ...options,
      host: exploreHost,
      onProgress: () => {
        inside = threadTimes();
      },
    });
    const elapsed = (performance.now() - start) / 1000;
    for (const [thread, time] of threadTimes()) inside.set(thread, time);
    const busy = [...inside].map(([thread, time]) => time - (before.get(thread) ?? 0));
    found.push({
      verdict,
      elapsed,
      busiest: Math.max(...busy),
      all: busy.reduce((sum, each) => sum + each, 0),
    });
  }
  const middle = (name) => median(found.map((each) => each[name]));
  return {
    verdict: found[0].verdict,
    elapsed: middle('elapsed'),
    busiest: middle('busiest'),
    all: middle('all'),
  };
}

const withSpin = !values['without-spin'] && hasSpin();
if (!withSpin) console.log('without SPIN (packages spin and gcc, not --without-spin): no ratio to it');
const rate = (states, seconds) => `${(states / seconds / 1e6).toFixed(2)} M/s`;
const rows = [
  [3, 2, 3, 1],
  [4, 2, 2, 1],
  [3, 3, 3, 1],
].slice(0, values.small ? 1 : undefined);
for (const row of rows) {
  const [tasks, cpus, increments, signals] = row;
  const parameters = { tasks, cpus, increments, signals };
  const { verdict, elapsed, all } = await measure(parameters, {});
  const { states } = verdict;
  console.log(
    `${tasks} tasks, ${cpus} CPUs, ${increments} increments, ${signals} signal: ${verdict.kind}, ${states} states`,
  );
  console.log(
    `  ours       ${elapsed.toFixed(2)} s, ${rate(states, elapsed)}; processor time ${all.toFixed(2)} s, ${rate(states, all)}; ${(verdict.bytes / states).toFixed(1)} bytes a state`,
  );
  if (availableParallelism() > 1) {
    const two = await measure(parameters, { jobs: 2 });
    if (two.verdict.states !== states) throw new Error('two threads count otherwise');
    console.log(
      `  2 threads  ${two.elapsed.toFixed(2)} s, ${(elapsed / two.elapsed).toFixed(2)} times as fast; by processor time of the busiest thread (${two.busiest.toFixed(2)} s) ${(all / two.busiest).toFixed(2)} times`,
    );
  }
  const exact = await measure(parameters, { exact: true });
  console.log(
    `  --exact    ${exact.elapsed.toFixed(2)} s, ${rate(states, exact.elapsed)}; ${(exact.verdict.bytes / states).toFixed(1)} bytes a state`,
  );
  const sorted = await measure(parameters, { symmetry: true });
  console.log(`  symmetry   ${sorted.elapsed.toFixed(2)} s, ${sorted.verdict.states} states`);
  if (!withSpin) continue;
  const peer = spin(folder, row, states > 1e7 ? 1 : runs);
  if (peer.states !== states + 1) throw new Error(`SPIN counts ${peer.states} states`);
  console.log(
    `  SPIN       ${peer.elapsed.toFixed(2)} s (and ${peer.build.toFixed(2)} s to generate and compile), ${rate(peer.states, peer.elapsed)}; ${peer.bytes.toFixed(1)} bytes a state; ours is ${(peer.elapsed / elapsed).toFixed(2)} times as fast`,
  );
}
rmSync(folder, { recursive: true });
