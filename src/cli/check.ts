import { release } from 'node:os';
import { type Command, Option } from 'commander';
import { compareVersions, kernelRules } from '../abi/kernel-rules.js';
import { BinaryError } from '../binary/error.js';
import { printableData } from '../binary/printable.js';
import { check } from '../check/api.js';
import type { CheckOptions, CheckResult } from '../check/check.js';
import type { Severity } from '../check/rule.js';
import { RULES, ruleById } from '../check/rules/index.js';
import { DEBUG_DIRECTORY, debugFile } from '../node/debug-file.js';
import { VERSION } from '../node/version.js';
import { checkGithub } from '../report/check-github.js';
import { checkJson } from '../report/check-json.js';
import { checkSarif } from '../report/check-sarif.js';
import { checkText } from '../report/check-text.js';
import { allFindings, type CheckDocument, SEVERITIES } from '../report/document.js';
import { ruleList, ruleText } from '../report/rule-page.js';
import { COLOUR, PLAIN, type Style } from '../report/style.js';
import { EXIT, UsageError } from './exit.js';
import { type Input, inputs, Loader } from './inputs.js';
import { deliver, wantsColour } from './output.js';
import { Progress } from './progress.js';

interface Options {
  readonly format: 'text' | 'json' | 'sarif' | 'github';
  readonly rule?: string[];
  readonly ignore?: string[];
  readonly failOn: Severity | 'never';
  readonly signature?: string;
  readonly kernel?: string;
  readonly debugRseq?: boolean;
  readonly debugDir: string;
  readonly explain?: string | true;
  readonly output?: string;
  readonly color: boolean;
}

const several = (value: string, before: string[] = []): string[] => [
  ...before,
  ...value.split(',').filter(Boolean),
];

/** `rseqlab check`; `finish` takes the exit status. */
export function addCheck(program: Command, finish: (status: number) => void): void {
  program
    .command('check')
    .description('find every restartable sequence in ELF files and judge it, without running anything')
    .argument('[file...]', 'executables, libraries, objects, archives (.a), cores, or directories of them')
    .addOption(
      new Option('--format <format>', 'how to print')
        .choices(['text', 'json', 'sarif', 'github'])
        .default('text'),
    )
    .option('--rule <rules>', 'only these rules, comma separated', several)
    .option('--ignore <rules>', 'not these: RULE, or RULE@FUNCTION', several)
    .addOption(
      new Option('--fail-on <severity>', 'exit 1 from this severity on')
        .choices(['error', 'warning', 'note', 'never'])
        .default('error'),
    )
    .option(
      '--signature <number>',
      'the signature rseq is registered with (default: RSEQ_SIG of the architecture)',
    )
    .option('--kernel <version>', 'the Linux version to judge by (default: the running one, else 6.18)')
    .option('--debug-rseq', 'judge by a kernel with rseq debugging on')
    .option('--debug-dir <directory>', 'where separate debug files are', DEBUG_DIRECTORY)
    .option('--explain [rule]', 'print what a rule means and how to mend it; without RULE, list the rules')
    .option('-o, --output <file>', 'write the result there')
    .option('--no-color', 'no colours')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], options: Options) => finish(run(files, options)));
}

const EXAMPLES = `
Examples:
  rseqlab check ./server                          one program
  rseqlab check build/                            every ELF file below a folder
  rseqlab check --kernel 7.1 libtcmalloc.so       as Linux 7.1 treats it
  rseqlab check --format sarif -o rseq.sarif app  for code scanning
  rseqlab check --explain                         the rules
  rseqlab check --explain arming-gap              what a rule means, and how to mend it

Exit status: 0 nothing found, 1 a finding of --fail-on or worse, 2 wrong usage or input.`;

const WHAT = 'give ELF files, archives or directories';

function run(files: readonly string[], options: Options): number {
  if (options.explain !== undefined) {
    deliver(options.explain === true ? ruleList(RULES) : ruleText(known(options.explain)), options.output);
    return EXIT.OK;
  }
  if (files.length === 0)
    throw new UsageError(`check: no file given; ${WHAT} (rseqlab check --help shows examples)`);
  const checkOptions = optionsOf(options);
  const document: CheckDocument = {
    version: VERSION,
    kernel: kernelRules(checkOptions.kernel!).version,
    debugRseq: options.debugRseq === true,
    ...checkFiles(files, checkOptions, options.debugDir),
  };
  const style = wantsColour(options.color, options.output) ? COLOUR : PLAIN;
  deliver(FORMATS[options.format](document, style), options.output);
  if (options.failOn === 'never') return EXIT.OK;
  const worst = SEVERITIES.slice(0, SEVERITIES.indexOf(options.failOn) + 1);
  return allFindings(document).some(({ severity }) => worst.includes(severity)) ? EXIT.FOUND : EXIT.OK;
}

const FORMATS = {
  text: (document: CheckDocument, style: Style) => checkText(printableData(document), style),
  json: checkJson,
  sarif: checkSarif,
  github: checkGithub,
} as const;

function known(id: string) {
  const rule = ruleById(id);
  if (rule === undefined)
    throw new UsageError(`there is no rule ${id}; the rules are: ${RULES.map((each) => each.id).join(', ')}`);
  return rule;
}

function optionsOf(options: Options): CheckOptions {
  if (options.rule?.length === 0)
    throw new UsageError('--rule names no rule; rseqlab check --explain lists them');
  for (const id of options.rule ?? []) known(id);
  for (const entry of options.ignore ?? []) known(entry.split('@', 1)[0]!);
  return {
    kernel: kernelVersion(options.kernel),
    debugRseq: options.debugRseq === true,
    ...(options.signature !== undefined && { signature: signatureOf(options.signature) }),
    ...(options.rule !== undefined && { rules: options.rule }),
    ...(options.ignore !== undefined && { ignore: options.ignore }),
  };
}

/** The version asked for, else the running kernel's, else (not Linux, or older than rseq) 6.18. */
export function kernelVersion(asked: string | undefined): string {
  if (asked !== undefined) {
    try {
      kernelRules(asked);
    } catch (error) {
      throw new UsageError(
        `--kernel ${asked}: ${(error as Error).message}; give 4.18 or newer, such as 6.18`,
      );
    }
    return asked;
  }
  const running = /^\d+\.\d+/.exec(process.platform === 'linux' ? release() : '')?.[0];
  return running !== undefined && compareVersions(running, '4.18') >= 0 ? running : '6.18';
}

/** A 32-bit number, decimal or 0x...; throws UsageError for anything else. */
export function signatureOf(text: string): number {
  const value = Number(text);
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text) || value > 0xffffffff) {
    throw new UsageError(`--signature ${text}: not a 32-bit number; write it as 0x53053053`);
  }
  return value;
}

/** Checks files one by one; a file the user named must be usable, one found in a directory is passed over if it is not. */
export function checkFiles(
  files: readonly string[],
  options: CheckOptions,
  debugDirectory: string,
): { results: CheckResult[]; looked: number } {
  const progress = new Progress();
  const loader = new Loader(options.signature);
  const results: CheckResult[] = [];
  try {
    for (const file of files) {
      const before = loader.looked;
      for (const input of inputs(file)) {
        progress.show(`${loader.looked} files, ${input.path}`);
        const bytes = loader.load(input);
        if (bytes !== undefined) results.push(...checkOne(bytes, input, options, debugDirectory));
      }
      if (loader.looked === before)
        throw new UsageError(
          `there is no ELF file or archive below ${file}; give a directory that programs are built into`,
        );
    }
  } finally {
    progress.done();
  }
  return { results, looked: loader.looked };
}

function checkOne(
  bytes: Uint8Array,
  { path, named }: Input,
  options: CheckOptions,
  debugDirectory: string,
): CheckResult[] {
  try {
    const made = check(bytes, path, { ...options, debugFile: () => debugFile(bytes, path, debugDirectory) });
    // A large folder has few files with sections: of the others nothing is kept, so memory stays that of one file.
    return made.filter((result) => named || result.sections.length > 0 || result.findings.length > 0);
  } catch (error) {
    if (!(error instanceof BinaryError)) throw error;
    if (named) throw new UsageError(error.message);
    return [];
  }
}
