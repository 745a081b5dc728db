import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { RunSettings } from '../event/recording.js';
import type { Moment } from '../explore/started.js';
import { makePolicy, POLICIES } from '../kernel/policies/index.js';
import { reason } from '../node/reason.js';
import { kernelVersion } from './check.js';
import { UsageError } from './exit.js';

/** Options that decide what a run does, as the user gives them. */
export interface SettingOptions {
  readonly cpus: string;
  readonly seed: string;
  readonly schedule: string;
  readonly kernel: string;
  readonly debugRseq?: boolean;
  readonly maxInstructions?: string;
  readonly memoryLimit: string;
  readonly scenario?: string;
  readonly dropAvx?: boolean;
  readonly pid?: string;
}

/** As many CPUs as an affinity mask of one word has. */
const MOST_CPUS = 64;

/** PID_MAX_LIMIT, and room for threads. */
const MOST_PID = 2 ** 22 - 1000;

const SCHEDULES = Object.entries(POLICIES)
  .map(([name, { parameter }]) => name + ({ none: '', number: ':N', text: ':FILE' } as const)[parameter])
  .join(', ');

export const addSettings = (command: Command): Command =>
  command
    .option('--cpus <n>', `how many CPUs there are, 1 to ${MOST_CPUS}`, '2')
    .option('--seed <n>', 'chooses the schedule, and what getrandom gives; the same seed, the same run', '1')
    .option('--schedule <policy>', `who runs when: ${SCHEDULES}`, 'random')
    .option('--kernel <version>', 'whose rules: a Linux version; the same everywhere unless you say', '6.18')
    .option('--debug-rseq', 'with the checks of CONFIG_DEBUG_RSEQ or rseq_debug=1')
    .option('--max-instructions <n>', 'stop after so many (1000, 50k, 10M, 2G) with status 3')
    .option('--memory-limit <size>', 'memory that the program may touch (512M, 2G)', '1G')
    .option('--scenario <name>', 'which scenario of a relocatable object (include/rseqlab.h)')
    .option(
      '--pid <n>',
      'the number of the process: to be restored on a real kernel it must be free there (1000)',
    )
    .option('--drop-avx', 'of an image, leave out AVX state: the processor has none');

export function settingsOf(options: SettingOptions): RunSettings {
  const seed = count('--seed', options.seed, 0, 2 ** 32 - 1);
  const schedule = scheduleOf(options.schedule);
  try {
    makePolicy(schedule, seed);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--schedule ${options.schedule}: ${error.message}`);
  }
  return {
    kernel: kernelVersion(options.kernel),
    debugRseq: options.debugRseq ?? false,
    cpus: count('--cpus', options.cpus, 1, MOST_CPUS),
    seed,
    schedule,
    memoryLimit: scaled('--memory-limit', options.memoryLimit, 1024, 2 ** 20, 2 ** 42),
    maxInstructions:
      options.maxInstructions === undefined
        ? null
        : scaled('--max-instructions', options.maxInstructions, 1000, 1, 2 ** 53 - 1),
    scenario: options.scenario ?? null,
    ...(options.pid !== undefined && { pid: count('--pid', options.pid, 2, MOST_PID) }),
    ...(options.dropAvx && { dropAvx: true }),
  };
}

/** `script:FILE` with the file's text in place of its name. */
function scheduleOf(asked: string): string {
  const [name = '', ...rest] = asked.split(':');
  const file = rest.join(':');
  if (!Object.hasOwn(POLICIES, name) || POLICIES[name]!.parameter !== 'text') return asked;
  if (file === '') throw new UsageError(`--schedule ${asked}: name a file: ${name}:FILE`);
  try {
    return `${name}:${readFileSync(file, 'utf8')}`;
  } catch (error) {
    throw new UsageError(`--schedule ${asked}: cannot read ${file}: ${reason(error)}`);
  }
}

export function count(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^(\d+|0x[0-9a-f]+)$/i.test(text) || value < least || value > most)
    throw new UsageError(`${option} ${text}: give a whole number from ${least} to ${most}`);
  return value;
}

/** A number with k, M, G or T behind it; of `step` each. */
export function scaled(option: string, text: string, step: number, least: number, most: number): number {
  const [, digits, unit = ''] = /^(\d{1,16})([kmgt]?)b?$/i.exec(text) ?? [];
  const value = Number(digits) * step ** ' kmgt'.indexOf(unit.toLowerCase() || ' ');
  if (digits === undefined || value < least || value > most)
    throw new UsageError(
      `${option} ${text}: give a number, such as 1000, 512k, 64M or 2G, not below ${least}`,
    );
  return value;
}

/** `recording@4711`, `recording@1.000012s`: a recording and a moment of it. */
export function recordedMoment(
  option: string,
  text: string,
): { readonly recording: string; readonly at?: Moment } {
  const [, recording, at = ''] = /^(.+)@(\d+|\d+(?:\.\d+)?(?:s|ms|us|ns))$/.exec(text) ?? [];
  if (recording === undefined) return { recording: text };
  return { recording, at: /^\d+$/.test(at) ? { event: Number(at) } : { time: timeOf(option, at) } };
}

/** What a program finds in its environment: nothing of the user's own, so that a run is the same everywhere. */
const ENVIRONMENT = ['PATH=/usr/local/bin:/usr/bin:/bin', 'HOME=/'];

/** The fixed environment with what --env adds or replaces; a name with nothing behind the = stays, empty. */
export function environmentOf(added: readonly string[]): string[] {
  const variables = new Map(ENVIRONMENT.map((entry) => [entry.split('=', 1)[0]!, entry]));
  for (const entry of added) {
    const [name = ''] = entry.split('=', 1);
    if (name === '' || !entry.includes('=')) throw new UsageError(`--env ${entry}: write it as NAME=VALUE`);
    variables.set(name, entry);
  }
  return [...variables.values()];
}

const UNITS: Readonly<Record<string, number>> = { '': 1e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1 };

/** Nanoseconds since boot. */
export function timeOf(option: string, text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(s|ms|us|ns)?$/.exec(text) ?? [];
  if (digits === undefined)
    throw new UsageError(`${option} ${text}: give a time since boot, such as 1.000012 or 1500ms`);
  return Math.round(Number(digits) * UNITS[unit]!);
}
