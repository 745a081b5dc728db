import { closeSync, openSync, readSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { printable } from '../binary/printable.js';
import { isImage } from '../checkpoint/codec.js';
import {
  ARCHITECTURES,
  DEFAULT_CPUS,
  DEFAULT_KERNEL,
  DEFAULT_STORE_BUFFER,
  ExploreError,
  MEMORIES,
  ORACLES,
  RANGES,
  type ScenarioProgress,
} from '../explore/options.js';
import type { ExploreDocument } from '../explore/timeline.js';
import {
  type ExploreFileOptions,
  explore as exploreObject,
  explorePart as explorePartOf,
  PIECE_STATES,
} from '../node/explore.js';
import { exploreGithub } from '../report/explore-github.js';
import { exploreHtml } from '../report/explore-html.js';
import { exploreJson } from '../report/explore-json.js';
import { explorePerfetto } from '../report/explore-perfetto.js';
import { exploreText } from '../report/explore-text.js';
import { COLOUR, PLAIN, type Style } from '../report/style.js';
import { kernelVersion } from './check.js';
import { EXIT, UsageError } from './exit.js';
import { deliver, wantsColour, writeAll } from './output.js';
import { Progress } from './progress.js';
import { count, recordedMoment, scaled } from './run-options.js';
import { shardOf } from './shard.js';

interface Options {
  readonly startFrom?: string;
  readonly scenario?: string;
  readonly task?: readonly string[];
  readonly cpus: string;
  readonly kernel: string;
  readonly debugRseq?: boolean;
  readonly arch?: (typeof ARCHITECTURES)[number];
  readonly memory: (typeof MEMORIES)[number];
  readonly storeBuffer?: string;
  readonly oracle: keyof typeof ORACLES;
  readonly maxStates?: string;
  readonly maxAborts?: string;
  readonly maxMemory?: string;
  readonly time?: string;
  readonly jobs?: string;
  readonly exact?: boolean;
  readonly queue?: string;
  readonly queueName?: string;
  readonly queuePiece: string;
  readonly queueWorkers: string;
  readonly shard?: string;
  readonly frontier: string;
  readonly checkpointFile?: string;
  readonly checkpointEvery: string;
  readonly taskSymmetry: boolean;
  readonly cpuSymmetry: boolean;
  readonly sleepSets: boolean;
  readonly fusion: boolean;
  readonly deadRegisters: boolean;
  readonly format: keyof typeof FORMATS;
  readonly output?: string;
  readonly trace?: string;
  readonly color: boolean;
}

/** `rseqlab explore`; `finish` takes the exit status. */
export function addExplore(program: Command, finish: (status: number) => void): void {
  program
    .command('explore')
    .description(
      'run every interleaving of a scenario: every preemption, migration and signal, at every instruction',
    )
    .argument(
      '[file]',
      'a relocatable object with scenarios (include/rseqlab.h): gcc -O2 -c -I include file.c; or a static executable',
    )
    .option(
      '--start-from <recording[@n]>',
      'instead: the threads of a recorded run (rseqlab run --record), from behind event n on, or from a time (@1.000012s); or those of an image (rseqlab checkpoint)',
    )
    .option('--scenario <name>', 'only this one')
    .option(
      '--task <call>',
      "without a scenario: a task that calls a function, 'add(&counters, 1)'; may be given several times",
      (call: string, calls: readonly string[] = []) => [...calls, call],
    )
    .option('--cpus <n>', `how many CPUs there are, 1 to ${RANGES.cpus[1]}`, `${DEFAULT_CPUS}`)
    .option(
      '--kernel <version>',
      'whose rules: a Linux version; the same everywhere unless you say',
      DEFAULT_KERNEL,
    )
    .option('--debug-rseq', 'with the checks of CONFIG_DEBUG_RSEQ or rseq_debug=1')
    .addOption(
      new Option(
        '--arch <architecture>',
        "whose entry code the kernel has (default: the file's); aarch64's of 6.19 and 7.0 aborts nothing",
      ).choices(ARCHITECTURES),
    )
    .addOption(
      new Option('--memory <model>', 'sc: stores are seen at once; tso: x86-TSO, they wait in store buffers')
        .choices(MEMORIES)
        .default('sc'),
    )
    .option(
      '--store-buffer <n>',
      `with --memory tso, how many stores wait at most (default: ${DEFAULT_STORE_BUFFER})`,
    )
    .addOption(
      new Option(
        '--oracle <oracle>',
        'what is right: what the scenario claims, or what undisturbed operations do, in any order',
      )
        .choices(Object.keys(ORACLES))
        .default('auto', 'claims where there are some, else serial'),
    )
    .option('--max-states <n>', 'end with what is known after so many (1000, 50k, 10M)')
    .option('--max-aborts <n>', 'only interleavings with so many switches and interrupts')
    .option('--max-memory <size>', 'memory that the search may take (512M, 4G)')
    .option('--time <seconds>', 'end with what is known after so long')
    .option('--jobs <n>', 'threads (default: as many as there are processors)')
    .option(
      '--checkpoint-file <file>',
      'a search that is broken off is kept there, and the same command goes on from there; the file goes when all is done',
    )
    .option('--checkpoint-every <seconds>', 'write that file so often while the search goes on', '60')
    .option(
      '--shard <i/n>',
      'only part i of n, into the file of -o, for rseqlab merge; auto: as the variables of CI say',
    )
    .option('--frontier <n>', 'states in the layer from which parts go on by themselves', '50k')
    .option(
      '--queue <address>',
      'others take part, from anywhere, with rseqlab work: redis://host:port of a Redis',
    )
    .option('--queue-name <name>', 'of the search, on that Redis (default: of the file, with a number)')
    .option('--queue-workers <n>', 'begin when so many have come', '0')
    .option('--queue-piece <n>', 'states that a worker gets at a time', '16k')
    .option('--exact', 'keep whole states instead of 64-bit fingerprints')
    .option('--no-task-symmetry', 'tell tasks in the same state apart')
    .option('--no-cpu-symmetry', 'tell CPUs apart')
    .option('--no-fusion', 'every instruction by itself')
    .option('--no-dead-registers', 'registers that nobody will read count too')
    .option('--no-sleep-sets', 'follow transitions in every order')
    .addOption(
      new Option('--format <format>', 'how to print')
        .choices(['text', 'json', 'html', 'perfetto', 'github'])
        .default('text'),
    )
    .option('-o, --output <file>', 'write the result there')
    .option('--trace <file>', 'write the counterexample there, for rseqlab replay')
    .option('--no-color', 'no colours')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, options: Options, command: Command) => {
      refuseRecorded(options, command);
      finish(await explore(file, options));
    });
}

const EXAMPLES = `
Examples:
  rseqlab explore counter.o                            every interleaving of two CPUs
  rseqlab explore --format html -o bug.html counter.o  the counterexample, to step through in a browser
  rseqlab explore --trace bug.json counter.o           and rseqlab replay bug.json
  rseqlab explore --task 'add(&counters, 1)*2' counters.o  two tasks that call a function, without a scenario
  rseqlab explore --kernel 6.19 --cpus 3 list.o        by another kernel's rules
  rseqlab explore --memory tso slab.o                  with the store buffers of x86
  rseqlab explore --time 60 --jobs 2 large.o           as far as it comes
  rseqlab explore --start-from crash.rseq@4711         the threads of a recorded run, from that event on
  rseqlab explore --start-from server.img              what can happen next in a process of the real kernel (rseqlab checkpoint)
  rseqlab explore --queue redis://boss:6379 large.o    and, anywhere: rseqlab work redis://boss:6379
  rseqlab explore --checkpoint-file large.ck large.o   Ctrl-C, and the same again goes on from there

Exit status: 0 verified, 1 a counterexample, 2 wrong usage or input, 3 a bound was reached.`;

export const FORMATS = {
  text: (document: ExploreDocument, style: Style) => exploreText(document, style, process.stdout.columns),
  json: exploreJson,
  html: exploreHtml,
  perfetto: explorePerfetto,
  github: exploreGithub,
} as const;

/** What a recording decides, and what cannot be had with one. */
const RECORDED = ['kernel', 'debugRseq', 'arch', 'cpus', 'scenario', 'task'];
const NOT_RECORDED = ['oracle', 'shard'];

function isImageFile(path: string): boolean {
  try {
    const file = openSync(path, 'r');
    try {
      const head = new Uint8Array(64);
      readSync(file, head);
      return isImage(head);
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

function refuseRecorded({ startFrom }: Options, command: Command): void {
  if (startFrom === undefined) return;
  const image = isImageFile(startFrom);
  for (const option of command.options) {
    const name = option.attributeName();
    if (command.getOptionValueSource(name) !== 'cli') continue;
    if (image ? ['arch', 'scenario', 'task'].includes(name) : RECORDED.includes(name))
      throw new UsageError(
        `${option.long}: with --start-from the ${image ? 'image' : 'recording'} says what it is; leave it out`,
      );
    if (NOT_RECORDED.includes(name))
      throw new UsageError(`${option.long} cannot be had with --start-from; leave it out`);
  }
}

async function explore(file: string | undefined, options: Options): Promise<number> {
  if (file === undefined && options.startFrom === undefined)
    throw new UsageError(
      'say what to explore: a relocatable object with a scenario, or --start-from a recording',
    );
  if (options.shard !== undefined) return explorePart(file!, options, options.shard);
  const progress = new Progress();
  const stop = stopper();
  try {
    const document = await exploreObject(file, {
      ...searchOptions(options),
      ...queueOptions(options, progress),
      signal: stop.signal,
      onProgress: (now) => progress.show(progressText(now)),
    });
    progress.done();
    const status = showDocument(document, options);
    const verdicts = document.results.map(({ verdict }) => verdict);
    if (options.checkpointFile !== undefined && verdicts.includes('bounded'))
      process.stderr.write(
        `rseqlab: ${printable(options.checkpointFile)} keeps what is not over; the same command goes on from there\n`,
      );
    return status;
  } catch (error) {
    if (error instanceof ExploreError) throw new UsageError(error.message);
    throw error;
  } finally {
    progress.done();
    stop.done();
  }
}

function queueOptions(
  { queue, queueName, queuePiece, queueWorkers }: Options,
  progress: Progress,
): Pick<ExploreFileOptions, 'queue'> {
  if (queue === undefined) {
    if (queueName !== undefined) throw new UsageError('--queue-name: give the Redis too, with --queue');
    return {};
  }
  const say = (text: string): void => {
    progress.done();
    process.stderr.write(`rseqlab: ${printable(text)}\n`);
  };
  return {
    queue: {
      address: queue,
      ...(queueName !== undefined && { name: queueName }),
      pieceStates: scaled('--queue-piece', queuePiece, 1000, PIECE_STATES.least, PIECE_STATES.most),
      workers: count('--queue-workers', queueWorkers, 0, 10_000),
      onWait: (workers) => progress.show(`${workers} of ${queueWorkers} workers have come`),
      onOpen: (name, address) => say(`search ${name}: others join it with rseqlab work ${address}`),
      onLost: (why, address) =>
        say(`the Redis at ${address} is lost: ${why}; the search goes on here, alone`),
    },
  };
}

/** Explores a part, and writes its file. */
async function explorePart(file: string, options: Options, shard: string): Promise<number> {
  const { output, checkpointFile } = options;
  if (output === undefined) throw new UsageError('--shard: name the file of the part with -o');
  if (checkpointFile !== undefined)
    throw new UsageError(
      '--shard: a part cannot be kept with --checkpoint-file; make it smaller, with more parts',
    );
  if (options.queue !== undefined)
    throw new UsageError('--shard: a part is for one machine; leave out one of --shard and --queue');
  const progress = new Progress();
  const stop = stopper();
  try {
    const { checkpointEvery: _, trace: __, ...rest } = searchOptions(options);
    const [least, most] = RANGES.maxStates;
    const part = { ...shardOf(shard), frontier: scaled('--frontier', options.frontier, 1000, least, most) };
    const { bytes, scenarios } = await explorePartOf(file, part, {
      ...rest,
      signal: stop.signal,
      onProgress: (now) => progress.show(progressText(now)),
    });
    progress.done();
    deliver(bytes, output);
    const ends = scenarios.map(({ end }) => end);
    for (const { scenario, index, count: parts, end, layers } of scenarios)
      writeAll(
        `${printable(scenario)}: ${parts === 1 ? 'all of it' : `part ${index + 1} of ${parts}`}: ${end === 'violation' ? 'a violation: rseqlab merge shows it' : `${layers.reduce((sum, each) => sum + each, 0)} states${end === 'complete' ? '' : `, not all: ${end}`}`}\n`,
      );
    if (ends.includes('violation')) return EXIT.FOUND;
    return ends.every((end) => end === 'complete') ? EXIT.OK : EXIT.INCONCLUSIVE;
  } catch (error) {
    if (error instanceof ExploreError) throw new UsageError(error.message);
    throw error;
  } finally {
    progress.done();
    stop.done();
  }
}

/** Prints a document; the exit status. */
export function showDocument(
  document: ExploreDocument,
  { format, output, color }: Pick<Options, 'format' | 'output' | 'color'>,
): number {
  const style = wantsColour(color, output) ? COLOUR : PLAIN;
  deliver(FORMATS[format](document, style), output);
  const verdicts = document.results.map(({ verdict }) => verdict);
  if (verdicts.includes('counterexample')) return EXIT.FOUND;
  return verdicts.includes('bounded') ? EXIT.INCONCLUSIVE : EXIT.OK;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Milliseconds in which nobody presses a key twice. */
const ONE_KEY = 200;

/** Ctrl-C ends the search with what is known so far; a second one does what it does everywhere. */
export function stopper(): { signal: AbortSignal; done(): void } {
  const controller = new AbortController();
  const done = (): void => {
    for (const name of SIGNALS) process.off(name, stop);
  };
  const stop = (): void => {
    if (controller.signal.aborted) return;
    controller.abort();
    // One key may reach us twice: from the terminal, and from who passes it on.
    setTimeout(done, ONE_KEY).unref();
  };
  for (const name of SIGNALS) process.on(name, stop);
  return { signal: controller.signal, done };
}

function searchOptions(options: Options): ExploreFileOptions {
  const {
    scenario,
    task,
    memory,
    storeBuffer,
    maxStates,
    maxAborts,
    maxMemory,
    time,
    jobs,
    trace,
    checkpointFile,
  } = options;
  if (storeBuffer !== undefined && memory !== 'tso')
    throw new UsageError('--store-buffer is for --memory tso: without it there are no store buffers');
  const [least, most] = RANGES.maxMemory;
  return {
    ...(options.startFrom === undefined
      ? {
          kernel: kernelVersion(options.kernel),
          debugRseq: options.debugRseq === true,
          ...(options.arch !== undefined && { arch: options.arch }),
          cpus: count('--cpus', options.cpus, ...RANGES.cpus),
        }
      : isImageFile(options.startFrom)
        ? {
            startFrom: { recording: options.startFrom },
            kernel: kernelVersion(options.kernel),
            debugRseq: options.debugRseq === true,
            cpus: count('--cpus', options.cpus, ...RANGES.cpus),
          }
        : { startFrom: recordedMoment('--start-from', options.startFrom) }),
    memory,
    ...(storeBuffer !== undefined && {
      storeBuffer: count('--store-buffer', storeBuffer, ...RANGES.storeBuffer),
    }),
    oracle: options.oracle,
    exact: options.exact === true,
    jobs:
      jobs === undefined
        ? Math.min(availableParallelism(), RANGES.jobs[1])
        : count('--jobs', jobs, ...RANGES.jobs),
    reductions: {
      symmetry: options.taskSymmetry,
      cpus: options.cpuSymmetry,
      fusion: options.fusion,
      registers: options.deadRegisters,
      sleep: options.sleepSets,
    },
    ...(scenario !== undefined && { scenario }),
    ...(task !== undefined && { tasks: task }),
    ...(trace !== undefined && { trace }),
    ...(checkpointFile !== undefined && { checkpointFile }),
    checkpointEvery: count('--checkpoint-every', options.checkpointEvery, 1, 2 ** 31),
    ...(maxStates !== undefined && {
      maxStates: scaled('--max-states', maxStates, 1000, ...RANGES.maxStates),
    }),
    ...(maxAborts !== undefined && { maxAborts: count('--max-aborts', maxAborts, ...RANGES.maxAborts) }),
    ...(maxMemory !== undefined && { maxMemory: scaled('--max-memory', maxMemory, 1024, least, most) }),
    ...(time !== undefined && { time: count('--time', time, ...RANGES.time) }),
  };
}

export const progressText = ({
  scenario,
  states,
  rate,
  frontier,
  layer,
  bytes,
  seconds,
  workers,
}: ScenarioProgress): string =>
  `${scenario}: ${states} states, ${Math.round(rate / 1000)}k/s, ${workers === undefined ? '' : `${workers} ${workers === 1 ? 'worker' : 'workers'}, `}${frontier} to look at, ${layer} interrupts, ${Math.round(bytes / 2 ** 20)} MiB, ${seconds.toFixed(0)} s`;
