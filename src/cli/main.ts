import { Command, CommanderError } from 'commander';
import { printable } from '../binary/printable.js';
import { VERSION } from '../node/version.js';
import { EXIT, UsageError } from './exit.js';
import { writeAll } from './output.js';

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

type Add = (program: Command, finish: (status: number) => void) => void;
const checkpoint = async (): Promise<Add> => (await import('./checkpoint.js')).addCheckpoint;
/** Each command is read only when it is used, since reading all of them takes longer than some commands do. In the order of --help. */
const COMMANDS: Readonly<Record<string, () => Promise<Add>>> = {
  annotate: async () => (await import('./annotate.js')).addAnnotate,
  check: async () => (await import('./check.js')).addCheck,
  checkpoint,
  restore: checkpoint,
  doctor: async () => (await import('./doctor.js')).addDoctor,
  explain: async () => (await import('./explain.js')).addExplain,
  enforce: async () => (await import('./enforce.js')).addEnforce,
  explore: async () => (await import('./explore.js')).addExplore,
  inspect: async () => (await import('./inspect.js')).addInspect,
  keeper: async () => (await import('./keeper.js')).addKeeper,
  merge: async () => (await import('./merge.js')).addMerge,
  work: async () => (await import('./work.js')).addWork,
  run: async () => (await import('./run.js')).addRun,
  replay: async () => (await import('./replay.js')).addReplay,
  sections: async () => (await import('./sections.js')).addSections,
  top: async () => (await import('./top.js')).addTop,
  trace: async () => (await import('./trace.js')).addTrace,
  step: async () => (await import('./step.js')).addStep,
  stress: async () => (await import('./stress.js')).addStress,
};

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
  for (const add of needed(argv[2] ?? '')) (await add())(program, finish);
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  try {
    await program.parseAsync([...argv]);
    return status;
  } catch (error) {
    return failed(error);
  }
}

/** Of what is no command, such as --help, all have to be known. */
function needed(first: string): Iterable<() => Promise<Add>> {
  if (/^(-V|--version)$/.test(first)) return [];
  return Object.hasOwn(COMMANDS, first) ? [COMMANDS[first]!] : new Set(Object.values(COMMANDS));
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
