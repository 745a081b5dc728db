// Judges mutants one by one. Bundled by run.ts, since a worker cannot load TypeScript by itself.
import { parentPort, workerData } from 'node:worker_threads';
import { BinaryError } from '../../src/binary/error.js';
import { check } from '../../src/check/api.js';
import { checkGithub } from '../../src/report/check-github.js';
import { checkJson } from '../../src/report/check-json.js';
import { checkSarif } from '../../src/report/check-sarif.js';
import { checkText } from '../../src/report/check-text.js';
import { PLAIN } from '../../src/report/style.js';
import { readBases } from './bases.js';
import { Mutator } from './mutator.js';
import { CURRENT, DONE, type Failure, NEXT, REPORTED, type WorkerInput } from './protocol.js';

const { shared, index, end, test } = workerData as WorkerInput;
const state = new Int32Array(shared);
const mutator = new Mutator(readBases(test));
const KERNELS = ['4.18', '6.1', '6.18', '6.19', '7.0', '7.1'];

for (;;) {
  const seed = Atomics.add(state, NEXT, 1);
  if (seed >= end) break;
  Atomics.store(state, CURRENT + index, seed);
  judge(seed);
  Atomics.add(state, DONE, 1);
}
Atomics.store(state, CURRENT + index, -1);

function judge(seed: number): void {
  const mutant = mutator.mutant(seed);
  const before = mutant.bytes.slice();
  const what = `${mutant.name} after ${mutant.steps.join(', ')}`;
  try {
    const results = check(mutant.bytes, 'mutant', {
      kernel: KERNELS[seed % KERNELS.length]!,
      debugRseq: seed % 5 === 0,
    });
    Atomics.add(state, REPORTED, 1);
    const document = { version: '0', kernel: '6.18', debugRseq: false, looked: 1, results };
    JSON.parse(checkJson(document));
    checkText(document, PLAIN);
    checkGithub(document);
    if (seed % 16 === 0) checkSarif(document);
    const broken = results.flatMap(({ findings, limits }) =>
      [...limits, ...findings.map(({ message }) => message)].filter((text) => /[\n\0]/.test(text)),
    );
    if (broken.length > 0) fail(seed, what, `not one line: ${JSON.stringify(broken[0])}`);
  } catch (error) {
    if (!(error instanceof BinaryError)) {
      fail(
        seed,
        what,
        error instanceof Error
          ? (error.stack ?? error.message).split('\n').slice(0, 5).join(' | ')
          : String(error),
      );
    } else if (/\n/.test(error.message)) fail(seed, what, `not one line: ${JSON.stringify(error.message)}`);
  }
  if (before.some((byte, i) => byte !== mutant.bytes[i]))
    fail(seed, what, 'check changed the bytes it was given');
}

function fail(seed: number, mutant: string, reason: string): void {
  const failure: Failure = { seed, mutant, reason };
  parentPort!.postMessage(failure);
}
