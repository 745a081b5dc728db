import { type Addr, asAddr } from '../../abi/address.js';
import { signalName } from '../../abi/signals.js';
import type { ProgramImage } from '../../binary/image.js';
import { ProgramError } from '../program-error.js';

/** Where include/rseqlab.h leaves its parts. */
export const SCENARIO_SECTION = '__rseqlab_scenario';

/** struct rseqlab_part of include/rseqlab.h: offsets and size in bytes. */
const PART = { kind: 0, number: 4, scenario: 8, task: 16, text: 24, function: 32, size: 40 } as const;

/** enum rseqlab_kind, from 1 on. */
const KINDS = ['scenario', 'setup', 'task', 'signal', 'invariant', 'finally', 'tracer'] as const;

/** The number of a `signal` that is none: a RSEQLAB_TRACER. */
export const TRACER = 0;

/** What a signal of a scenario is called. */
export const nameOfSignal = ({ signal }: { readonly signal: number }): string =>
  signal === TRACER ? 'tracer' : signalName(signal);

/** A scenario as its object file states it: entry points by what they are for. */
export interface Scenario {
  readonly name: string;
  readonly claim: string;
  readonly setup: Addr | undefined;
  /** RSEQLAB_TASKS(name, task, 2) gives task.1 and task.2. */
  readonly tasks: readonly { readonly name: string; readonly start: Addr }[];
  /** Signals, and (TRACER) tracers. */
  readonly signals: readonly { readonly task: string; readonly signal: number; readonly handler: Addr }[];
  readonly invariant: Addr | undefined;
  readonly finally: Addr | undefined;
}

const LONGEST = 4096;
/** Tasks of a scenario, as of rseqlab-native.h. */
const MOST_TASKS = 64;

/** What is looked at of a file, or of what has become of it in memory. */
type Source = Pick<ProgramImage, 'name' | 'read' | 'u32' | 'u64' | 'section'>;

function text(image: Source, at: bigint): string {
  const start = asAddr(at);
  let found = '';
  for (let n = 0; start !== undefined && at !== 0n && n < LONGEST; n++) {
    const byte = image.read((start + n) as Addr, 1)?.[0];
    if (byte === undefined || byte === 0) break;
    found += String.fromCharCode(byte);
  }
  return found;
}

/** Names of the threads of one part, which says how many they are. */
const namesOf = (task: string, count: number): string[] =>
  count === 1
    ? [task]
    : Array.from({ length: Math.min(count, MOST_TASKS + 1) }, (_, n) => `${task}.${n + 1}`);

/** The scenarios of a file, in its order; none where it has no such section. Throws ProgramError where the section is damaged. */
export function scenariosOf(image: Source): Scenario[] {
  const section = image.section(SCENARIO_SECTION);
  if (section?.address === undefined) return [];
  const bad = (what: string): never => {
    throw new ProgramError(
      `${image.name}: ${SCENARIO_SECTION}: ${what}; build it with the rseqlab.h of this version`,
    );
  };
  if (section.size % PART.size !== 0)
    bad(`${section.size} bytes are no whole number of parts of ${PART.size}`);
  const parts = Array.from({ length: section.size / PART.size }, (_, index) => {
    const at = (section.address! + index * PART.size) as Addr;
    const word = (offset: number): bigint =>
      image.u64((at + offset) as Addr) ?? bad('it lies outside the file');
    const kind = KINDS[(image.u32(at) ?? 0) - 1] ?? bad(`part ${index} is of unknown kind ${image.u32(at)}`);
    return {
      kind,
      number: image.u32((at + PART.number) as Addr) ?? 0,
      scenario: text(image, word(PART.scenario)),
      task: text(image, word(PART.task)),
      text: text(image, word(PART.text)),
      function: asAddr(word(PART.function)) ?? bad(`part ${index} names no function`),
    };
  });
  const names = [...new Set(parts.map(({ scenario }) => scenario))];
  return names.map((name) => {
    const own = parts.filter(({ scenario }) => scenario === name);
    const one = (kind: (typeof KINDS)[number]): Addr | undefined =>
      own.find((each) => each.kind === kind)?.function;
    const stated = own.filter(({ kind }) => kind === 'task');
    const tasks = stated.flatMap((each) =>
      namesOf(each.task, each.number).map((task) => ({ name: task, start: each.function })),
    );
    if (tasks.length > MOST_TASKS)
      bad(`scenario ${name} has ${tasks.length} tasks: ${MOST_TASKS} are the most`);
    const signals = own
      .filter(({ kind }) => kind === 'signal' || kind === 'tracer')
      .flatMap(({ kind, task, number, function: handler }) => {
        const part = `RSEQLAB_${kind.toUpperCase()}(${name}, ${task})`;
        const signal = kind === 'tracer' ? TRACER : number;
        if (kind === 'signal' && (signal < 1 || signal > 64)) bad(`${part}: ${signal} is no signal`);
        const at = stated.find((each) => each.task === task);
        if (at === undefined) return bad(`${part} names no task of the scenario`);
        return namesOf(task, at.number).map((one) => ({ task: one, signal, handler }));
      });
    if (tasks.length === 0) bad(`scenario ${name} has no task: add RSEQLAB_TASK(${name}, ...)`);
    return {
      name,
      claim: own.find(({ kind }) => kind === 'scenario')?.text ?? '',
      setup: one('setup'),
      tasks,
      signals,
      invariant: one('invariant'),
      finally: one('finally'),
    };
  });
}

/** The one of that name; without a name, the only one. Throws ProgramError. */
export function chosen(file: string, all: readonly Scenario[], name: string | undefined): Scenario {
  const names = all.map((each) => each.name).join(', ');
  if (all.length === 0)
    throw new ProgramError(
      `${file} has no scenario; state one with include/rseqlab.h, or link the object: gcc -static`,
    );
  if (name === undefined && all.length > 1)
    throw new ProgramError(`${file} has several scenarios: ${names}; choose one with --scenario`);
  const found = name === undefined ? all[0] : all.find((each) => each.name === name);
  if (found === undefined) throw new ProgramError(`${file} has no scenario ${name}; it has ${names}`);
  return found;
}
