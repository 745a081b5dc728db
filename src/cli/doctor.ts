import { type Command, Option } from 'commander';
import { KERNEL_ROWS, type RuleName, type RuleValues } from '../abi/kernel-rows.js';
import { kernelRules } from '../abi/kernel-rules.js';
import { countOf, type DoctorDocument } from '../live/doctor/document.js';
import { examine, isWanted } from '../live/doctor/examine.js';
import { doctorJson } from '../live/doctor/json.js';
import { notHere, RealKernel } from '../live/doctor/probe.js';
import { SUBJECTS } from '../live/doctor/rows.js';
import { simulatedPatient } from '../live/doctor/simulated.js';
import { doctorText } from '../live/doctor/text.js';
import { VERSION } from '../node/version.js';
import { COLOUR, PLAIN } from '../report/style.js';
import { kernelVersion } from './check.js';
import { doctorProgram, type Question } from './doctor-program.js';
import { EXIT, UsageError } from './exit.js';
import { deliver, wantsColour } from './output.js';
import { Progress } from './progress.js';

interface Options {
  readonly p?: string;
  readonly kernel?: string;
  readonly debugRseq?: boolean;
  readonly simulated?: boolean;
  readonly arch?: 'x86-64' | 'aarch64';
  readonly break?: readonly string[];
  readonly row?: readonly string[];
  readonly brief?: boolean;
  readonly format: 'text' | 'json';
  readonly output?: string;
  readonly color: boolean;
}

const several = (value: string, before: readonly string[] = []): string[] => [
  ...before,
  ...value.split(',').filter(Boolean),
];

/** `rseqlab doctor`; `finish` takes the exit status. */
export function addDoctor(program: Command, finish: (status: number) => void): void {
  program
    .command('doctor')
    .description(
      'does this kernel keep its promises about restartable sequences? or: will this program run, on which kernels?',
    )
    .argument('[file...]', 'programs and libraries to judge; or, behind --, a command to run and judge')
    .option('-p <pid>', 'judge a process that runs')
    .option(
      '--kernel <version>',
      'hold the kernel to the promises of this Linux version (default: its own); judge a program on this one only',
    )
    .option(
      '--debug-rseq',
      'hold the kernel to those of one with rseq debugging on (default: as it looks); judge a program on such kernels',
    )
    .option('--simulated', 'ask the simulated kernel instead, of the version that --kernel names')
    .addOption(
      new Option('--arch <architecture>', 'with --simulated, whose kernel it is').choices([
        'x86-64',
        'aarch64',
      ]),
    )
    .option(
      '--break <rule=value>',
      'with --simulated, a rule of docs/abi.md that the kernel does not keep: to see the doctor find it',
      (text: string, before: readonly string[] = []) => [...before, text],
    )
    .option(
      '--row <rows>',
      'only these rows, comma separated: abort.preempt, or abort for all of them',
      several,
    )
    .option('--brief', 'print only what is broken')
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .option('-o, --output <file>', 'write the result there')
    .option('--no-color', 'no colours')
    .addHelpText('after', EXAMPLES)
    .action(async (operands: string[], options: Options) => {
      const question = questionOf(operands, options.p);
      finish(question === undefined ? await doctor(options) : ofProgram(question, options));
    });
}

const EXAMPLES = `
Examples:
  rseqlab doctor                                      does this kernel abort sections, and all the rest?
  rseqlab doctor --brief                              only what is broken
  rseqlab doctor --format json -o kernel.json         for the CI of an image
  rseqlab doctor --kernel 7.1                         in which way does it differ from 7.1?
  rseqlab doctor --simulated --kernel 6.19 --arch aarch64   the arm64 kernels that aborted nothing
  rseqlab doctor --simulated --break checksSignature=false  what a broken kernel looks like
  rseqlab doctor -p 4242                              will this process run on other kernels, and if not, why?
  rseqlab doctor -- ./server --version                runs it, and judges all that it loaded
  rseqlab doctor --kernel 7.1 /usr/lib/libtcmalloc.so   files, on one kernel

Exit status: 0 all promises kept, or the program runs; 1 one is broken, or it breaks; 2 wrong usage or input; 3 nothing could be
asked, or it depends.`;

/** What of a program is asked; undefined: the question is about the kernel. */
function questionOf(operands: readonly string[], pid: string | undefined): Question | undefined {
  const mark = process.argv.indexOf('--');
  const args = mark < 0 ? [] : operands.slice(operands.length - (process.argv.length - mark - 1));
  const paths = operands.slice(0, operands.length - args.length);
  if (mark >= 0 && args.length === 0) throw new UsageError('doctor: no command behind --; give a program');
  const given: Question[] = [];
  if (pid !== undefined) given.push({ kind: 'process', pid });
  if (args.length > 0) given.push({ kind: 'command', args });
  if (paths.length > 0) given.push({ kind: 'files', paths });
  if (given.length > 1) throw new UsageError('doctor: give one of: files, -p PID, a command behind --');
  return given[0];
}

const OF_KERNELS = ['simulated', 'arch', 'break', 'row', 'brief'] as const;

function ofProgram(question: Question, options: Options): number {
  const wrong = OF_KERNELS.find((name) => options[name] !== undefined);
  if (wrong !== undefined)
    throw new UsageError(`doctor: --${wrong} is about kernels; leave it out, or the program`);
  return doctorProgram(question, options);
}

async function doctor(options: Options): Promise<number> {
  const only = rowsOf(options.row ?? []);
  const progress = new Progress();
  const settings = {
    version: VERSION,
    only,
    onProgress: (done: number, all: number, row: string) => progress.show(`${done} of ${all}, ${row}`),
  };
  let document: DoctorDocument;
  try {
    document =
      options.simulated === true ? await simulated(options, settings) : await real(options, settings);
  } finally {
    progress.done();
  }
  const style = wantsColour(options.color, options.output) ? COLOUR : PLAIN;
  const width = (options.output === undefined ? process.stdout.columns : undefined) || 140;
  deliver(
    options.format === 'json'
      ? doctorJson(document)
      : doctorText(document, style, { brief: options.brief === true, width }),
    options.output,
  );
  if (countOf(document, 'broken') > 0) return EXIT.FOUND;
  return countOf(document, 'kept') > 0 ? EXIT.OK : EXIT.INCONCLUSIVE;
}

type Settings = Pick<Parameters<typeof examine>[1], 'version' | 'only' | 'onProgress'>;

async function real(options: Options, settings: Settings): Promise<DoctorDocument> {
  for (const name of ['arch', 'break'] as const)
    if (options[name] !== undefined)
      throw new UsageError(`--${name} is for --simulated: give both, or neither`);
  const reason = notHere();
  if (reason !== undefined)
    throw new UsageError(`doctor: ${reason}; rseqlab doctor --simulated asks a simulated kernel`);
  const kernel = new RealKernel();
  try {
    const promises = promisesOf(options.kernel ?? kernel.release, options.kernel !== undefined);
    return await examine(kernel, { ...settings, promises, debug: options.debugRseq });
  } finally {
    kernel.close();
  }
}

function simulated(options: Options, settings: Settings): Promise<DoctorDocument> {
  const version = kernelVersion(options.kernel ?? '6.18');
  const debug = options.debugRseq === true;
  const broken = Object.fromEntries((options.break ?? []).map(brokenRule)) as Partial<RuleValues>;
  const kernel = { version, debug, arch: options.arch ?? 'x86-64', broken };
  return examine(simulatedPatient(kernel), { ...settings, promises: version, debug });
}

/** Throws UsageError for a version that has no promises. */
function promisesOf(version: string, asked: boolean): string {
  try {
    return kernelRules(version).version;
  } catch (error) {
    const what = asked ? `--kernel ${version}: ` : '';
    throw new UsageError(`${what}${(error as Error).message}; give one that has, such as --kernel 6.18`);
  }
}

function rowsOf(only: readonly string[]): readonly string[] {
  const ids = SUBJECTS.flatMap(({ rows }) => rows.map(({ id }) => id));
  const unknown = only.find((each) => !ids.some((id) => isWanted(id, [each])));
  if (unknown === undefined) return only;
  const subjects = [...new Set(ids.map((id) => id.split('.', 1)[0]))];
  throw new UsageError(`--row ${unknown}: there is no such row; they begin with ${subjects.join(', ')}`);
}

/** Rules that the simulated kernel can break by themselves. */
const BREAKABLE = [
  'arm64Aborts',
  'checksVersion',
  'checksAbortInside',
  'checksWrap',
  'checksRange',
  'checksAbortIpRange',
  'checksSignature',
  'noRestartFlags',
  'unknownFlags',
  'kernelFields',
  'evaluation',
  'featureSize',
  'requiredAlign',
  'sliceExtension',
  'registrationClearsRseqCs',
  'unregisterCpuIdStart',
] as const satisfies readonly RuleName[];

/** `checksSignature=false` as a rule and a value that some kernel has. */
function brokenRule(text: string): [RuleName, unknown] {
  const [name, value] = text.split('=') as [string, string | undefined];
  const rule = BREAKABLE.find((each) => each === name);
  if (rule === undefined)
    throw new UsageError(`--break ${text}: no rule that can be broken; those are ${BREAKABLE.join(', ')}`);
  const { changes, debug = [] } = KERNEL_ROWS[rule];
  const values = new Set<unknown>([...changes, ...debug].map(([, each]) => each));
  if ([...values].every((each) => typeof each === 'boolean'))
    for (const each of [true, false]) values.add(each);
  const found = [...values].find((each) => String(each) === value);
  if (found === undefined)
    throw new UsageError(
      `--break ${text}: give ${[...values].map((each) => `${name}=${each}`).join(' or ')}`,
    );
  return [rule, found];
}
