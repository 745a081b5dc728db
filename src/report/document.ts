import type { CheckResult, Finding } from '../check/check.js';
import type { Severity } from '../check/rule.js';

/** What `check` hands to a reporter. */
export interface CheckDocument {
  readonly version: string;
  readonly kernel: string;
  readonly debugRseq: boolean;
  /** ELF files and archives looked at; `results` leaves out those of a directory that hold no section. */
  readonly looked: number;
  readonly results: readonly CheckResult[];
}

/** Worst first. */
export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'note'];

/** Of all files, in their order. */
export const allFindings = (document: CheckDocument): Finding[] =>
  document.results.flatMap(({ findings }) => findings);

/** How many findings are this severe. */
export function count(document: CheckDocument, severity: Severity): number {
  return allFindings(document).filter((finding) => finding.severity === severity).length;
}

/** `1 file`, `2 files`. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
