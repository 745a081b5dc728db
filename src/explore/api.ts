import { BinaryError } from '../binary/error.js';
import { RecordingError } from '../event/recording.js';
import { ProgramError } from '../kernel/program-error.js';
import { CheckpointError } from './checkpoint.js';
import { CheckpointFile, type CheckpointPlace } from './checkpoint-file.js';
import { type Told, tellVerdict } from './document.js';
import { checkOptions, ExploreError, type ExploreOptions, searchOptionsOf, settingsOf } from './options.js';
import type { Board } from './queue/board.js';
import { Shared } from './queue/shared.js';
import { exploreScenario } from './scenario.js';
import type { Reductions } from './semantics/machine-code.js';
import { scenariosIn } from './semantics/origin.js';
import type { Telling } from './semantics/path.js';
import { startName } from './semantics/recorded-point.js';
import { Refusal } from './semantics/refusal.js';
import type { Settings } from './semantics/settings.js';
import type { SourceLines } from './source.js';
import { EXPLORE_SCHEMA, type ExploreDocument } from './timeline.js';
import { type CounterexampleTrace, traceOf } from './trace.js';
import type { ExploreHost } from './verdict.js';

/** A file that may hold scenarios. */
export interface ObjectFile {
  /** As messages and the document call it. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What there is besides the language. */
export interface Surroundings {
  /** Without one everything is done in one thread. */
  readonly host?: ExploreHost;
  readonly lines: SourceLines;
  /** Of rseqlab. */
  readonly version: string;
  /** Where the trace is going to be written. */
  readonly traceFile?: string;
  /** Others take part in the searches by it. */
  readonly board?: Board;
  /** Searches that are broken off are kept there, and taken up again from there. */
  readonly checkpoint?: CheckpointPlace;
}

export interface Exploration {
  readonly document: ExploreDocument;
  /** Of the first counterexample. */
  readonly trace: CounterexampleTrace | undefined;
}

/** Explores the scenarios of a file, or the one asked for. Throws ExploreError. */
export async function exploreFile(
  file: ObjectFile,
  options: ExploreOptions,
  surroundings: Surroundings,
): Promise<Exploration> {
  checkOptions(options);
  const { checkpoint, version } = surroundings;
  let kept: CheckpointFile<Done> | undefined;
  try {
    const told: ToldScenario[] = [];
    const names = scenarioNames(file, options);
    kept = checkpoint && new CheckpointFile(checkpoint, version, file.bytes, askedOf(options));
    for (const scenario of names) told.push(await tell(file, scenario, options, surroundings, kept));
    kept?.close(told.every(({ told: { verdict } }) => verdict.verdict !== 'bounded'));
    return explorationOf(file, told, surroundings);
  } catch (error) {
    if (error instanceof Refusal || error instanceof ProgramError) kept?.close(true);
    throw refused(error);
  }
}

/** What is left of a search that is over. */
export type Done = Omit<Told, 'telling'> & { readonly telling?: Pick<Telling, 'acts'> };

export interface ToldScenario {
  readonly told: Done;
  readonly settings: Settings;
  readonly reductions: Reductions;
}

export async function tell(
  { path, bytes }: ObjectFile,
  scenario: string,
  options: ExploreOptions,
  { host, lines, board }: Surroundings,
  kept: CheckpointFile<Done> | undefined,
): Promise<ToldScenario> {
  const settings = settingsOf(options, scenario);
  const search = searchOptionsOf(options);
  const { reductions } = search;
  const done = kept?.doneWith(scenario);
  if (done !== undefined) return { told: done, settings, reductions };
  const { onProgress } = options;
  const explored = await exploreScenario({ path, bytes, arguments: [], environment: [] }, settings, {
    ...search,
    ...(host && { host }),
    ...(board && { share: (facts) => new Shared(board, { scenario, facts }) }),
    ...(onProgress && { onProgress: (progress) => onProgress({ ...progress, scenario }) }),
    ...(kept && {
      kept: {
        search: kept.searchOf(scenario),
        every: kept.every,
        write: (now) => kept.keep(scenario, now),
      },
    }),
  }).catch((error: unknown) => {
    if (kept !== undefined && error instanceof CheckpointError) kept.refuse(error.message);
    throw error;
  });
  const { telling, verdict, learned } = tellVerdict(explored, settings, search, lines);
  const told: Done = { verdict, learned, ...(telling && { telling: { acts: telling.acts } }) };
  if (verdict.verdict !== 'bounded') kept?.finish(scenario, told);
  return { told, settings, reductions };
}

/** What decides about states and verdicts; bounds and threads do not. */
export function askedOf(options: ExploreOptions): object {
  const {
    jobs: _,
    maxStates: __,
    maxMemory: ___,
    maxCost: ____,
    time: _____,
    signal: ______,
    ...search
  } = searchOptionsOf(options);
  return { settings: settingsOf(options, options.scenario ?? ''), search };
}

/** What explorations throw for users, as ExploreError. */
export function refused(error: unknown): unknown {
  const known = [Refusal, ProgramError, BinaryError, RecordingError, CheckpointError].some(
    (kind) => error instanceof kind,
  );
  return known ? new ExploreError((error as Error).message) : error;
}

/** Scenarios to explore: the one asked for, else all of the file. */
export function scenarioNames({ path, bytes }: ObjectFile, options: ExploreOptions): string[] {
  const { scenario: asked, tasks, from } = options;
  if (from !== undefined) return [startName(from.event)];
  if (tasks !== undefined) return [tasks.join(' | ')];
  const program = { path, bytes, arguments: [], environment: [] };
  const names = scenariosIn(program, settingsOf(options, '')).map(({ name }) => name);
  if (names.length === 0)
    throw new ExploreError(
      `${path} has no scenario; state one with include/rseqlab.h (docs/scenario.md), or say with --task what to call`,
    );
  if (asked === undefined) return names;
  if (!names.includes(asked))
    throw new ExploreError(`${path} has no scenario ${asked}; it has ${names.join(', ')}`);
  return [asked];
}

export function explorationOf(
  { path, bytes }: ObjectFile,
  all: readonly ToldScenario[],
  { version, traceFile }: Surroundings,
): Exploration {
  const first = all.find(({ told }) => told.telling !== undefined);
  const results = all.map((each) => {
    const { verdict } = each.told;
    const { counterexample } = verdict;
    if (each !== first || traceFile === undefined || counterexample === undefined) return verdict;
    return { ...verdict, counterexample: { ...counterexample, traceFile } };
  });
  const document: ExploreDocument = { schema: EXPLORE_SCHEMA, version, file: path, results };
  if (first === undefined) return { document, trace: undefined };
  const result = results[all.indexOf(first)]!;
  const trace = traceOf(path, bytes, first.settings, first.reductions, first.told, {
    ...document,
    results: [result],
  });
  return { document, trace };
}
