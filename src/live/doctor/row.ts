/** What a row of `rseqlab doctor` is: a promise of the kernel, and what a program sees where it is kept. Data only. */

import type { RuleName, RuleValues } from '../../abi/kernel-rows.js';
import type { KernelRules } from '../../abi/kernel-rules.js';
import { compareVersions } from '../../abi/kernel-rules.js';

/** Which kernels: all conditions hold. Values of rules are those of src/abi/kernel-rows.ts. */
export type When = { readonly [K in RuleName]?: RuleValues[K] } & {
  /** Linux versions, where it is no rule of rseq's that changed: `5.10`. */
  readonly since?: string;
  readonly before?: string;
  readonly debug?: boolean;
};

/** What is seen on such kernels; several where each is right: what stable series may or may not have, or what configuration decides. */
export type Case = readonly [when: When, text: string | readonly string[]];

/** What a row needs of the kernel; `slice-built`: that what its version has was not left out when it was built. */
export type Feature = 'membarrier' | 'slice' | 'slice-built';

export interface DoctorRow {
  /** The row of the probe that asks: its description and its source are there (test/conformance). */
  readonly id: string;
  /** In words: a situation, or what the kernel does in it. */
  readonly promise: string;
  /** The first case that applies counts; a text alone: on all kernels. */
  readonly expected: string | readonly Case[];
  readonly needs?: Feature;
}

export interface Subject {
  readonly title: string;
  /** What becomes of programs where these promises are broken, and what to do. */
  readonly harm?: string;
  readonly rows: readonly DoctorRow[];
}

/** What the row should give on a kernel; the first is the usual one. */
export function expectedOf({ expected }: Pick<DoctorRow, 'expected'>, rules: KernelRules): readonly string[] {
  if (typeof expected === 'string') return [expected];
  const text = expected.find(([when]) => applies(when, rules))![1];
  return typeof text === 'string' ? [text] : text;
}

function applies({ since, before, ...when }: When, rules: KernelRules): boolean {
  if (since !== undefined && compareVersions(rules.version, since) < 0) return false;
  if (before !== undefined && compareVersions(rules.version, before) >= 0) return false;
  return Object.entries(when).every(([name, value]) => rules[name as RuleName | 'debug'] === value);
}
