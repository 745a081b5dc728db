import { openSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { ERRNO, type ErrnoName } from '../abi/errno.js';
import { printable } from '../binary/printable.js';
import { unavailable } from '../linux/libc.js';
import { type AnnotateEnd, annotate } from '../live/annotate/annotate.js';
import { type SweepRun, sweep } from '../live/annotate/sweep.js';
import { refuseNarrow } from '../live/narrow.js';
import { Refused } from '../live/refused.js';
import { reason } from '../node/reason.js';
import { VERSION } from '../node/version.js';
import {
  type Annotated,
  annotatedJson,
  annotatedPerfetto,
  annotatedText,
  annotateHead,
} from '../report/annotate-lines.js';
import { EXIT, shellStatus, UsageError } from './exit.js';
import { refuseIdle } from './idle-options.js';
import { checkPlace, deliver, writeStream } from './output.js';
import { Progress } from './progress.js';
import { count } from './run-options.js';

interface Options {
  readonly format: 'text' | 'json' | 'perfetto';
  readonly output?: string;
  readonly sweep?: boolean;
  readonly error: string;
  readonly time: string;
  readonly most: string;
}

const EXAMPLES = `
Examples:
  rseqlab annotate -- ./program                    serve what it says of its calls, and tell of each
  rseqlab annotate --format json -o calls.jsonl -- ./program
  rseqlab annotate --sweep --error ENOMEM -- ./program   fail the first annotated call, then the second ...

A program annotates a call with include/rseqlab_syscall.h; docs/syscall-last.md says what holds on which kernel.

Exit status: the command's own, or 128 and the signal that ended it; with --sweep 1 where a failed call made it crash or
hang, 3 broken off by Ctrl-C, else 0; 2 wrong usage.`;

/** `rseqlab annotate`; `finish` takes the exit status. */
export function addAnnotate(program: Command, finish: (status: number) => void): void {
  program
    .command('annotate')
    .description('run a program and serve what it says of its next system calls: trace, fail, delay')
    .argument('<command...>', 'the program, with its arguments')
    .option('--sweep', 'run it again and again, with one more annotated call failed each time the next one')
    .option('--error <name>', 'the error that --sweep gives', 'EIO')
    .option('--time <seconds>', 'a run of --sweep that takes longer hangs', '10')
    .option('--most <count>', 'at most so many runs of --sweep', '1000')
    .addOption(
      new Option('--format <format>', 'how to print').choices(['text', 'json', 'perfetto']).default('text'),
    )
    .option(
      '-o, --output <file>',
      "write there; default: standard error, since standard output is the program's",
    )
    .addHelpText('after', EXAMPLES)
    .passThroughOptions()
    .action(async (command: string[], options: Options, self: Command) => {
      const against = unavailable();
      if (against !== undefined) throw new UsageError(against);
      const sweeps = options.sweep === true;
      refuseIdle(
        self,
        ['error', 'time', 'most'].map((option) => [option, sweeps, '--sweep']),
      );
      if (sweeps && options.format === 'perfetto')
        throw new UsageError('annotate --sweep knows --format text and json, not perfetto');
      checkPlace(options.output);
      // Ctrl-C is for the program: it ends, and so do we.
      const stopped = new AbortController();
      const stop = () => stopped.abort();
      process.on('SIGINT', stop);
      try {
        refuseNarrow('annotate', { command });
        finish(sweeps ? await runSweep(command, options, stopped.signal) : await run(command, options));
      } catch (error) {
        if (error instanceof Refused) throw new UsageError(error.message);
        throw error;
      } finally {
        process.off('SIGINT', stop);
      }
    });
}

async function run(command: readonly string[], { format, output }: Options): Promise<number> {
  const out = format === 'perfetto' ? undefined : lineWriter(output);
  const all: Annotated[] = [];
  const begun = performance.now();
  if (format === 'json') out!(annotateHead(VERSION, command));
  const end = await annotate({
    command,
    onEnd: (call, how) => {
      const each = { call, end: how, at: performance.now() - begun - how.duration };
      if (out === undefined) all.push(each);
      else out((format === 'json' ? annotatedJson : annotatedText)(each));
    },
  });
  if (out === undefined) {
    const text = annotatedPerfetto(all, VERSION, command);
    if (output === undefined) writeStream(2, Buffer.from(text));
    else deliver(text, output);
  }
  for (const limit of end.limits) process.stderr.write(`rseqlab: not watched: ${printable(limit)}\n`);
  return shellStatus(end);
}

/** Lines as they come. */
function lineWriter(file: string | undefined): (text: string) => void {
  let fd = 2;
  if (file !== undefined) {
    try {
      fd = openSync(file, 'w');
    } catch (error) {
      throw new UsageError(`cannot write ${file}: ${reason(error)}; choose another place with -o`);
    }
  }
  return (text) => {
    writeStream(fd, Buffer.from(text));
  };
}

const endText = ({ status, signal }: AnnotateEnd, timeOver = false): string =>
  timeOver ? 'hangs' : signal === undefined ? `exit status ${status}` : `ended by ${signal}`;

async function runSweep(
  command: readonly string[],
  { error, time, most, format, output }: Options,
  abort: AbortSignal,
): Promise<number> {
  if (!(error in ERRNO))
    throw new UsageError(`--error: there is no error ${error}; give a name of errno(3), as EIO`);
  const seconds = count('--time', time, 1, 100_000);
  const rows: string[] = [];
  const progress = new Progress();
  const bad = ({ end, timeOver }: SweepRun): boolean => timeOver || end.signal !== undefined;
  const { plain, runs } = await sweep({
    command,
    error: error as ErrnoName,
    timeout: seconds * 1000,
    most: count('--most', most, 1, 1_000_000),
    abort,
    onRun: (run) => {
      const { call, index } = run;
      rows.push(
        `#${index} ${call.name} at ${printable(call.place)}: ${error}: ${endText(run.end, run.timeOver)}`,
      );
      progress.show(rows.at(-1)!);
    },
  });
  progress.done();
  const wrong = runs.filter(bad).length;
  const document = {
    schema: 'rseqlab.annotate-sweep/1',
    version: VERSION,
    command,
    error,
    plain: { ...plain },
    runs: runs.map(({ index, call, end, timeOver }) => ({
      index,
      name: call.name,
      place: call.place,
      cookie: `${call.annotation.cookie}`,
      status: end.status,
      signal: end.signal,
      timeOver,
    })),
  };
  const brokenOff = abort.aborted ? 'broken off: ' : '';
  const sum = `${brokenOff}${runs.length} annotated calls failed one at a time: ${wrong} made the program crash or hang; untouched: ${endText(plain)}`;
  const text =
    format === 'text' ? `${[...rows, sum].join('\n')}\n` : `${JSON.stringify(document, undefined, 2)}\n`;
  if (output === undefined) writeStream(2, Buffer.from(text));
  else deliver(text, output);
  if (wrong > 0) return EXIT.FOUND;
  return abort.aborted ? EXIT.INCONCLUSIVE : EXIT.OK;
}
