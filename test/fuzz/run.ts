import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { CURRENT, DONE, type Failure, NEXT, REPORTED, type WorkerInput } from './protocol.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The slowest mutants take some ten milliseconds; this is generous for slow machines. In milliseconds. */
const HANG = 10_000;
const WORKERS = 2;
/** Failures are told up to this number; a broken reader fails on thousands. */
const MOST_FAILURES = 20;

export interface FuzzOptions {
  readonly from: number;
  readonly count: number;
  readonly progress?: (done: number, failures: number) => void;
  /** Milliseconds without an answer after which a mutant counts as hung. */
  readonly hang?: number;
}

export interface FuzzResult {
  readonly done: number;
  /** Mutants that gave a report; the others were refused as input. */
  readonly reported: number;
  readonly failures: readonly Failure[];
}

/** Judges the mutants of seeds [from, from + count) on two workers. A worker that hangs or dies is a failure of its seed. */
export async function fuzz({ from, count, progress, hang = HANG }: FuzzOptions): Promise<FuzzResult> {
  const state = new Int32Array(new SharedArrayBuffer(4 * (CURRENT + WORKERS)));
  state[NEXT] = from;
  const file = await bundle();
  const failures: Failure[] = [];
  const runOne = async (index: number): Promise<void> => {
    // A worker that hung or died is replaced: the other seeds are still to be judged.
    while (Atomics.load(state, NEXT) < from + count && failures.length < MOST_FAILURES) {
      Atomics.store(state, CURRENT + index, -1);
      const end = await workerEnds(file, state, index, from + count, failures, hang);
      if (end === undefined) return;
      const seed = Atomics.load(state, CURRENT + index);
      failures.push({ seed, mutant: '', reason: end });
    }
  };
  const ticker = setInterval(() => progress?.(Atomics.load(state, DONE), failures.length), 1000);
  try {
    await Promise.all(Array.from({ length: WORKERS }, (_, index) => runOne(index)));
  } finally {
    clearInterval(ticker);
    rmSync(file, { force: true });
  }
  return { done: state[DONE]!, reported: state[REPORTED]!, failures: failures.slice(0, MOST_FAILURES) };
}

/** Undefined when the worker did all there was to do, else why it did not. */
function workerEnds(
  file: string,
  state: Int32Array<SharedArrayBuffer>,
  index: number,
  end: number,
  failures: Failure[],
  hang: number,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const workerData: WorkerInput = { shared: state.buffer, index, end, test: join(ROOT, 'test') };
    const worker = new Worker(file, { workerData, resourceLimits: { maxOldGenerationSizeMb: 512 } });
    let seed = -1;
    let since = Date.now();
    let settled = false;
    const finish = (why: string | undefined): void => {
      // Terminating ends in 'exit', too: the first reason counts.
      if (settled) return;
      settled = true;
      clearInterval(watchdog);
      void worker.terminate().then(() => resolve(why));
    };
    const watchdog = setInterval(() => {
      const now = Atomics.load(state, CURRENT + index);
      if (now !== seed) {
        seed = now;
        since = Date.now();
      } else if (seed >= 0 && Date.now() - since > hang) finish(`hangs: no answer within ${hang / 1000} s`);
      if (failures.length >= MOST_FAILURES) finish(undefined);
    }, hang / 20);
    worker.on('message', (failure: Failure) => failures.push(failure));
    worker.on('error', (error) => finish(`kills its thread: ${error.message}`));
    worker.on('exit', () => finish(undefined));
  });
}

/** The worker as one file of JavaScript. It lies in node_modules so that it finds the packages it imports. */
async function bundle(): Promise<string> {
  const folder = join(ROOT, 'node_modules/.cache/rseqlab');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `fuzz-worker-${process.pid}-${Date.now()}.mjs`);
  await build({
    entryPoints: [join(ROOT, 'test/fuzz/worker.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'error',
  });
  return outfile;
}

/** Failures as text, with how to look at one of them. */
export const describeFailures = (failures: readonly Failure[]): string[] =>
  failures.map(({ seed, mutant, reason }) => `seed ${seed}${mutant && ` (${mutant})`}: ${reason}`);
