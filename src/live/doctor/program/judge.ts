/** Will it run there? By the facts of a program and the rules of a kernel. */

import { hex } from '../../../abi/address.js';
import { BACKPORTS, KERNEL_COLUMNS, PATCHES } from '../../../abi/kernel-rows.js';
import { compareVersions, type KernelRules, kernelRules } from '../../../abi/kernel-rules.js';
import { explainRegistration } from '../../../abi/registration.js';
import { RSEQ_ORIG_SIZE } from '../../../abi/rseq.js';
import type { FileFacts, Offence, ProcessFacts, ProgramFacts, RegistrationFacts } from './facts.js';

export interface Reason {
  /** What decides: a rule of rseqlab check, or `registration`, `signature`, `aborts`. */
  readonly cause: string;
  readonly status: 'breaks' | 'depends' | 'runs';
  readonly text: string;
  /** File and place of each. */
  readonly places: readonly string[];
  readonly fix: string | null;
}

/** One kernel, or neighbours that treat the program alike. */
export interface Verdict {
  readonly from: string;
  /** The last release that this is true of; null: the newest known. */
  readonly to: string | null;
  readonly debug: boolean;
  readonly status: Reason['status'];
  readonly reasons: readonly Reason[];
}

/** The verdicts on all columns, neighbours with the same one taken together; on one version if it is given. */
export function judge(facts: ProgramFacts, version: string | undefined, debug: boolean): Verdict[] {
  if (version !== undefined) return [verdictOn(facts, version, debug, version)];
  const verdicts: Verdict[] = [];
  for (const [at, from] of RELEASES.entries()) {
    const verdict = verdictOn(facts, from, debug, lastBefore(RELEASES[at + 1]));
    const before = verdicts.at(-1);
    if (before !== undefined && same(before, verdict))
      verdicts[verdicts.length - 1] = { ...before, to: verdict.to };
    else verdicts.push(verdict);
  }
  return verdicts;
}

const same = (a: Verdict, b: Verdict): boolean => JSON.stringify(a.reasons) === JSON.stringify(b.reasons);

function verdictOn(facts: ProgramFacts, version: string, debug: boolean, to: string | null): Verdict {
  const reasons = reasonsOn(facts, version, debug);
  const status = (['breaks', 'depends'] as const).find((one) => reasons.some((each) => each.status === one));
  return { from: version, to, debug, status: status ?? 'runs', reasons };
}

/** Releases at which any rule changes. */
const RELEASES: readonly string[] = [
  ...new Set([
    ...KERNEL_COLUMNS,
    ...BACKPORTS.map(({ from }) => from),
    ...PATCHES.flatMap(({ from, before }) => [from, before]),
  ]),
].sort(compareVersions);

/** The last minor release of a major one, as far as columns need it. */
const LAST_MINOR: Readonly<Record<string, string>> = { '6.0': '5.19', '7.0': '6.19' };

/** The release in front of another; null where there is no other. */
function lastBefore(next: string | undefined): string | null {
  if (next === undefined) return null;
  const [major, minor, patch] = next.split('.').map(Number) as [number, number, number?];
  return patch === undefined
    ? (LAST_MINOR[next] ?? `${major}.${minor - 1}`)
    : `${major}.${minor}.${patch - 1}`;
}

function reasonsOn(facts: ProgramFacts, version: string, debug: boolean): Reason[] {
  const { process, files } = facts;
  const registrations = process?.registrations ?? [];
  const lengths = lengthsOn(facts, version);
  return [
    ...files.flatMap((file) => ofFile(file, facts, version, debug, lengths)),
    ...registrations.flatMap((each) => ofRegistration(each, files, version)),
  ];
}

/** Lengths that are registered on such a kernel; empty: nobody knows. */
function lengthsOn({ process }: ProgramFacts, version: string): number[] {
  if (process === undefined) return [];
  return [...new Set(process.registrations.map((each) => lengthOn(each, process.glibc?.version, version)))];
}

/** glibc 2.41 and newer registers as many bytes as the kernel has features, 32 at least; whoever else: what it registered here. */
function lengthOn(
  { byGlibc, length }: RegistrationFacts,
  glibc: string | undefined,
  version: string,
): number {
  if (!byGlibc || glibc === undefined || compareVersions(glibc, EXTENSIBLE_GLIBC) < 0) return length;
  return Math.max(RSEQ_ORIG_SIZE, kernelRules(version).featureSize);
}
const EXTENSIBLE_GLIBC = '2.41';

function ofFile(
  file: FileFacts,
  facts: ProgramFacts,
  version: string,
  debug: boolean,
  lengths: readonly number[],
): Reason[] {
  const { architecture } = file;
  const rulesFor = (length?: number): KernelRules =>
    kernelRules(version, {
      debug,
      ...(architecture !== undefined && { arch: architecture }),
      ...(length !== undefined && { length }),
    });
  const rules = lengths.length === 0 ? [rulesFor()] : lengths.map(rulesFor);
  const reasons: Reason[] = [];
  if (rules.some(({ aborts }) => !aborts) && file.sections > 0)
    reasons.push({
      cause: 'aborts',
      status: 'breaks',
      text: `${file.name} is for ${architecture}, where this kernel does not abort sections: updates of per-CPU data are lost`,
      places: [],
      fix: `another kernel: ${mended()} and newer have 411c1cf43039`,
    });
  const unused = whyUnused(file, facts);
  if (file.writes.length > 0) reasons.push(fieldReason(file, facts, rules, unused));
  const byRule = new Map<string, Offence[]>();
  for (const offence of rules.flatMap((each) => file.offences(each)))
    byRule.set(offence.rule, [...(byRule.get(offence.rule) ?? []), offence]);
  for (const [rule, offences] of byRule) {
    const places = [...new Set(offences.flatMap(({ place }) => place ?? []))].map(
      (place) => `${file.name}: ${place}`,
    );
    if (unused !== undefined)
      reasons.push({
        cause: rule,
        status: 'runs',
        text: `${unused}, so ${rule} does no harm`,
        places,
        fix: null,
      });
    else
      reasons.push({
        cause: rule,
        status: 'breaks',
        text: offences[0]!.message,
        places,
        fix: offences[0]!.mend,
      });
  }
  return reasons;
}

const mended = (): string => PATCHES.find(({ rule }) => rule === 'arm64Aborts')!.before;

/** Its sections are not run, or at least no kernel looks at them: why; undefined: they are, as far as is known. */
function whyUnused(file: FileFacts, { process }: ProgramFacts): string | undefined {
  if (process === undefined || process.unknown > 0) return undefined;
  const { registrations } = process;
  if (registrations.length === 0) return 'no thread has registered rseq';
  if (file.area === 'own' && registrations.every(({ byGlibc }) => byGlibc))
    return `glibc has the registration, and ${file.name} uses an area of its own, which the kernel does not know`;
  return undefined;
}

function fieldReason(
  file: FileFacts,
  { process }: ProgramFacts,
  rules: readonly KernelRules[],
  unused: string | undefined,
): Reason {
  const reason = (status: Reason['status'], text: string): Reason => ({
    cause: 'writes-kernel-field',
    status,
    text: `${file.name} writes fields of struct rseq that belong to the kernel${text}`,
    places: file.writes.map((place) => `${file.name}: ${place}`),
    fix: status === 'runs' ? null : fixFor(file, process),
  });
  if (unused !== undefined) return reason('runs', `, but ${unused}`);
  const fields = new Set(rules.map(({ kernelFields }) => kernelFields));
  const debug = rules.some((each) => each.debug);
  if (fields.has('enforced'))
    return reason(
      'breaks',
      `, and this kernel kills the process for it: ${debug ? 'it checks (rseq_debug)' : 'more than 32 bytes are registered (V2)'}`,
    );
  if (fields.has('stale'))
    return reason(
      'breaks',
      ", and this kernel leaves them so until the thread changes its CPU: what was written there is taken for a CPU's number, and memory is corrupted",
    );
  if (fields.has('enforced-if-v2'))
    return reason(
      'depends',
      ': this kernel kills the process if more than 32 bytes are registered (glibc 2.41 and newer registers 33 here), and puts them right if 32 are',
    );
  if (fields.has('reported')) return reason('runs', ': this kernel reports it, and puts them right');
  return reason('runs', ', and this kernel puts them right at the next switch');
}

const LEAVE = 'a version of it that leaves the fields alone, or another kernel';

function fixFor(file: FileFacts, process: ProcessFacts | undefined): string {
  const own = file.area === 'own' || process?.registrations.some(({ byGlibc }) => !byGlibc) === true;
  if (own && process !== undefined && process.glibc === undefined) return LEAVE;
  if (own)
    return `let glibc register first: GLIBC_TUNABLES=glibc.pthread.rseq=1, its default; ${file.name} is refused then, and should do without per-CPU data, as TCMalloc does. Or ${LEAVE}`;
  if (file.area === 'glibc')
    return `GLIBC_TUNABLES=glibc.pthread.rseq=0: glibc registers nothing then, and ${file.name} should do without. Or ${LEAVE}`;
  return `GLIBC_TUNABLES=glibc.pthread.rseq=1 where ${file.name} registers by itself, as TCMalloc does; =0 where it uses the area of glibc. Or ${LEAVE}`;
}

function ofRegistration(each: RegistrationFacts, files: readonly FileFacts[], version: string): Reason[] {
  const reasons: Reason[] = [];
  const refused = explainRegistration(
    { address: each.address, length: each.length, flags: 0, signature: each.signature },
    { version },
  );
  if (!each.byGlibc && refused !== undefined && refused.errno !== 'ok')
    reasons.push({
      cause: 'registration',
      status: 'depends',
      text: `rseq(2) refuses what ${each.owner} registers (${each.length} bytes): ${refused.errno}, ${refused.condition}; it runs if it can do without`,
      places: [],
      fix: 'register max(32, AT_RSEQ_FEATURE_SIZE) bytes, aligned to AT_RSEQ_ALIGN',
    });
  for (const file of files) {
    const others = file.signatures.filter((signature) => signature !== each.signature);
    if (others.length === 0 || (file.area === 'own' && each.byGlibc)) continue;
    reasons.push({
      cause: 'signature',
      status: 'breaks',
      text: `${file.name} has sections with the signature ${others.map(hex).join(', ')}, and ${hex(each.signature)} is registered: SIGSEGV at the first interruption inside one of them`,
      places: [],
      fix: `put ${hex(each.signature)} in front of the abort handlers`,
    });
  }
  return reasons;
}
