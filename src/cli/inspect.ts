import { type Command, Option } from 'commander';
import { printableData } from '../binary/printable.js';
import { type RunningKernel, runningKernel } from '../linux/kernel.js';
import { unavailable } from '../linux/libc.js';
import { allProcesses } from '../linux/procfs.js';
import { inspectProcess } from '../live/inspect/look.js';
import { LiveProcess } from '../live/process.js';
import { Refused } from '../live/refused.js';
import { VERSION } from '../node/version.js';
import type { InspectDocument, InspectedProcess } from '../report/inspect-document.js';
import { inspectText } from '../report/inspect-text.js';
import { COLOUR, PLAIN } from '../report/style.js';
import { EXIT, UsageError } from './exit.js';
import { deliver, wantsColour, writeAll } from './output.js';
import { Screen } from './screen.js';

interface Options {
  readonly all?: boolean;
  readonly stop?: boolean;
  readonly watch?: boolean;
  readonly interval: string;
  readonly kernel?: string;
  readonly format: 'text' | 'json';
  readonly output?: string;
  readonly color: boolean;
}

const EXAMPLES = `
Examples:
  rseqlab inspect 4242                 every thread of a process: what is registered, by whom, and in which section it is
  rseqlab inspect --stop 4242          ask the kernel also about threads that run; a section that one is in is aborted
  rseqlab inspect --all                one line a process, and the first threads of it that have a section armed or something wrong
  rseqlab inspect --watch 4242         look again every second
  rseqlab inspect core.4242            a core: what was registered is derived from its memory
  rseqlab inspect server.img           an image: where each thread stood and goes on, and whether this kernel will take its registration
  rseqlab inspect --kernel 7.1 images  CRIU's images in a folder: the same, judged by another kernel

Exit status: 0 nothing wrong, 1 something is wrong with a registration or a section, 2 it cannot be looked at, 3 of some thread nothing could
be known without --stop.`;

/** `rseqlab inspect`; `finish` takes the exit status. */
export function addInspect(program: Command, finish: (status: number) => void): void {
  program
    .command('inspect')
    .description(
      'each thread of a process, a core or a checkpoint: its rseq registration, the section it is in, and what is wrong',
    )
    .argument('[target...]', 'numbers of processes; cores, images of checkpoint, folders with images of CRIU')
    .option('--all', 'every process that may be looked at')
    .option('--stop', 'stop every thread to ask the kernel, also where that aborts a section')
    .option('--watch', 'a table that is drawn again and again, on a terminal; q ends it')
    .option('--interval <seconds>', 'with --watch: how often', '1')
    .option(
      '--kernel <version>',
      'judge cores and images by the rules of this kernel (default: the running one)',
    )
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .option('-o, --output <file>', 'write the result there')
    .option('--no-color', 'no colours')
    .addHelpText('after', EXAMPLES)
    .action(async (targets: string[], options: Options) => finish(await run(targets, options)));
}

async function run(targets: readonly string[], options: Options): Promise<number> {
  if (targets.length === 0 && !options.all)
    throw new UsageError('inspect: nothing given; give the number of a process, a core, an image, or --all');
  if (targets.length > 0 && options.all)
    throw new UsageError('inspect: --all takes no targets; leave one of them out');
  if (options.watch) return watch(targets, options);
  const document = await look(targets, options);
  const colour = wantsColour(options.color, options.output);
  deliver(
    options.format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : textOf(document, options, colour),
    options.output,
  );
  return statusOf(document);
}

const textOf = (document: InspectDocument, { all }: Options, colour: boolean): string =>
  inspectText(printableData(document), colour ? COLOUR : PLAIN, all === true);

function statusOf({ processes }: InspectDocument): number {
  const threads = processes.flatMap((process) => process.threads);
  if (threads.some(({ problems, restore }) => problems.length > 0 || restore?.accepted === false))
    return EXIT.FOUND;
  return threads.some(({ known }) => known === 'unknown') ? EXIT.INCONCLUSIVE : EXIT.OK;
}

/** Throws UsageError for a target that cannot be looked at; with --all they are listed. */
async function look(targets: readonly string[], options: Options): Promise<InspectDocument> {
  const kernel = kernelOf(options.kernel);
  const refused: { pid: number; reason: string }[] = [];
  const processes: InspectedProcess[] = [];
  for (const target of options.all ? allProcesses().map(String) : targets) {
    try {
      processes.push(...(await lookAt(target, options, kernel)));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!options.all) throw new UsageError(error.message);
      if (!error.nothingToSee) refused.push({ pid: Number(target), reason: error.message });
    }
  }
  const { release, debugRseq } = kernel;
  return {
    schema: 'rseqlab.inspect/1',
    version: VERSION,
    kernel: { release, debugRseq: debugRseq ?? null },
    processes,
    refused,
  };
}

export function kernelOf(version: string | undefined): RunningKernel {
  if (version === undefined) return runningKernel();
  if (!/^v?\d+\.\d+/.test(version))
    throw new UsageError(`--kernel ${version} is no kernel version; give one like 6.18`);
  return { release: version, debugRseq: false };
}

async function lookAt(
  target: string,
  { stop = false }: Options,
  kernel: RunningKernel,
): Promise<InspectedProcess[]> {
  // What reads cores and images is not loaded for a process.
  if (!/^\d+$/.test(target)) return (await import('../live/inspect/file.js')).inspectFile(target, kernel);
  const missing = unavailable();
  if (missing !== undefined) throw new UsageError(missing);
  return [inspectProcess(new LiveProcess(Number(target)), { stop, kernel })];
}

/** Until q or Ctrl-C, or until the processes have gone; the last picture stays on the terminal. */
async function watch(targets: readonly string[], options: Options): Promise<number> {
  const seconds = Number(options.interval);
  if (!(seconds >= 0.1))
    throw new UsageError(`--interval ${options.interval} is no number of seconds from 0.1 on`);
  if (process.stdout.isTTY !== true || options.output !== undefined || options.format !== 'text')
    throw new UsageError('inspect: --watch draws on a terminal; leave it out to print once');
  let document = await look(targets, options);
  let ended = false;
  let wake = (): void => {};
  const end = (): void => {
    ended = true;
    wake();
  };
  const screen = new Screen((key) => {
    if (key === 'q' || key === '\u0003') end();
  });
  const text = (): string => textOf(document, options, wantsColour(options.color, undefined));
  const draw = (): void => screen.draw(text().split('\n'));
  let gone = '';
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  process.stdout.on('resize', draw);
  screen.enter();
  try {
    while (!ended && gone === '') {
      draw();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, seconds * 1000);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (ended) break;
      try {
        document = await look(targets, options);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        gone = `${error.message}\n`;
      }
    }
  } finally {
    process.stdout.off('resize', draw);
    screen.leave();
  }
  writeAll(`${text()}${gone}`);
  return gone === '' ? statusOf(document) : EXIT.OK;
}
