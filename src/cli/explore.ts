import { readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { BinaryError } from '../binary/error.js';
import { readImage } from '../binary/read.js';
import { type Told, tellVerdict } from '../explore/document.js';
import { exploreScenario, type ScenarioOptions } from '../explore/scenario.js';
import { Refusal } from '../explore/semantics/refusal.js';
import type { Settings } from '../explore/semantics/world.js';
import { EXPLORE_SCHEMA, type ExploreDocument } from '../explore/timeline.js';
import { type CounterexampleTrace, TRACE_SCHEMA, toBase64 } from '../explore/trace.js';
import type { Progress as SearchProgress } from '../explore/verdict.js';
import { ProgramError } from '../kernel/program-error.js';
import { scenariosOf } from '../kernel/scenario/parts.js';
import { exploreGithub } from '../report/explore-github.js';
import { exploreHtml } from '../report/explore-html.js';
import { exploreJson } from '../report/explore-json.js';
import { explorePerfetto } from '../report/explore-perfetto.js';
import { exploreText } from '../report/explore-text.js';
import { COLOUR, PLAIN, type Style } from '../report/style.js';
import { kernelVersion } from './check.js';
import { EXIT, UsageError } from './exit.js';
import { exploreHost } from './explore-host.js';
import { reason } from '../node/reason.js';
import { deliver, wantsColour } from './output.js';
import { Progress } from './progress.js';
import { count, scaled } from './run-options.js';
import { sourceLines } from './source-lines.js';
import { VERSION } from '../node/version.js';

interface Options {
  readonly scenario?: string;
  readonly cpus: string;
  readonly kernel: string;
  readonly debugRseq?: boolean;
  readonly oracle: 'auto' | 'serial' | 'claims';
  readonly maxStates?: string;
  readonly maxAborts?: string;
  readonly maxMemory?: string;
  readonly time?: string;
  readonly jobs?: string;
  readonly exact?: boolean;
  readonly taskSymmetry: boolean;
  readonly fusion: boolean;
  readonly deadRegisters: boolean;
  readonly format: keyof typeof FORMATS;
  readonly output?: string;
  readonly trace?: string;
  readonly color: boolean;
}

/** CPUs that the search can tell apart. */
const MOST_CPUS = 8;

/** `rseqlab explore`; `finish` takes the exit status. */
export function addExplore(program: Command, finish: (status: number) => void): void {
  program
    .command('explore')
    .description(
      'run every interleaving of a scenario: every preemption, migration and signal, at every instruction',
    )
    .argument(
      '<file>',
      'a relocatable object with scenarios (include/rseqlab.h): gcc -O2 -c -I include file.c',
    )
    .option('--scenario <name>', 'only this one')
    .option('--cpus <n>', `how many CPUs there are, 1 to ${MOST_CPUS}`, '2')
    .option('--kernel <version>', 'whose rules: a Linux version; the same everywhere unless you say', '6.18')
    .option('--debug-rseq', 'with the checks of CONFIG_DEBUG_RSEQ or rseq_debug=1')
    .addOption(
      new Option(
        '--oracle <oracle>',
        'what is right: what the scenario claims, or what undisturbed operations do, in any order',
      )
        .choices(['auto', 'serial', 'claims'])
        .default('auto', 'claims where there are some, else serial'),
    )
    .option('--max-states <n>', 'end with what is known after so many (1000, 50k, 10M)')
    .option('--max-aborts <n>', 'only interleavings with so many switches and interrupts')
    .option('--max-memory <size>', 'memory that the search may take (512M, 4G)')
    .option('--time <seconds>', 'end with what is known after so long')
    .option('--jobs <n>', 'threads (default: as many as there are processors)')
    .option('--exact', 'keep whole states instead of 64-bit fingerprints')
    .option('--no-task-symmetry', 'tell tasks in the same state apart')
    .option('--no-fusion', 'every instruction by itself')
    .option('--no-dead-registers', 'registers that nobody will read count too')
    .addOption(
      new Option('--format <format>', 'how to print')
        .choices(['text', 'json', 'html', 'perfetto', 'github'])
        .default('text'),
    )
    .option('-o, --output <file>', 'write the result there')
    .option('--trace <file>', 'write the counterexample there, for rseqlab replay')
    .option('--no-color', 'no colours')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, options: Options) => finish(await explore(file, options)));
}

const EXAMPLES = `
Examples:
  rseqlab explore counter.o                            every interleaving of two CPUs
  rseqlab explore --format html -o bug.html counter.o  the counterexample, to step through in a browser
  rseqlab explore --trace bug.json counter.o           and rseqlab replay bug.json
  rseqlab explore --kernel 6.19 --cpus 3 list.o        by another kernel's rules
  rseqlab explore --time 60 --jobs 2 large.o           as far as it comes

Exit status: 0 verified, 1 a counterexample, 2 wrong usage or input, 3 a bound was reached.`;

const FORMATS = {
  text: (document: ExploreDocument, style: Style) => exploreText(document, style, process.stdout.columns),
  json: exploreJson,
  html: exploreHtml,
  perfetto: explorePerfetto,
  github: exploreGithub,
} as const;

async function explore(file: string, options: Options): Promise<number> {
  const bytes = read(file);
  const names = scenarioNames(bytes, file, options.scenario);
  const search = searchOptions(options);
  const told: { told: Told; settings: Settings }[] = [];
  const progress = new Progress();
  try {
    for (const scenario of names) {
      const settings: Settings = {
        kernel: kernelVersion(options.kernel),
        debugRseq: options.debugRseq === true,
        cpus: count('--cpus', options.cpus, 1, MOST_CPUS),
        scenario,
      };
      const explored = await exploreScenario(
        { path: file, bytes, arguments: [], environment: [] },
        settings,
        {
          ...search,
          host: exploreHost,
          onProgress: (now) => progress.show(`${scenario}: ${progressText(now)}`),
        },
      );
      told.push({ told: tellVerdict(explored, settings, search, sourceLines(file)), settings });
      if (interrupted.aborted) break;
    }
  } catch (error) {
    if (error instanceof Refusal || error instanceof ProgramError || error instanceof BinaryError)
      throw new UsageError(error.message);
    throw error;
  } finally {
    progress.done();
  }
  const document = documentOf(file, told, options.trace);
  if (options.trace !== undefined) writeTrace(options.trace, file, bytes, told, document, search);
  const style = wantsColour(options.color, options.output) ? COLOUR : PLAIN;
  deliver(FORMATS[options.format](document, style), options.output);
  const verdicts = document.results.map(({ verdict }) => verdict);
  if (verdicts.includes('counterexample')) return EXIT.FOUND;
  return verdicts.includes('bounded') ? EXIT.INCONCLUSIVE : EXIT.OK;
}

function read(file: string): Uint8Array {
  try {
    if (!statSync(file).isFile())
      throw new UsageError(`${file} is no file; give a relocatable object with a scenario`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`cannot read ${file}: ${reason(error)}; give a relocatable object with a scenario`);
  }
}

/** Scenarios to explore: the one asked for, else all of the file. */
function scenarioNames(bytes: Uint8Array, file: string, asked: string | undefined): string[] {
  try {
    const image = readImage(bytes, file, { ownPages: true });
    if (image.header.type !== 'relocatable')
      throw new UsageError(
        `${file} is no relocatable object; compile the scenario with -c (gcc -O2 -c -I include file.c), and what it calls into it (gcc -r)`,
      );
    const names = scenariosOf(image).map(({ name }) => name);
    if (names.length === 0)
      throw new UsageError(`${file} has no scenario; state one with include/rseqlab.h (docs/scenario.md)`);
    if (asked === undefined) return names;
    if (!names.includes(asked))
      throw new UsageError(`${file} has no scenario ${asked}; it has ${names.join(', ')}`);
    return [asked];
  } catch (error) {
    if (error instanceof BinaryError || error instanceof ProgramError) throw new UsageError(error.message);
    throw error;
  }
}

function searchOptions(options: Options): ScenarioOptions {
  const { maxStates, maxAborts, maxMemory, time, jobs, exact } = options;
  const oracles = { auto: 'without-claims', serial: true, claims: false } as const;
  return {
    reductions: { symmetry: options.taskSymmetry, fusion: options.fusion, registers: options.deadRegisters },
    serial: oracles[options.oracle],
    exact: exact === true,
    jobs: jobs === undefined ? availableParallelism() : count('--jobs', jobs, 1, 64),
    signal: interrupted,
    ...(maxStates !== undefined && { maxStates: scaled('--max-states', maxStates, 1000, 1, 2 ** 53 - 1) }),
    ...(maxAborts !== undefined && { maxCost: count('--max-aborts', maxAborts, 0, 2 ** 31) }),
    ...(maxMemory !== undefined && { maxMemory: scaled('--max-memory', maxMemory, 1024, 2 ** 20, 2 ** 42) }),
    ...(time !== undefined && { time: count('--time', time, 1, 2 ** 31) }),
  };
}

/** Set by Ctrl-C: the search ends with what is known so far. */
const interrupted = { aborted: false };

const progressText = ({ states, rate, frontier, layer, bytes, seconds }: SearchProgress): string =>
  `${states} states, ${Math.round(rate / 1000)}k/s, ${frontier} to look at, ${layer} interrupts, ${Math.round(bytes / 2 ** 20)} MiB, ${seconds.toFixed(0)} s`;

function documentOf(
  file: string,
  told: readonly { told: Told }[],
  trace: string | undefined,
): ExploreDocument {
  return {
    schema: EXPLORE_SCHEMA,
    version: VERSION,
    file,
    results: told.map(({ told: { verdict } }) =>
      trace === undefined || verdict.counterexample === undefined
        ? verdict
        : { ...verdict, counterexample: { ...verdict.counterexample, traceFile: trace } },
    ),
  };
}

/** The first counterexample, with all that it takes to see it again. */
function writeTrace(
  file: string,
  path: string,
  program: Uint8Array,
  all: readonly { readonly told: Told; readonly settings: Settings }[],
  document: ExploreDocument,
  { reductions }: Pick<ScenarioOptions, 'reductions'>,
): void {
  const index = all.findIndex(({ told }) => told.telling !== undefined);
  if (index < 0) return;
  const { told, settings } = all[index]!;
  const trace: CounterexampleTrace = {
    schema: TRACE_SCHEMA,
    path,
    program: toBase64(program),
    settings: { ...settings, scenario: settings.scenario! },
    cells: told.cells,
    sections: told.sections,
    reductions,
    acts: told.telling!.acts,
    document: { ...document, results: [document.results[index]!] },
  };
  deliver(`${JSON.stringify(trace)}\n`, file, '--trace');
}
