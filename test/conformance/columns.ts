import { readFileSync } from 'node:fs';
import type { KERNEL_COLUMNS } from '../../src/abi/kernel-rows.js';
import { compareVersions } from '../../src/abi/kernel-rules.js';

type Values = Readonly<Record<string, string>>;

/** What a row gives on kernels that differ from 6.18: derived from their sources. */
export interface Entry {
  /** Which change of the kernel makes the difference. */
  readonly source: string;
  /** On kernels older than the version named; the lowest one that applies counts. */
  readonly before?: Values;
  /** From the version named; the highest one that applies counts. */
  readonly since?: Values;
  /** The same with checking switched on (CONFIG_DEBUG_RSEQ, rseq_debug); before it as without. */
  readonly debug?: Values;
}

/** A kernel that rows are expected to do something on. */
export interface Column {
  readonly version: (typeof KERNEL_COLUMNS)[number];
  readonly debug: boolean;
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));

/** Measured on Linux 6.18, by row. */
export const MEASURED = read('expected-6.18.json') as Values;
/** By row; a row that is not here gives what 6.18 gives. */
export const OTHERS = read('columns.json') as Readonly<Record<string, Entry>>;

export const ascending = (values: Values = {}): [version: string, value: string][] =>
  Object.entries(values).sort(([a], [b]) => compareVersions(a, b));

/** What a row should give on a kernel. */
export function expected(id: string, { version, debug }: Column): string {
  const { before, since, debug: checked } = OTHERS[id] ?? {};
  const latest = (values: Values | undefined) =>
    ascending(values).findLast(([from]) => compareVersions(version, from) >= 0)?.[1];
  return (
    (debug ? latest(checked) : undefined) ??
    latest(since) ??
    ascending(before).find(([until]) => compareVersions(version, until) < 0)?.[1] ??
    MEASURED[id]!
  );
}
