import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { ExploreError, RANGES } from '../explore/options.js';
import { merge as mergeFiles } from '../node/explore.js';
import { UsageError } from './exit.js';
import { FORMATS, progressText, showDocument, stopper } from './explore.js';
import { Progress } from './progress.js';
import { count } from './run-options.js';

interface Options {
  readonly format: keyof typeof FORMATS;
  readonly output?: string;
  readonly trace?: string;
  readonly jobs?: string;
  readonly color: boolean;
}

/** `rseqlab merge`; `finish` takes the exit status. */
export function addMerge(program: Command, finish: (status: number) => void): void {
  program
    .command('merge')
    .description('put the parts of a search together: what one machine would have found')
    .argument('<files...>', 'all that rseqlab explore --shard has written')
    .addOption(new Option('--format <format>', 'how to print').choices(Object.keys(FORMATS)).default('text'))
    .option('-o, --output <file>', 'write the result there')
    .option('--trace <file>', 'write the counterexample there, for rseqlab replay')
    .option(
      '--jobs <n>',
      'threads, where a counterexample is to be found (default: as many as there are processors)',
    )
    .option('--no-color', 'no colours')
    .addHelpText('after', EXAMPLES)
    .action(async (files: string[], options: Options) => finish(await merge(files, options)));
}

const EXAMPLES = `
Examples:
  rseqlab explore --shard 1/2 -o 1.part large.o   on one machine
  rseqlab explore --shard 2/2 -o 2.part large.o   on another
  rseqlab merge 1.part 2.part                     anywhere

Exit status: 0 verified, 1 a counterexample, 2 wrong usage or input, 3 a bound was reached.`;

async function merge(files: readonly string[], options: Options): Promise<number> {
  const { trace, jobs } = options;
  const progress = new Progress();
  const stop = stopper();
  try {
    const document = await mergeFiles(files, {
      jobs:
        jobs === undefined
          ? Math.min(availableParallelism(), RANGES.jobs[1])
          : count('--jobs', jobs, ...RANGES.jobs),
      signal: stop.signal,
      onProgress: (now) => progress.show(progressText(now)),
      ...(trace !== undefined && { trace }),
    });
    progress.done();
    return showDocument(document, options);
  } catch (error) {
    if (error instanceof ExploreError) throw new UsageError(error.message);
    throw error;
  } finally {
    progress.done();
    stop.done();
  }
}
