import { type Command, Option } from 'commander';
import { Unavailable } from '../linux/errors.js';
import { unavailable } from '../linux/libc.js';
import { refuseNarrow } from '../live/narrow.js';
import { Refused } from '../live/refused.js';
import { step } from '../live/step/step.js';
import type { StepDocument } from '../report/step-document.js';
import { stepText } from '../report/step-text.js';
import { COLOUR, PLAIN, type Style } from '../report/style.js';
import { EXIT, UsageError } from './exit.js';
import { stopper } from './explore.js';
import { checkPlace, deliver, wantsColour } from './output.js';
import { count } from './run-options.js';

interface Options {
  readonly pid?: string;
  readonly section?: string;
  readonly thread?: string;
  readonly count: string;
  readonly format: keyof typeof FORMATS;
  readonly output?: string;
  readonly color: boolean;
}

const FORMATS = {
  text: (document: StepDocument, style: Style) => stepText(document, style),
  json: (document: StepDocument) => `${JSON.stringify(document, null, 2)}\n`,
} as const;

/** `rseqlab step`; `finish` takes the exit status. */
export function addStep(program: Command, finish: (status: number) => void): void {
  program
    .command('step')
    .description(
      'lead a thread of a real program through a section, instruction by instruction, which no debugger can',
    )
    .argument('[command...]', 'the program and its arguments, behind --')
    .option('-p, --pid <pid>', 'a process that runs already, instead of a program')
    .option('--section <name>', 'only sections of functions with this in their name, or with this start_ip')
    .option('--thread <tid>', 'only this thread')
    .option('--count <n>', 'so many times', '1')
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .option(
      '-o, --output <file>',
      'write the result there; else the output of the program goes to standard error',
    )
    .option('--no-color', 'no colours')
    .addHelpText('after', EXAMPLES)
    .passThroughOptions()
    .action(async (command: string[], options: Options) => finish(await run(command, options)));
}

const EXAMPLES = `
A stop inside a section aborts it: a debugger that steps through one comes to its abort handler. So rseq_cs is held at zero meanwhile; the thread is
not restarted, and not protected either: what others do on its CPU may come in between.

Examples:
  rseqlab step -- ./server                  the first thread that comes to a section
  rseqlab step --section push -- ./server   ... of a function with push in its name
  rseqlab step --count 3 -p 4711            three walks in a process that runs; it is left as it was

Exit status: 0 a walk was made, 2 wrong usage or input, 3 no thread came to a section.`;

async function run(command: readonly string[], options: Options): Promise<number> {
  const why = unavailable();
  if (why !== undefined) throw new UsageError(why);
  const { pid, section, thread, output, format } = options;
  if ((pid === undefined) === (command.length === 0))
    throw new UsageError(
      'step: name a program behind --, or a process with -p; rseqlab step --help shows examples',
    );
  checkPlace(output);
  const stop = stopper();
  try {
    refuseNarrow('step', { command, pid: pid === undefined ? undefined : Number(pid) });
    const document = await step(
      {
        ...(pid === undefined ? { command } : { pid: count('--pid', pid, 1, 2 ** 22) }),
        ...(section !== undefined && { section }),
        ...(thread !== undefined && { tid: count('--thread', thread, 1, 2 ** 22) }),
        count: count('--count', options.count, 1, 1e6),
      },
      { outputAside: output === undefined, abort: stop.signal },
    );
    deliver(FORMATS[format](document, wantsColour(options.color, output) ? COLOUR : PLAIN), output);
    return document.walks.length > 0 ? EXIT.OK : EXIT.INCONCLUSIVE;
  } catch (error) {
    if (error instanceof Refused || error instanceof Unavailable) throw new UsageError(error.message);
    throw error;
  } finally {
    stop.done();
  }
}
