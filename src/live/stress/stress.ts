/** `rseqlab stress`, from the tool's side: runs the program under a keeper, judges, and looks for the smallest set of abort points that makes it fail. */
import { spawnSync } from 'node:child_process';
import { VERSION } from '../../node/version.js';
import {
  type ProgramEnd,
  STRESS_SCHEMA,
  type StressDocument,
  type StressFailure,
  type StressSection,
} from '../../report/stress-document.js';
import { endOf, type KeeperDoor, keeperIsGone, startKeeper } from '../keeper/door.js';
import { Refused } from '../refused.js';
import type { StressConfig, StressMessage, StressResult } from './job.js';
import { judge, sentenceOf } from './judge.js';
import type { Run, StressOptions } from './options.js';
import { smallest } from './smallest.js';

/** Times that a program is run at most to find what makes it fail. */
const MOST_RUNS = 60;

/** Points that are tried of those behind which a section ran unprotected. */
const MOST_CANDIDATES = 10;

/** Throws Refused, whose message is for the user. */
export async function stress(options: StressOptions): Promise<StressDocument> {
  const first = await run(options);
  const { end, result } = first;
  const kind = endedByStop(options, end) ? undefined : judge(options, first);
  let failure: StressFailure | undefined;
  if (kind !== undefined) failure = await explain(options, first, kind);
  const { sections } = result;
  const entered = sections.filter((section) => section.entered);
  const points = entered.flatMap((section) => section.points);
  const forced = points.filter((point) => point.forced > 0).length;
  const percent = points.length === 0 ? 0 : Math.floor((1000 * forced) / points.length) / 10;
  const coverage = { forced, points: points.length, percent };
  const broken = options.abort?.aborted === true;
  const verdict =
    failure !== undefined
      ? 'failed'
      : broken || entered.length === 0
        ? 'inconclusive'
        : options.minCoverage !== undefined && percent < options.minCoverage
          ? 'uncovered'
          : 'survived';
  const { mode, double, hardware, cause, rounds, seed, time } = options;
  return {
    schema: STRESS_SCHEMA,
    version: VERSION,
    ...(options.command !== undefined && { command: options.command }),
    ...(options.pid !== undefined && { pid: options.pid }),
    options: {
      mode,
      double,
      hardware,
      cause,
      rounds,
      ...(mode === 'storm' && { seed }),
      ...(time > 0 && { time }),
    },
    verdict,
    sentence: sentenceOf(options, verdict, { end, coverage, sections, failure, broken }),
    program: end,
    coverage,
    sections: [...entered, ...sections.filter((section) => !section.entered)],
    ...(failure !== undefined && { failure }),
    limits: result.limits,
    effort: {
      seconds: Math.round(result.seconds * 1000) / 1000,
      aborts: result.aborts,
      ...(result.told !== undefined && { told: result.told }),
      threads: result.threads,
      processes: result.processes,
    },
  };
}

/** Ctrl-C on a terminal reaches the program as well as us: that it ended so is no failure of its own. */
const endedByStop = ({ abort }: StressOptions, { signal }: ProgramEnd): boolean =>
  abort?.aborted === true && signal !== undefined && STOPS.includes(signal);
/** So often a program may fail without forced aborts, before it is taken for one that always does. */
const PLAIN_RUNS = 3;
const STOPS: readonly string[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'];

/** Runs the program once. `only`: abort at these points; `witness`: and see whether that leaves a section unprotected. */
async function run(options: StressOptions, only?: readonly string[], witness = false): Promise<Run> {
  const { command, pid, mode, double, hardware, cause, signal, rounds, seed, time } = options;
  const config: StressConfig = {
    ...(command !== undefined && { command }),
    ...(pid !== undefined && { pid }),
    ...{ mode, double, hardware, cause, signal, rounds, seed, time, witness },
    ...(only !== undefined && { only }),
  };
  const door: KeeperDoor<StressMessage> = startKeeper(
    { job: 'stress', config },
    {
      alone: pid !== undefined,
      output: only !== undefined ? 'none' : options.outputAside ? 'aside' : 'own',
    },
  );
  const stop = (): void => door.stop();
  options.abort?.addEventListener('abort', stop);
  let end: ProgramEnd = {};
  let result: StressResult | undefined;
  try {
    for await (const message of door.messages) {
      if (message.kind === 'ended') end = endOf(message);
      if (message.kind === 'progress')
        options.onProgress?.(`${message.forced} of ${message.points} points, ${message.aborts} aborts`);
      if (message.kind === 'result') result = message;
    }
  } finally {
    options.abort?.removeEventListener('abort', stop);
  }
  if (result === undefined) throw keeperIsGone();
  const { verify } = options;
  if (verify !== undefined && options.abort?.aborted !== true) {
    const done = spawnSync('/bin/sh', ['-c', verify], {
      stdio: only === undefined ? ['ignore', 2, 2] : 'ignore',
      env: { ...process.env, ...(end.status !== undefined && { RSEQLAB_STATUS: `${end.status}` }) },
    });
    end = { ...end, verify: done.status ?? 128 };
  }
  return { end, result };
}

async function explain(
  options: StressOptions,
  first: Run,
  kind: StressFailure['kind'],
): Promise<StressFailure> {
  const { sections, last, scenarios } = first.result;
  const named = new Map<string, { section: StressSection; point: StressSection["points"][number] }>(sections.flatMap((section) => [...section.points, ...(section.gap ?? [])].map((point) => [`${section.file}:${point.ip}`, { section, point }] as const))); // biome-ignore format: one step
  const failure = (ids: readonly string[], runs: number): StressFailure => ({
    kind,
    points: ids.flatMap((id) => {
      const found = named.get(id);
      if (found === undefined) return [];
      const { ip, place, text, source } = found.point;
      return [{ file: found.section.file, ip, place, text, ...(source && { source }) }];
    }),
    runs,
    scenarios,
  });
  const forced = forcedIds(sections);
  if (options.command === undefined || !options.bisect) return failure([], 0);
  if (kind === 'unprotected') return unprotected(options, first, failure);
  if (options.abort?.aborted === true) return failure([], 0);
  const plain = await plainRuns(options, kind);
  let runs = 1;
  const ordered = last === undefined ? forced : [last, ...forced.filter((id) => id !== last)];
  const found = await smallest(ordered, async (only) => {
    if (runs >= MOST_RUNS || options.abort?.aborted === true) return false;
    runs++;
    options.onProgress?.(`it failed; looking for the reason: run ${runs}, ${only.length} points`);
    const again = await run(options, only);
    return !endedByStop(options, again.end) && judge(options, again) !== undefined;
  });
  return { ...failure(found, runs), ...(plain.failed > 0 && { plain }) };
}

/** Without forced aborts: the kernel aborts now and then by itself, so that one failure among them does not say that the program always fails. */
async function plainRuns(
  options: StressOptions,
  kind: StressFailure['kind'],
): Promise<NonNullable<StressFailure['plain']>> {
  for (let failed = 0; failed < PLAIN_RUNS; failed++)
    if (judge(options, await run(options, [])) === undefined) return { failed, runs: failed + 1 };
  throw new Refused(failsAnyway(options.command![0]!, kind));
}

function failsAnyway(name: string, kind: StressFailure['kind']): string {
  if (kind === 'verify')
    return `what verifies ${name} fails without any forced abort too; mend that first: its exit status is 0 when all is well`;
  const mend = kind === 'status' ? ', or say with --expect-status how it ends when all is well' : '';
  return `${name} fails without any forced abort too; mend that first${mend}`;
}

/** Most mistakes need one point: where a thread was stopped before it was seen unprotected. Each is tried by itself. */
async function unprotected(
  options: StressOptions,
  { result }: Run,
  failure: (ids: readonly string[], runs: number) => StressFailure,
): Promise<StressFailure> {
  const { unprotectedAfter: after } = result;
  // It is so without any abort.
  if (after[0] === '') return { ...failure([], 0), alone: true };
  let runs = 0;
  for (const id of after.filter((each) => each !== '').slice(0, MOST_CANDIDATES)) {
    if (options.hardware || options.abort?.aborted === true) break;
    runs++;
    options.onProgress?.(`a section ran unprotected; looking for the reason: run ${runs}`);
    const again = await run(options, [id], true);
    if (again.result.unprotectedAfter.includes(id)) return failure([id], runs);
  }
  return failure([], runs);
}

const forcedIds = (sections: readonly StressSection[]): string[] =>
  sections.flatMap(({ file, points, gap = [] }) =>
    [...points, ...gap].filter(({ forced }) => forced > 0).map(({ ip }) => `${file}:${ip}`),
  );
