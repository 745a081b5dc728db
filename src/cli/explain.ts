import { type Command, Option } from 'commander';
import { printableData } from '../binary/printable.js';
import { SystemError, Unavailable } from '../linux/errors.js';
import { type RunningKernel, runningKernel } from '../linux/kernel.js';
import { unavailable } from '../linux/libc.js';
import { CoreProcess } from '../live/core.js';
import { signalName } from '../live/explain/cause.js';
import { explainCore } from '../live/explain/core.js';
import { type Watched, watchCommand, watchProcess } from '../live/explain/watch.js';
import { refuseNarrow } from '../live/narrow.js';
import { Refused } from '../live/refused.js';
import { VERSION } from '../node/version.js';
import type { ExplainDocument } from '../report/explain-document.js';
import { explainText } from '../report/explain-text.js';
import { COLOUR, PLAIN } from '../report/style.js';
import { EXIT, UsageError } from './exit.js';
import { kernelOf } from './inspect.js';
import { deliver, wantsColour } from './output.js';

interface Options {
  readonly pid?: string;
  readonly calls?: boolean;
  readonly kernel?: string;
  readonly format: 'text' | 'json';
  readonly output?: string;
  readonly color: boolean;
}

const EXAMPLES = `
Examples:
  rseqlab explain -- ./server          run it; say which rule of rseq it dies of, and why each rseq(2) fails
  rseqlab explain -p 4242              the same of a process that runs; it is not stopped, Ctrl-C leaves it as it was
  rseqlab explain core.4242            of a core

Exit status: 0 nothing to do with rseq, 1 a rule of rseq was broken or a registration refused, 2 wrong usage or input, 3 the kernel sent SIGSEGV
and what for could not be told. What the command prints and returns is its own.`;

/** `rseqlab explain`; `finish` takes the exit status. */
export function addExplain(program: Command, finish: (status: number) => void): void {
  program
    .command('explain')
    .description('why a program died, or rseq(2) failed: which rule of rseq was broken, and what to do')
    .argument('[subject...]', 'a core, or behind -- a command with its arguments')
    .option('-p, --pid <process>', 'watch a process that runs')
    .option('--calls', 'with -p: watch its rseq(2) too, for which every system call of it stops')
    .option('--no-calls', 'of a command: crashes only, which costs it nothing')
    .option('--kernel <version>', 'judge a core by the rules of this kernel (default: the running one)')
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .option('-o, --output <file>', 'write the result there')
    .option('--no-color', 'no colours')
    .passThroughOptions()
    .addHelpText('after', EXAMPLES)
    .action((subject: string[], options: Options) => finish(run(subject, options, isCommand(program))));
}

/** Is there a `--` in front of the subject? */
const isCommand = (program: Command): boolean =>
  ((program as Command & { rawArgs?: string[] }).rawArgs ?? process.argv).includes('--');

function run(subject: readonly string[], options: Options, command: boolean): number {
  const document = make(subject, options, command);
  const json = `${JSON.stringify(document, null, 2)}\n`;
  const style = wantsColour(options.color, options.output) ? COLOUR : PLAIN;
  deliver(options.format === 'json' ? json : explainText(printableData(document), style), options.output);
  return statusOf(document);
}

function make(subject: readonly string[], options: Options, command: boolean): ExplainDocument {
  const kernel = options.kernel === undefined ? runningKernel() : kernelOf(options.kernel);
  try {
    if (options.pid !== undefined) {
      if (subject.length > 0)
        throw new UsageError('explain: -p takes no command or core besides; leave one of them out');
      return ofProcess(options.pid, options, kernel);
    }
    if (subject.length === 0)
      throw new UsageError('explain: nothing given; give a core, -p PROCESS, or a command behind --');
    if (command) return ofCommand(subject, options, kernel);
    if (subject.length > 1)
      throw new UsageError('explain: give one core, or a command behind -- (rseqlab explain -- COMMAND)');
    return ofCore(subject[0]!, kernel);
  } catch (error) {
    if (error instanceof Refused || error instanceof Unavailable) throw new UsageError(error.message);
    if (error instanceof SystemError)
      throw new UsageError(`${command ? `cannot run ${subject[0]}` : 'cannot watch it'}: ${error.message}`);
    throw error;
  }
}

function document(
  kernel: RunningKernel,
  rest: Omit<ExplainDocument, 'schema' | 'version' | 'kernel'>,
): ExplainDocument {
  const { release, debugRseq } = kernel;
  return {
    schema: 'rseqlab.explain/1',
    version: VERSION,
    kernel: { release, debugRseq: debugRseq ?? null },
    ...rest,
  };
}

function ofProcess(text: string, { calls = false }: Options, kernel: RunningKernel): ExplainDocument {
  if (!/^\d+$/.test(text))
    throw new UsageError(`-p ${text} is no number of a process; ps -e lists those that there are`);
  const pid = Number(text);
  refuseNarrow('explain', { pid });
  return document(kernel, {
    subject: { kind: 'process', pid },
    ...watched(() => watchProcess(pid, calls, kernel)),
  });
}

function ofCommand(
  command: readonly string[],
  { calls = true }: Options,
  kernel: RunningKernel,
): ExplainDocument {
  refuseNarrow('explain', { command });
  return document(kernel, {
    subject: { kind: 'command', command },
    ...watched(() => {
      // Ctrl-C is for the command, and how it ends for us to tell.
      const ignore = (): void => {};
      process.on('SIGINT', ignore);
      try {
        return watchCommand(command, calls, kernel);
      } finally {
        process.off('SIGINT', ignore);
      }
    }),
  });
}

function watched(watch: () => Watched): Watched & Pick<ExplainDocument, 'notes'> {
  const missing = unavailable();
  if (missing !== undefined) throw new Unavailable(missing);
  return { ...watch(), notes: [] };
}

function ofCore(path: string, kernel: RunningKernel): ExplainDocument {
  const core = CoreProcess.open(path);
  try {
    const found = explainCore(core, kernel);
    return document(kernel, {
      subject: { kind: 'core', path },
      end: core.signal === undefined ? null : { kind: 'killed', signal: signalName(core.signal.signal) },
      findings: found === undefined ? [] : [found],
      notes:
        found === undefined
          ? ['the core is of a process that no signal has ended; rseqlab inspect shows its threads']
          : [],
    });
  } finally {
    core.close();
  }
}

function statusOf({ findings }: ExplainDocument): number {
  if (findings.some(({ kind }) => kind === 'violation' || kind === 'refused')) return EXIT.FOUND;
  return findings.some(({ kind }) => kind === 'unknown') ? EXIT.INCONCLUSIVE : EXIT.OK;
}
