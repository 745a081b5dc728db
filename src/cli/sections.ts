import { type Command, Option } from 'commander';
import { printableData } from '../binary/printable.js';
import { DEBUG_DIRECTORY } from '../node/debug-file.js';
import { VERSION } from '../node/version.js';
import { sectionsText } from '../report/sections-text.js';
import { COLOUR, PLAIN } from '../report/style.js';
import { checkFiles, signatureOf } from './check.js';
import { EXIT, UsageError } from './exit.js';
import { deliver, wantsColour } from './output.js';

interface Options {
  readonly format: 'text' | 'json';
  readonly signature?: string;
  readonly debugDir: string;
  readonly output?: string;
  readonly color: boolean;
}

/** `rseqlab sections`; `finish` takes the exit status. */
export function addSections(program: Command, finish: (status: number) => void): void {
  program
    .command('sections')
    .description('list the restartable sequences of ELF files, and by which way each was found')
    .argument('[file...]', 'executables, libraries, objects, archives (.a), cores, or directories of them')
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .option(
      '--signature <number>',
      'the signature rseq is registered with (default: RSEQ_SIG of the architecture)',
    )
    .option('--debug-dir <directory>', 'where separate debug files are', DEBUG_DIRECTORY)
    .option('-o, --output <file>', 'write the result there')
    .option('--no-color', 'no colours')
    .addHelpText(
      'after',
      '\nExamples:\n  rseqlab sections ./server\n  rseqlab sections --format json /usr/lib',
    )
    .action((files: string[], options: Options) => finish(run(files, options)));
}

function run(files: readonly string[], options: Options): number {
  if (files.length === 0)
    throw new UsageError('sections: no file given; give ELF files, archives or directories');
  const signature = options.signature === undefined ? {} : { signature: signatureOf(options.signature) };
  const { results } = checkFiles(files, { rules: ['descriptor-version'], ...signature }, options.debugDir);
  const style = wantsColour(options.color, options.output) ? COLOUR : PLAIN;
  const json = () => ({
    schema: 'rseqlab.sections/1',
    version: VERSION,
    files: results.map((result) => ({
      file: result.name,
      architecture: result.architecture ?? null,
      limits: result.limits,
      sections: result.sections,
    })),
  });
  deliver(
    options.format === 'json'
      ? `${JSON.stringify(json(), null, 2)}\n`
      : sectionsText(printableData(results), style),
    options.output,
  );
  return EXIT.OK;
}
