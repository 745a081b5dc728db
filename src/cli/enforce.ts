import { type Command, Option } from 'commander';
import { printableData } from '../binary/printable.js';
import { unavailable } from '../linux/libc.js';
import { enforce } from '../live/enforce/enforce.js';
import { refuseNarrow } from '../live/narrow.js';
import { Refused } from '../live/refused.js';
import type { EnforceDocument } from '../report/enforce-document.js';
import { enforceText } from '../report/enforce-text.js';
import { EXIT, shellStatus, UsageError } from './exit.js';
import { checkPlace, deliver, writeStream } from './output.js';

interface Options {
  readonly kill?: boolean;
  readonly strict?: boolean;
  readonly format: 'text' | 'json';
  readonly output?: string;
}

const EXAMPLES = `
Examples:
  rseqlab enforce -- ./program              tell of each system call from inside a section, and go on
  rseqlab enforce --kill -- ./program       SIGSEGV for the thread that makes one, as a kernel with rseq_debug gives it
  rseqlab enforce --strict -- ./program     nor as a section's last instruction
  rseqlab enforce --format json -o calls.json -- make check

Exit status: 1 where a section made a system call; else the command's own, or 128 and the signal that ended it; 2 wrong usage.`;

/** `rseqlab enforce`; `finish` takes the exit status. */
export function addEnforce(program: Command, finish: (status: number) => void): void {
  program
    .command('enforce')
    .description('run a program and catch system calls from inside its sections, at no cost to other calls')
    .argument('<command...>', 'the program, with its arguments')
    .option('--report', 'tell of such calls at the end (default)')
    .addOption(new Option('--kill', 'SIGSEGV for the thread that makes one').conflicts('report'))
    .option('--strict', "also calls that are a section's last instruction")
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .option(
      '-o, --output <file>',
      "write there; default: standard error, since standard output is the program's",
    )
    .addHelpText('after', EXAMPLES)
    .passThroughOptions()
    .action(async (command: string[], options: Options) => finish(await run(command, options)));
}

async function run(command: readonly string[], options: Options): Promise<number> {
  const against = unavailable();
  if (against !== undefined) throw new UsageError(against);
  checkPlace(options.output);
  // Ctrl-C is for the program: it ends, and the report comes.
  const ignore = () => {};
  process.on('SIGINT', ignore);
  try {
    refuseNarrow('enforce', { command });
    const document = await enforce({ command, kill: options.kill === true, strict: options.strict === true });
    const text =
      options.format === 'json'
        ? `${JSON.stringify(document, undefined, 2)}\n`
        : enforceText(printableData(document));
    if (options.output === undefined) writeStream(2, Buffer.from(text));
    else deliver(text, options.output);
    return statusOf(document);
  } catch (error) {
    if (error instanceof Refused) throw new UsageError(error.message);
    throw error;
  } finally {
    process.off('SIGINT', ignore);
  }
}

function statusOf({ sites, program }: EnforceDocument): number {
  if (sites.length > 0) return EXIT.FOUND;
  return shellStatus(program);
}
