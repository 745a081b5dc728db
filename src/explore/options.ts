import { kernelRules } from '../abi/kernel-rules.js';
import type { ScenarioOptions } from './scenario.js';
import type { Reductions } from './semantics/machine-code.js';
import type { RecordedPoint } from './semantics/recorded-point.js';
import type { Settings } from './semantics/settings.js';
import type { Progress } from './verdict.js';

/** Input that cannot be explored, or an option that means nothing. `message` is one line that says what, and what to do. */
export class ExploreError extends Error {
  override readonly name = 'ExploreError';
}

/** As the options of the command (docs/explore.md); what is left out is as there, but for `jobs`. */
export interface ExploreOptions {
  /** Only this one of the file's scenarios. */
  readonly scenario?: string;
  /** Instead of scenarios: each is a task that calls a function, `add(&counters, 1)`, or so many, `push(&list, buffer:64)*2` (docs/explore.md). */
  readonly tasks?: readonly string[];
  /** How many CPUs there are; 2 unless said otherwise. */
  readonly cpus?: number;
  /** A Linux version, whose rules are in force; 6.18 unless said otherwise. */
  readonly kernel?: string;
  /** With the checks of CONFIG_DEBUG_RSEQ or rseq_debug=1. */
  readonly debugRseq?: boolean;
  /** Whose entry code the kernel has; that of the file's architecture unless said otherwise. */
  readonly arch?: (typeof ARCHITECTURES)[number];
  /** What is right: what the scenario claims, or what undisturbed operations do; `auto`: claims where there are some, else serial. */
  readonly oracle?: 'auto' | 'serial' | 'claims';
  /** When stores are seen: at once (sequential consistency), or as on x86, where they wait in store buffers; sc unless said otherwise. */
  readonly memory?: (typeof MEMORIES)[number];
  /** With tso, how many stores wait in a store buffer at most; 8 unless said otherwise. */
  readonly storeBuffer?: number;
  /** Bounds: states, switches and interrupts, bytes, seconds. */
  readonly maxStates?: number;
  readonly maxAborts?: number;
  readonly maxMemory?: number;
  readonly time?: number;
  /** Threads; 1 unless said otherwise. */
  readonly jobs?: number;
  /** Keeps whole states instead of 64-bit fingerprints. */
  readonly exact?: boolean;
  /** All are on unless said otherwise. */
  readonly reductions?: Partial<Reductions>;
  /** Called now and then, ten times a second at most. */
  readonly onProgress?: (progress: ScenarioProgress) => void;
  /** The threads of a recorded run at a moment of it are explored: as startedFrom() says, with the program and the other options that it gives. */
  readonly from?: RecordedPoint;
  /** An AbortSignal: when it is set, the search ends with what is known so far. */
  readonly signal?: { readonly aborted: boolean };
}

export interface ScenarioProgress extends Progress {
  readonly scenario: string;
}

/** From, to; both may be. CPUs: as many as the search can tell apart. */
export const RANGES = {
  cpus: [1, 8],
  storeBuffer: [1, 64],
  jobs: [1, 64],
  maxStates: [1, Number.MAX_SAFE_INTEGER],
  maxAborts: [0, 2 ** 31],
  maxMemory: [2 ** 20, 2 ** 42],
  time: [1, 2 ** 31],
} as const satisfies Partial<Record<keyof ExploreOptions, readonly [number, number]>>;

export const ORACLES = { auto: 'without-claims', serial: true, claims: false } as const;
export const ALL_REDUCTIONS: Reductions = {
  symmetry: true,
  fusion: true,
  registers: true,
  cpus: true,
  sleep: true,
};
export const MEMORIES = ['sc', 'tso'] as const;
export const ARCHITECTURES = ['x86-64', 'aarch64'] as const;
export const DEFAULT_CPUS = 2;
/** Real ones hold some dozens. */
export const DEFAULT_STORE_BUFFER = 8;
export const DEFAULT_KERNEL = '6.18';

const one = (name: string, value: unknown, known: readonly string[]): void => {
  if (value !== undefined && !known.includes(value as string))
    throw new ExploreError(`${name}: there is no ${JSON.stringify(value)}; give one of ${known.join(', ')}`);
};

const KNOWN: Readonly<Record<keyof ExploreOptions, true>> = {
  scenario: true,
  tasks: true,
  cpus: true,
  kernel: true,
  debugRseq: true,
  arch: true,
  oracle: true,
  memory: true,
  storeBuffer: true,
  maxStates: true,
  maxAborts: true,
  maxMemory: true,
  time: true,
  jobs: true,
  exact: true,
  reductions: true,
  onProgress: true,
  signal: true,
  from: true,
};

/** Throws ExploreError where an option has no meaning: one that is misspelt would else give a verdict about something else. */
export function checkOptions(options: ExploreOptions): void {
  for (const name of Object.keys(options)) one('options', name, Object.keys(KNOWN));
  for (const name of Object.keys(options.reductions ?? {}))
    one('reductions', name, Object.keys(ALL_REDUCTIONS));
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = options[name as keyof typeof RANGES];
    if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most))
      throw new ExploreError(`${name}: ${value}: give a whole number from ${least} to ${most}`);
  }
  const { tasks, scenario } = options;
  if (tasks !== undefined && (!Array.isArray(tasks) || tasks.length === 0))
    throw new ExploreError("tasks: give at least one, such as ['add(&counters, 1)*2']");
  if (tasks !== undefined && scenario !== undefined)
    throw new ExploreError('scenario and tasks: give one of the two');
  one('oracle', options.oracle, Object.keys(ORACLES));
  one('memory', options.memory, MEMORIES);
  if (options.storeBuffer !== undefined && options.memory !== 'tso')
    throw new ExploreError('storeBuffer: there are store buffers with memory: tso alone; give that too');
  one('arch', options.arch, ARCHITECTURES);
  try {
    kernelRules(options.kernel ?? DEFAULT_KERNEL);
  } catch (error) {
    throw new ExploreError(
      `kernel: ${options.kernel}: ${(error as Error).message}; give 4.18 or newer, such as 6.18`,
    );
  }
}

export const settingsOf = (options: ExploreOptions, scenario: string): Settings => ({
  kernel: options.kernel ?? DEFAULT_KERNEL,
  debugRseq: options.debugRseq === true,
  ...(options.arch !== undefined && { arch: options.arch }),
  cpus: options.cpus ?? DEFAULT_CPUS,
  ...(options.memory === 'tso' && { storeBuffer: options.storeBuffer ?? DEFAULT_STORE_BUFFER }),
  scenario,
  ...(options.tasks !== undefined && { calls: options.tasks }),
  ...(options.from !== undefined && { from: options.from }),
});

export const searchOptionsOf = (options: ExploreOptions): ScenarioOptions => ({
  reductions: { ...ALL_REDUCTIONS, ...options.reductions },
  serial: ORACLES[options.oracle ?? 'auto'],
  exact: options.exact === true,
  jobs: options.jobs ?? 1,
  ...(options.signal !== undefined && { signal: options.signal }),
  ...(options.maxStates !== undefined && { maxStates: options.maxStates }),
  ...(options.maxAborts !== undefined && { maxCost: options.maxAborts }),
  ...(options.maxMemory !== undefined && { maxMemory: options.maxMemory }),
  ...(options.time !== undefined && { time: options.time }),
});
