import { KERNEL_COLUMNS } from '../../abi/kernel-rows.js';
import { type KernelRules, kernelColumn, kernelRules } from '../../abi/kernel-rules.js';
import { type Answer, told } from './answer.js';
import type { AskedKernel, DoctorDocument, RowResult } from './document.js';
import { type DoctorRow, expectedOf, type Feature } from './row.js';
import { SUBJECTS } from './rows.js';

/** Someone who runs a row of the probe on a kernel: the real one, or a simulated one. */
export interface Patient {
  readonly world: AskedKernel['world'];
  readonly release: string;
  readonly architecture: string;
  ask(row: string): Promise<Answer>;
  /** Rows that may be asked side by side. */
  readonly sideBySide: number;
}

export interface ExamineOptions {
  /** Of rseqlab. */
  readonly version: string;
  /** Whose promises. Throws RangeError where it is no kernel version that has rseq. */
  readonly promises: string;
  /** Undefined: as the kernel looks. */
  readonly debug: boolean | undefined;
  /** Only rows whose id begins with one of these; none: all. */
  readonly only: readonly string[];
  onProgress?(done: number, all: number, row: string): void;
}

/** How often a row with a wrong answer is asked, to tell what is always so from what happens now and then. */
const TRIES = 3;

/** Holds a kernel to its promises, row by row. */
export async function examine(patient: Patient, options: ExamineOptions): Promise<DoctorDocument> {
  const listed = sourcesOf(await patient.ask('list'));
  const refused = await refusal(patient);
  const debug =
    options.debug ?? (refused === undefined && (await debugging(patient, listed.has('inside.getpid'))));
  const rules = kernelRules(options.promises, { debug });
  const missing = refused === undefined ? await missingFeatures(patient, rules) : new Map<Feature, string>();
  const wanted = SUBJECTS.flatMap(({ title, rows }) =>
    rows.filter(({ id }) => isWanted(id, options.only)).map((row) => ({ subject: title, row })),
  );
  const results: RowResult[] = new Array(wanted.length);
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < wanted.length) {
      const at = next++;
      const { subject, row } = wanted[at]!;
      const { how, source } = listed.get(row.id) ?? { how: '', source: '' };
      const reason =
        refused ??
        (listed.has(row.id) ? undefined : `the probe for ${patient.architecture} does not ask this`) ??
        (row.needs && missing.get(row.needs));
      const facts = { subject, id: row.id, promise: row.promise, how, source };
      results[at] = { ...facts, ...(await examineRow(patient, row, rules, reason)) };
      options.onProgress?.(++done, wanted.length, row.id);
    }
  };
  await Promise.all(Array.from({ length: patient.sideBySide }, worker));
  const { world, release, architecture } = patient;
  const column = kernelColumn(options.promises);
  return {
    version: options.version,
    kernel: { world, release, architecture, promises: options.promises, column, debug },
    rows: results,
    refused,
  };
}

/** With debugging on, a system call inside a section kills. The probe for arm64 has none: since 6.19 debugging clears rseq_cs at every call. */
const debugging = async (patient: Patient, canCall: boolean): Promise<boolean> =>
  text(await patient.ask(canCall ? 'inside.getpid' : 'lazy.kept')) === (canCall ? KILLED : 'rseq_cs cleared');

const KILLED = 'killed by SIGSEGV';
const text = (answer: Answer): string | undefined => {
  const said = told(answer);
  return 'text' in said ? said.text : undefined;
};

/** Ids begin with what the user gave: a row, or all of `abort`. */
export const isWanted = (id: string, only: readonly string[]): boolean =>
  only.length === 0 || only.some((start) => id === start || id.startsWith(`${start}.`));

type Outcome = Pick<RowResult, 'expected' | 'status' | 'observed' | 'reason' | 'asked' | 'wrong' | 'like'>;

async function examineRow(
  patient: Patient,
  row: DoctorRow,
  rules: KernelRules,
  reason: string | undefined,
): Promise<Outcome> {
  const expected = expectedOf(row, rules);
  const nothing = { expected, observed: undefined, reason: undefined, asked: 0, wrong: 0, like: [] };
  if (reason !== undefined) return { ...nothing, status: 'skipped', reason };
  const first = told(await patient.ask(row.id));
  if ('skipped' in first) return { ...nothing, status: 'skipped', reason: first.skipped };
  const observed = first.text;
  if (expected.includes(observed)) return { ...nothing, status: 'kept', observed, asked: 1 };
  let wrong = 1;
  // What is the same every time in a simulation need not be asked again; what hangs takes its time each time.
  const again = patient.world === 'simulated' || observed.endsWith('hangs') ? 0 : TRIES - 1;
  for (let n = 0; n < again; n++) if (!expected.includes(text(await patient.ask(row.id)) ?? '')) wrong++;
  return {
    ...nothing,
    status: 'broken',
    observed,
    asked: again + 1,
    wrong,
    like: likeOf(row, observed, rules),
  };
}

/** Columns whose kernels answer like that; with debugging on or off, as here. */
const likeOf = (row: DoctorRow, observed: string, { debug }: KernelRules): string[] =>
  KERNEL_COLUMNS.filter((column) => expectedOf(row, kernelRules(column, { debug })).includes(observed));

/** Of each row, what the probe says that it does. */
function sourcesOf({ output }: Answer): Map<string, { how: string; source: string }> {
  const lines = output.trimEnd().split('\n');
  return new Map(
    lines.map((line) => {
      const [id, source, how] = line.split('\t') as [string, string, string];
      return [id, { how, source }];
    }),
  );
}

/** Why nothing can be asked: no rseq, or not for this process. */
async function refusal(patient: Patient): Promise<string | undefined> {
  const said = told(await patient.ask('register.ok'));
  if ('skipped' in said) return said.skipped;
  const error = /^E[A-Z]+$/.exec(said.text)?.[0];
  if (error === undefined) return undefined;
  return `rseq(2) gives ${error}${error === 'ENOSYS' ? ': built without CONFIG_RSEQ, or a sandbox or emulator hides it' : ': a seccomp filter forbids it'}`;
}

/** What this kernel was built without, by features that rows need. */
async function missingFeatures(patient: Patient, rules: KernelRules): Promise<Map<Feature, string>> {
  const missing = new Map<Feature, string>();
  const commands = text(await patient.ask('membarrier.query-all'));
  // A negative number, in hexadecimal.
  if (commands?.startsWith('0xffffffff') === true)
    missing.set('membarrier', 'membarrier(2) is not there, or a seccomp filter forbids it');
  if (!rules.sliceExtension) {
    missing.set('slice', 'Linux has it since 7.0');
    return missing;
  }
  const slice = text(await patient.ask('slice.length-64'));
  if (slice?.includes('EINVAL') === true || slice?.includes('ENOTSUPP') === true)
    for (const feature of ['slice', 'slice-built'] as const)
      missing.set(
        feature,
        'built without CONFIG_RSEQ_SLICE_EXTENSION, or switched off at boot (rseq_slice_ext=off)',
      );
  return missing;
}
