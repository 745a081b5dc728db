import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { SIG } from '../abi/signals.js';
import { printable } from '../binary/printable.js';
import { type CounterexampleTrace, readTrace, TraceError } from '../explore/trace.js';
import { Unavailable } from '../linux/errors.js';
import { unavailable } from '../linux/libc.js';
import { force } from '../live/force/force.js';
import { refuseNarrow } from '../live/narrow.js';
import { Refused } from '../live/refused.js';
import type { StressOptions } from '../live/stress/options.js';
import { stress } from '../live/stress/stress.js';
import { reason } from '../node/reason.js';
import { exploreText } from '../report/explore-text.js';
import type { ForceDocument } from '../report/force-document.js';
import { forceText } from '../report/force-text.js';
import type { Cause, StressDocument, StressVerdict } from '../report/stress-document.js';
import { stressHtml } from '../report/stress-html.js';
import { stressJson } from '../report/stress-json.js';
import { stressLcov } from '../report/stress-lcov.js';
import { stressText } from '../report/stress-text.js';
import { COLOUR, PLAIN, type Style } from '../report/style.js';
import { EXIT, UsageError } from './exit.js';
import { stopper } from './explore.js';
import { refuseIdle } from './idle-options.js';
import { checkPlace, deliver, wantsColour } from './output.js';
import { Progress } from './progress.js';
import { count } from './run-options.js';
import { type HandedOver, handOver } from './stress-explore.js';

const CAUSES: readonly Cause[] = ['ptrace', 'signal', 'migrate', 'membarrier'];
const MODES = ['sweep', 'storm'] as const;

interface Options {
  readonly pid?: string;
  readonly mode: (typeof MODES)[number];
  readonly double?: boolean;
  readonly hardware?: boolean;
  readonly cause: Cause;
  readonly signal: string;
  readonly rounds: string;
  readonly seed: string;
  readonly time?: string;
  readonly expectStatus: string;
  readonly verify?: string;
  readonly minCoverage?: string;
  readonly bisect: boolean;
  readonly counterexample?: string;
  readonly explore?: string | true;
  readonly format: keyof typeof FORMATS;
  readonly output?: string;
  readonly color: boolean;
}

const FORMATS = {
  text: (document: StressDocument, style: Style) => stressText(document, style),
  json: stressJson,
  html: stressHtml,
  lcov: (document: StressDocument) => stressLcov(document, whereSourceIs),
} as const;

/** Line tables name files as the compiler was given them: looked for from here, then beside the program. */
function whereSourceIs(source: string, program: string): string {
  const found = [resolve(source), resolve(dirname(program), source)].find((path) => existsSync(path));
  return found ?? source;
}

const STATUS: Readonly<Record<StressVerdict, number>> = {
  survived: EXIT.OK,
  failed: EXIT.FOUND,
  uncovered: EXIT.FOUND,
  inconclusive: EXIT.INCONCLUSIVE,
};

/** Seconds for which a process that runs already is stressed, and a storm blows, where nothing else is said. */
const DEFAULT_TIME = 10;

/** `rseqlab stress`; `finish` takes the exit status. */
export function addStress(program: Command, finish: (status: number) => void): void {
  program
    .command('stress')
    .description(
      'force an abort at every instruction of every section of a real program, and see whether it is still right',
    )
    .argument('[command...]', 'the program and its arguments, behind --')
    .option('-p, --pid <pid>', 'a process that runs already, instead of a program')
    .addOption(
      new Option(
        '--mode <mode>',
        'sweep: every instruction, in every thread; storm: random ones, again and again',
      )
        .choices(MODES)
        .default('sweep'),
    )
    .option('--double', 'abort the retry too: every pair of instructions')
    .option(
      '--hardware',
      'by debug registers, where nothing may be written into code: slower, and four instructions of a thread at a time',
    )
    .addOption(
      new Option(
        '--cause <cause>',
        'what comes with the stop that aborts: nothing, a signal, another CPU, a membarrier(2) that aborts others too',
      )
        .choices(CAUSES)
        .default('ptrace'),
    )
    .option('--signal <name>', 'of --cause signal: one that the program handles, or ignores', 'SIGURG')
    .option('--rounds <n>', 'of a sweep: so many aborts at each instruction at least', '10')
    .option('--seed <n>', 'of a storm', '1')
    .option('--time <seconds>', `force aborts for so long only; storm and --pid: ${DEFAULT_TIME}`)
    .option('--expect-status <n>', 'the exit status of the program when all is well', '0')
    .option(
      '--verify <command>',
      'a shell command that says, when the program has ended, whether all is well: status 0',
    )
    .option('--min-coverage <percent>', 'less of the sections entered is a failure: exit status 1')
    .option(
      '--counterexample <trace>',
      'make the threads of a program, built from the same scenario with -DRSEQLAB_NATIVE, go the way that rseqlab explore --trace found',
    )
    .option(
      '--explore [object]',
      'when the program fails, and its file (or this object) has scenarios: hand them over to rseqlab explore, which looks for the shortest way there',
    )
    .option('--no-bisect', 'do not look for the smallest set of aborts that makes a failure happen')
    .addOption(
      new Option('--format <format>', 'how to print')
        .choices(['text', 'json', 'html', 'lcov'])
        .default('text'),
    )
    .option(
      '-o, --output <file>',
      'write the result there; else the output of the program goes to standard error',
    )
    .option('--no-color', 'no colours')
    .addHelpText('after', EXAMPLES)
    .passThroughOptions()
    .action(async (command: string[], options: Options, self: Command) => {
      refuseIdle(self, [
        ['signal', options.cause === 'signal', '--cause signal'],
        ['seed', options.mode === 'storm', '--mode storm'],
        ['rounds', options.mode === 'sweep', '--mode sweep'],
      ]);
      finish(await run(command, options));
    });
}

const EXAMPLES = `
Examples:
  rseqlab stress -- ./test                       every instruction of every section that ./test enters, once
  rseqlab stress --min-coverage 100 -- ./test    in CI: an abort point that was not reached is a failure
  rseqlab stress --double -- ./test              the retry is aborted too
  rseqlab stress --mode storm --time 30 -- ./test
  rseqlab stress --format html -o aborts.html -- ./test
  rseqlab stress --verify 'diff out expected' -- ./test
  rseqlab stress --counterexample bug.json -- ./a.out count   what explore found, on the real kernel
  rseqlab stress --explore -- ./a.out count      a failure, and then explore's shortest way there
  rseqlab stress -p 4711                         a process that runs; it is left as it was

Exit status: 0 all is well, 1 it failed, or too little was covered, 2 wrong usage or input, 3 nothing could be aborted, or broken off.`;

async function run(command: readonly string[], options: Options): Promise<number> {
  const why = unavailable();
  if (why !== undefined) throw new UsageError(why);
  if (options.explore !== undefined && !['text', 'json'].includes(options.format))
    throw new UsageError(`--explore knows --format text and json, not ${options.format}`);
  checkPlace(options.output);
  if (options.counterexample !== undefined) return forced(command, options, options.counterexample);
  const progress = new Progress();
  const stop = stopper();
  try {
    const asked = stressOptions(command, options);
    refuseNarrow('stress', asked);
    const document = await stress({
      ...asked,
      abort: stop.signal,
      onProgress: (text) => progress.show(text),
    });
    const handed = await handedOver(document, options, progress, stop.signal);
    progress.done();
    const style = wantsColour(options.color, options.output) ? COLOUR : PLAIN;
    deliver(reportOf(document, handed, options, style), options.output);
    if (handed?.why !== undefined) process.stderr.write(`rseqlab: not explored: ${printable(handed.why)}\n`);
    return STATUS[document.verdict];
  } catch (error) {
    if (error instanceof Refused || error instanceof Unavailable) throw new UsageError(error.message);
    throw error;
  } finally {
    progress.done();
    stop.done();
  }
}

/** With --explore, of a program that failed. */
async function handedOver(
  document: StressDocument,
  { explore }: Options,
  progress: Progress,
  signal: AbortSignal,
): Promise<HandedOver | undefined> {
  if (explore === undefined || document.verdict !== 'failed') return undefined;
  return handOver(document, explore === true ? undefined : explore, progress, signal);
}

function reportOf(
  document: StressDocument,
  handed: HandedOver | undefined,
  { format }: Options,
  style: Style,
): string {
  const { explored } = handed ?? {};
  const whole = explored === undefined ? document : { ...document, explored };
  const text = FORMATS[format](whole, style);
  return explored === undefined || format === 'json'
    ? text
    : `${text}\n${exploreText(explored, style, process.stdout.columns)}`;
}

const FORCE_FORMATS: Readonly<Record<string, (document: ForceDocument, style: Style) => string>> = {
  text: forceText,
  json: (document) => `${JSON.stringify(document, null, 2)}\n`,
};
const FORCE_STATUS = { happened: EXIT.FOUND, right: EXIT.OK, diverged: EXIT.INCONCLUSIVE } as const;

async function forced(command: readonly string[], options: Options, file: string): Promise<number> {
  const { output, color, format, expectStatus } = options;
  const write = FORCE_FORMATS[format];
  if (write === undefined)
    throw new UsageError(`--counterexample knows --format text and json, not ${format}`);
  if (command.length === 0)
    throw new UsageError(
      '--counterexample: name the program behind --, built from the scenario with -DRSEQLAB_NATIVE',
    );
  const stop = stopper();
  try {
    const document = await force(traceIn(file), command, {
      outputAside: output === undefined,
      expectStatus: count('--expect-status', expectStatus, 0, 255),
      abort: stop.signal,
    });
    deliver(write(document, wantsColour(color, output) ? COLOUR : PLAIN), output);
    return FORCE_STATUS[document.verdict];
  } catch (error) {
    if (error instanceof Refused || error instanceof Unavailable || error instanceof TraceError)
      throw new UsageError(error.message);
    throw error;
  } finally {
    stop.done();
  }
}

function traceIn(file: string): CounterexampleTrace {
  try {
    return readTrace(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof TraceError) throw error;
    throw new UsageError(`cannot read ${file}: ${reason(error)}; make one with rseqlab explore --trace`);
  }
}

function stressOptions(command: readonly string[], options: Options): StressOptions {
  const { pid, mode, cause, verify, minCoverage, output } = options;
  if ((pid === undefined) === (command.length === 0))
    throw new UsageError(
      'stress: name a program behind --, or a process with -p; rseqlab stress --help shows examples',
    );
  const signal =
    SIG[(options.signal.startsWith('SIG') ? options.signal : `SIG${options.signal}`) as keyof typeof SIG];
  if (signal === undefined || signal === SIG.SIGKILL || signal === SIG.SIGSTOP)
    throw new UsageError(`--signal ${options.signal}: name one that a program can handle, such as SIGUSR1`);
  const time =
    options.time === undefined
      ? mode === 'storm' || pid !== undefined
        ? DEFAULT_TIME
        : 0
      : count('--time', options.time, 1, 2 ** 31);
  return {
    ...(pid === undefined ? { command } : { pid: count('--pid', pid, 1, 2 ** 22) }),
    ...{
      mode,
      double: options.double === true,
      hardware: options.hardware === true,
      cause,
      signal,
      time,
      bisect: options.bisect,
    },
    rounds: count('--rounds', options.rounds, 1, 1e9),
    seed: count('--seed', options.seed, 0, 2 ** 32 - 1),
    expectStatus: count('--expect-status', options.expectStatus, 0, 255),
    ...(verify !== undefined && { verify }),
    ...(minCoverage !== undefined && { minCoverage: count('--min-coverage', minCoverage, 0, 100) }),
    outputAside: output === undefined,
  };
}
