import { printableData } from '../binary/printable.js';
import { SystemError, Unavailable } from '../linux/errors.js';
import { runningKernel } from '../linux/kernel.js';
import { unavailable } from '../linux/libc.js';
import type { ProgramFacts } from '../live/doctor/program/facts.js';
import { filesProgram } from '../live/doctor/program/file-program.js';
import { programJson } from '../live/doctor/program/json.js';
import { judge } from '../live/doctor/program/judge.js';
import { processFacts } from '../live/doctor/program/process-facts.js';
import { programText } from '../live/doctor/program/text.js';
import { watchCommand } from '../live/doctor/program/watch.js';
import { Refused } from '../live/refused.js';
import { VERSION } from '../node/version.js';
import { COLOUR, PLAIN } from '../report/style.js';
import { kernelVersion } from './check.js';
import { EXIT, UsageError } from './exit.js';
import { deliver, wantsColour, writeStream } from './output.js';
import { count } from './run-options.js';

/** What is to be judged: a process, a command, or files. */
export type Question =
  | { readonly kind: 'process'; readonly pid: string }
  | { readonly kind: 'command'; readonly args: readonly string[] }
  | { readonly kind: 'files'; readonly paths: readonly string[] };

interface Options {
  readonly kernel?: string;
  readonly debugRseq?: boolean;
  readonly format: 'text' | 'json';
  readonly output?: string;
  readonly color: boolean;
}

/** `rseqlab doctor FILE...`, `-p PID`, `-- CMD`: will it run, by kernel? The exit status. */
export function doctorProgram(question: Question, options: Options): number {
  const version = options.kernel === undefined ? undefined : kernelVersion(options.kernel);
  const facts = factsOf(question);
  if (facts === undefined) {
    process.stderr.write(
      'rseqlab: the command was killed, or ended by another thread than its first, before it could be looked at; rseqlab doctor -p PID looks while it runs\n',
    );
    return EXIT.INCONCLUSIVE;
  }
  const verdicts = judge(facts, version, options.debugRseq === true);
  // A command's standard output is its own.
  const own = question.kind === 'command' && options.output === undefined;
  const terminal = own ? process.stderr : process.stdout;
  const colour = own
    ? options.color && terminal.isTTY === true && !process.env['NO_COLOR']
    : wantsColour(options.color, options.output);
  const width = (options.output === undefined ? terminal.columns : undefined) || 140;
  const text =
    options.format === 'json'
      ? programJson(facts, verdicts, VERSION)
      : programText(printableFacts(facts), printableData(verdicts), colour ? COLOUR : PLAIN, width);
  if (own) writeStream(2, Buffer.from(text));
  else deliver(text, options.output);
  if (verdicts.some(({ status }) => status === 'breaks')) return EXIT.FOUND;
  return verdicts.some(({ status }) => status === 'depends') ? EXIT.INCONCLUSIVE : EXIT.OK;
}

/** Names may hold anything; functions are no data. */
const printableFacts = (facts: ProgramFacts): ProgramFacts => ({
  ...facts,
  process: facts.process === undefined ? undefined : printableData(facts.process),
  notes: printableData(facts.notes),
});

function factsOf(question: Question): ProgramFacts | undefined {
  if (question.kind !== 'files') {
    const missing = unavailable();
    if (missing !== undefined) throw new UsageError(`${missing}; rseqlab doctor FILE... judges files`);
  }
  try {
    switch (question.kind) {
      case 'process':
        return processFacts(count('-p', question.pid, 1, 2 ** 22), runningKernel());
      case 'command':
        return watchCommand(question.args);
      case 'files':
        return filesProgram(question.paths);
    }
  } catch (error) {
    if (error instanceof Refused || error instanceof Unavailable) throw new UsageError(error.message);
    if (error instanceof SystemError && question.kind === 'command')
      throw new UsageError(`cannot run ${question.args[0]}: ${error.message}; give a program behind --`);
    throw error;
  }
}
