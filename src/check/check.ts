import type { Addr } from '../abi/address.js';
import type { Architecture } from '../abi/architecture.js';
import { kernelRules } from '../abi/kernel-rules.js';
import type { ImageHeader, ProgramImage, SourceLine } from '../binary/image.js';
import { type Findings, findSections } from '../sections/find.js';
import type { CriticalSection } from '../sections/section.js';
import { type ListingLine, sectionListing } from './listing.js';
import { describePlace, nameOf } from './place.js';
import type { Report, Rule, RuleContext, Severity } from './rule.js';
import { RULES } from './rules/index.js';
import { type SectionSummary, summarise } from './summary.js';
import { SectionView } from './view.js';

/** How to judge; the options of the command by the same names. */
export interface CheckOptions {
  /** Linux version whose rules decide, `6.18` or longer. Default 6.18. */
  readonly kernel?: string;
  /** Judge as a kernel with rseq debugging (CONFIG_DEBUG_RSEQ, rseq_debug=1) does. */
  readonly debugRseq?: boolean;
  /** The signature that rseq is registered with, where it is not the architecture's RSEQ_SIG. */
  readonly signature?: number;
  /** Only these rules. */
  readonly rules?: readonly string[];
  /** Not these: `RULE`, or `RULE@FUNCTION`. */
  readonly ignore?: readonly string[];
}

/** One thing that is wrong, or worth knowing, in one place. */
export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  readonly message: string;
  readonly mend: string;
  readonly kernels: string;
  /** The guilty instruction or data; undefined: the file as a whole. */
  readonly at: Addr | undefined;
  /** `0x4011c4`, or `.text+0x14` in a relocatable file. */
  readonly place: string | undefined;
  readonly function: string | undefined;
  readonly line: SourceLine | undefined;
  /** start_ip of its section, as written in the descriptor; undefined where the finding is not about one. */
  readonly section: string | undefined;
  /** The section disassembled, with the guilty instruction marked; empty where there is no code to show. */
  readonly listing: readonly ListingLine[];
  readonly related: readonly {
    readonly at: Addr;
    readonly place: string;
    readonly line: SourceLine | undefined;
    readonly message: string;
  }[];
}

/** What was found in one file: plain data, which can be copied, sent to a worker, or printed. */
export interface CheckResult {
  /** The file's name as given; `lib.a(member.o)` for a member of an archive. */
  readonly name: string;
  readonly architecture: Architecture | undefined;
  readonly type: ImageHeader['type'];
  readonly findings: readonly Finding[];
  readonly sections: readonly SectionSummary[];
  /** What was not looked at, and why: one line each. */
  readonly limits: readonly string[];
  readonly kernel: string;
}

/** Finds every restartable sequence of an image and judges it by every rule. Throws RangeError for an unknown kernel version. */
export function checkImage(image: ProgramImage, options: CheckOptions = {}): CheckResult {
  const kernel = kernelRules(options.kernel ?? '6.18', {
    debug: options.debugRseq ?? false,
    ...(image.header.architecture && { arch: image.header.architecture }),
  });
  const found = findSections(image, options.signature === undefined ? {} : { signature: options.signature });
  const context: RuleContext = { findings: found, kernel, place: (at) => describePlace(image, at) };
  const chosen = RULES.filter((rule) => isChosen(rule.id, options));
  const summaries = new Map(found.sections.map((section) => [section, summarise(image, section)]));
  const findings: Finding[] = [];
  const unread: string[] = [];
  for (const section of found.sections) {
    const view = new SectionView(found, section);
    const unknown = view.instructions.find(
      ({ flow, traits }) => flow === 'unknown' && !traits.has('reserved'),
    );
    if (unknown !== undefined)
      unread.push(
        `${unknown.text} at ${image.place(unknown.address)} is an instruction this decoder does not know: only the rules about descriptors were applied to its section`,
      );
    for (const rule of chosen) {
      if (rule.section === undefined || (!view.usable && rule.descriptorOnly !== true)) continue;
      for (const report of rule.section({ ...context, view }))
        findings.push(finish(found, rule, report, section, summaries.get(section)));
    }
  }
  for (const rule of chosen) {
    for (const report of rule.file?.(context) ?? [])
      findings.push(finish(found, rule, report, undefined, undefined));
  }
  return {
    name: image.name,
    architecture: image.header.architecture,
    type: image.header.type,
    findings: findings.filter((finding) => !isIgnored(finding, options.ignore ?? [])),
    sections: [...summaries.values()],
    limits: [...limitsOf(found), ...unread],
    kernel: kernel.version,
  };
}

const isChosen = (id: string, { rules, ignore }: CheckOptions): boolean =>
  (rules === undefined || rules.length === 0 || rules.includes(id)) && !(ignore ?? []).includes(id);

function isIgnored(finding: Finding, ignore: readonly string[]): boolean {
  return ignore.some((entry) => {
    const [rule, name] = entry.split('@');
    return name !== undefined && rule === finding.rule && name === finding.function;
  });
}

function finish(
  found: Findings,
  rule: Rule,
  report: Report,
  section: CriticalSection | undefined,
  summary: SectionSummary | undefined,
): Finding {
  const { image } = found;
  const { at } = report;
  const name = (at === undefined ? undefined : image.functionAt(at)?.name) ?? section?.function;
  return {
    rule: rule.id,
    severity: report.severity ?? rule.severity,
    message: report.message,
    mend: rule.mend,
    kernels: rule.kernels,
    at,
    place: at === undefined ? undefined : image.place(at),
    function: name === undefined ? undefined : nameOf(name),
    line: at === undefined ? undefined : (image.lineAt(at) ?? lineOfCode(image, at, section)),
    section: summary?.startIp,
    listing:
      section === undefined ? [] : sectionListing(found, section, new Set(at === undefined ? [] : [at])),
    related: (report.related ?? []).map((each) => ({
      ...each,
      place: image.place(each.at),
      line: image.lineAt(each.at),
    })),
  };
}

/** Data has no line of its own: a finding about a descriptor stands at the line of its code. */
function lineOfCode(
  image: ProgramImage,
  at: Addr,
  section: CriticalSection | undefined,
): SourceLine | undefined {
  const isCode = image.regionAt(at)?.executable === true;
  return isCode || section?.start === undefined ? undefined : image.lineAt(section.start);
}

function limitsOf(found: Findings): string[] {
  const limits = [...found.image.warnings];
  const { architecture, machine } = found.image.header;
  if (architecture === undefined)
    limits.push(`machine ${machine} has no rseq that this tool knows: only the tables of sections were read`);
  else if (found.code === undefined && found.sections.length > 0) {
    limits.push(`code of ${architecture} is not decoded: only the rules about descriptors were applied`);
  }
  const holders = new Set(found.sections.map((section) => found.flowOf(section)));
  const guessed = [...holders].filter((flow) => flow?.range.from === 'guess').length;
  if (guessed > 0)
    limits.push(
      `no symbol and no unwind information for ${guessed} function${guessed === 1 ? '' : 's'}: their beginning is a guess, and what is wrong around a section may be missed`,
    );
  const [cut, ...others] = found.flows.filter(({ truncated }) => truncated);
  if (cut !== undefined) {
    const more = others.length > 0 ? ` and ${others.length} more` : '';
    limits.push(
      `the function at ${found.image.place(cut.range.start)}${more}: too much code to analyse; looked at in part`,
    );
  }
  return limits;
}
