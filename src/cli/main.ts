import { Command, CommanderError } from 'commander';
import { printable } from '../binary/printable.js';
import { VERSION } from '../node/version.js';
import { addAnnotate } from './annotate.js';
import { addCheck } from './check.js';
import { addCheckpoint } from './checkpoint.js';
import { addDoctor } from './doctor.js';
import { addEnforce } from './enforce.js';
import { EXIT, UsageError } from './exit.js';
import { addExplain } from './explain.js';
import { addExplore } from './explore.js';
import { addInspect } from './inspect.js';
import { addKeeper } from './keeper.js';
import { addMerge } from './merge.js';
import { writeAll } from './output.js';
import { addReplay } from './replay.js';
import { addRun } from './run.js';
import { addSections } from './sections.js';
import { addStep } from './step.js';
import { addStress } from './stress.js';
import { addTop } from './top.js';
import { addTrace } from './trace.js';
import { addWork } from './work.js';

const EXAMPLES = `
Examples:
  rseqlab check ./server              what is wrong with its restartable sequences
  rseqlab check --explain arming-gap  what a finding means, and how to mend it
  rseqlab sections ./server           which it has, and how each was found
  rseqlab explore counter.o           run every interleaving of a scenario, and show the one that goes wrong
  rseqlab enforce -- ./server         catch system calls from inside its sections
  rseqlab annotate -- ./server        serve what it says of its next system calls: trace, fail, delay
  rseqlab trace -- ./server           its rseq calls and aborts on this kernel, as they happen
  rseqlab run ./server                run a static program, deterministically
  rseqlab replay crash.rseq           run a recording again, to the bit
  rseqlab doctor                      does this kernel keep its promises?
  rseqlab help check                  every option of a command

Exit status: 0 nothing wrong, 1 a finding, 2 wrong usage or input.`;

/** Runs one command; returns the exit status. A stack trace never reaches the user, unless RSEQLAB_DEBUG asks for it. */
export async function main(argv: readonly string[]): Promise<number> {
  let status: number = EXIT.OK;
  const finish = (code: number) => {
    status = code;
  };
  const program = new Command('rseqlab')
    .description('The laboratory for Linux restartable sequences (rseq).')
    .version(VERSION)
    .showSuggestionAfterError()
    .addHelpText('after', EXAMPLES)
    .configureOutput({
      writeOut: writeAll,
      outputError: (text, write) => write(`rseqlab: ${oneLine(text)}; rseqlab --help shows the usage\n`),
    })
    .enablePositionalOptions()
    .exitOverride();
  addAnnotate(program, finish);
  addCheck(program, finish);
  addCheckpoint(program, finish);
  addDoctor(program, finish);
  addExplain(program, finish);
  addEnforce(program, finish);
  addExplore(program, finish);
  addInspect(program, finish);
  addKeeper(program, finish);
  addMerge(program, finish);
  addWork(program, finish);
  addRun(program, finish);
  addReplay(program, finish);
  addSections(program, finish);
  addTop(program, finish);
  addTrace(program, finish);
  addStep(program, finish);
  addStress(program, finish);
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  try {
    await program.parseAsync([...argv]);
    return status;
  } catch (error) {
    return failed(error);
  }
}

/** Commander puts its suggestion on a line of its own. */
const oneLine = (text: string): string =>
  text
    .replace(/^error: /, '')
    .trim()
    .replace(/\.?\s*\n/g, ' ')
    .replace(/\.$/, '');

function failed(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
  if (error instanceof UsageError) {
    process.stderr.write(`rseqlab: ${printable(error.message)}\n`);
    return EXIT.USAGE;
  }
  if (process.env['RSEQLAB_DEBUG']) throw error;
  const what = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `rseqlab: internal error: ${printable(what.split('\n', 1)[0]!)}; this is a bug in rseqlab: run again with RSEQLAB_DEBUG=1 and report it\n`,
  );
  return EXIT.USAGE;
}
