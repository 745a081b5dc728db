import { type Addr, asAddr } from '../../abi/address.js';
import type { ProgramImage } from '../../binary/image.js';
import { ProgramError } from '../program-error.js';

/** Where include/rseqlab.h leaves its parts. */
export const SCENARIO_SECTION = '__rseqlab_scenario';

/** struct rseqlab_part of include/rseqlab.h: offsets and size in bytes. */
const PART = { kind: 0, signal: 4, scenario: 8, task: 16, text: 24, function: 32, size: 40 } as const;

/** enum rseqlab_kind, from 1 on. */
const KINDS = ['scenario', 'setup', 'task', 'signal', 'invariant', 'finally'] as const;

/** A scenario as its object file states it: entry points by what they are for. */
export interface Scenario {
  readonly name: string;
  readonly claim: string;
  readonly setup: Addr | undefined;
  readonly tasks: readonly { readonly name: string; readonly start: Addr }[];
  readonly signals: readonly { readonly task: string; readonly signal: number; readonly handler: Addr }[];
  readonly invariant: Addr | undefined;
  readonly finally: Addr | undefined;
}

const LONGEST = 4096;

function text(image: ProgramImage, at: bigint): string {
  const start = asAddr(at);
  let found = '';
  for (let n = 0; start !== undefined && at !== 0n && n < LONGEST; n++) {
    const byte = image.read((start + n) as Addr, 1)?.[0];
    if (byte === undefined || byte === 0) break;
    found += String.fromCharCode(byte);
  }
  return found;
}

/** The scenarios of a file, in its order; none where it has no such section. Throws ProgramError where the section is damaged. */
export function scenariosOf(image: ProgramImage): Scenario[] {
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
      signal: image.u32((at + PART.signal) as Addr) ?? 0,
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
    const tasks = own
      .filter(({ kind }) => kind === 'task')
      .map((each) => ({ name: each.task, start: each.function }));
    const signals = own
      .filter(({ kind }) => kind === 'signal')
      .map((each) => ({ task: each.task, signal: each.signal, handler: each.function }));
    for (const { task, signal } of signals) {
      if (!tasks.some((each) => each.name === task))
        bad(`RSEQLAB_SIGNAL(${name}, ${task}) names no task of the scenario`);
      if (signal < 1 || signal > 64) bad(`RSEQLAB_SIGNAL(${name}, ${task}): ${signal} is no signal`);
    }
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
