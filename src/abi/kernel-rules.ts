/** Typed access to the kernel's rules of one version. */
import type { Architecture } from './architecture.js';
import {
  BACKPORTS,
  KERNEL_COLUMNS as COLUMNS,
  KERNEL_ROWS,
  type KernelColumn,
  PATCHES,
  type RuleName,
  type RuleValues,
} from './kernel-rows.js';
import { RSEQ_ORIG_SIZE } from './rseq.js';

/** Versions at which a rule changes, ascending. */
export const KERNEL_COLUMNS: readonly string[] = COLUMNS;

/** What one kernel does: a column of the table, and what follows from it. */
export interface KernelRules extends Readonly<RuleValues> {
  /** As asked for. */
  readonly version: string;
  /** Whose rules these are: the newest column not above the version. */
  readonly column: KernelColumn;
  readonly debug: boolean;
  /** Looks at rseq_cs.flags and rseq.flags at all when a section is interrupted. */
  readonly checksFlags: boolean;
  /** Interrupted sections are aborted: false only for aarch64 on 6.19-7.0. */
  readonly aborts: boolean;
  /**
   * Since 6.19: the kernel goes out by the common entry code (CONFIG_GENERIC_ENTRY), which has a fast path for rseq and the time slice extension. Without it, on
   * aarch64, numbers are compared and written whenever anything is (rseq_slowpath_update_usr), and the extension is not there.
   */
  readonly genericEntry: boolean;
}

/** What besides the version decides. */
export interface KernelOptions {
  /** CONFIG_DEBUG_RSEQ (up to 6.18), rseq_debug (6.19 and newer). Default false. */
  readonly debug?: boolean;
  /** Default: an architecture without a bug of its own. */
  readonly arch?: Architecture;
  /** Registered length in bytes; decides between the modes of 7.1. Unknown: the values say so (`by-length`). */
  readonly length?: number;
}

/** `6.18.44-foo` as numbers, or undefined when it is no kernel version. */
function parseVersion(version: string): readonly number[] | undefined {
  const match = /^v?(\d{1,3})\.(\d{1,4})(?:\.(\d{1,5}))?(?:$|[^0-9.].*|\.[^0-9].*)/s.exec(version.trim());
  return match === null ? undefined : [match[1], match[2], match[3] ?? '0'].map(Number);
}

/** Negative, 0, positive, as for sort. Throws RangeError when either is no kernel version. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((text) => {
    const parsed = parseVersion(text);
    if (parsed === undefined) {
      throw new RangeError(
        `not a kernel version: ${JSON.stringify(text)} (expected e.g. "6.18" or "6.18.44-foo")`,
      );
    }
    return parsed;
  }) as [readonly number[], readonly number[]];
  for (const [i, x] of a.entries()) {
    const difference = x - b[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The newest column not above the version, backports counted. Throws RangeError for nonsense and below 4.18. */
export function kernelColumn(version: string): KernelColumn {
  const backport = BACKPORTS.find(
    ({ from, column }) => compareVersions(version, from) >= 0 && compareVersions(version, column) < 0,
  );
  if (backport !== undefined) return backport.column;
  const column = COLUMNS.findLast((one) => compareVersions(version, one) >= 0);
  if (column === undefined) {
    throw new RangeError(`Linux ${version} has no rseq: it came with ${COLUMNS[0]}`);
  }
  return column;
}

/** The value of one rule in one column, before the registered length decides anything. */
export function ruleValue<K extends RuleName>(name: K, column: KernelColumn, debug = false): RuleValues[K] {
  const row = KERNEL_ROWS[name];
  const at = COLUMNS.indexOf(column);
  const last = (changes: typeof row.changes | undefined) =>
    changes?.findLast(([since]) => COLUMNS.indexOf(since) <= at)?.[1];
  return ((debug ? last(row.debug) : undefined) ?? last(row.changes)) as RuleValues[K];
}

const RULE_NAMES = Object.keys(KERNEL_ROWS) as RuleName[];

/**
 * The rules of a kernel: `6.18`, `6.18.44-foo`, `v7.1-rc3`. Takes the newest column not above the version.
 * Throws RangeError when the version is none, or below 4.18, where rseq did not exist.
 */
export function kernelRules(version: string, options: KernelOptions = {}): KernelRules {
  const { debug = false, arch, length } = options;
  const column = kernelColumn(version);
  const values = Object.fromEntries([
    ...RULE_NAMES.map((name) => [name, ruleValue(name, column, debug)]),
    ...PATCHES.filter((patch) => within(version, patch)).map(({ rule, value }) => [rule, value]),
  ]) as unknown as RuleValues;
  const legacy = length === undefined ? undefined : length <= RSEQ_ORIG_SIZE;
  return {
    ...values,
    kernelFields: byLength(values.kernelFields, 'enforced-if-v2', legacy, 'overwritten', 'enforced'),
    evaluation: byLength(values.evaluation, 'by-length', legacy, 'every-switch', 'interrupted-only'),
    version,
    column,
    debug,
    checksFlags: values.noRestartFlags !== 'unchecked',
    genericEntry: arch !== 'aarch64',
    aborts: arch !== 'aarch64' || values.arm64Aborts,
  };
}

const within = (version: string, { from, before }: { from: string; before: string }): boolean =>
  compareVersions(version, from) >= 0 && compareVersions(version, before) < 0;

/** Replaces the undecided value by that of the mode, once the mode is known. */
function byLength<V>(value: V, undecided: V, legacy: boolean | undefined, ifLegacy: V, ifV2: V): V {
  if (value !== undecided || legacy === undefined) return value;
  return legacy ? ifLegacy : ifV2;
}
