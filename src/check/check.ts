import { type Addr, hex } from '../abi/address.js';
import { kernelRules } from '../abi/kernel-rules.js';
import { demangle } from '../binary/demangle/index.js';
import type { ProgramImage, SourceLine } from '../binary/image.js';
import { type Findings, findSections } from '../sections/find.js';
import type { CriticalSection } from '../sections/section.js';
import type { Report, Rule, RuleContext, Severity } from './rule.js';
import { RULES } from './rules/index.js';
import { SectionView } from './view.js';

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
  readonly section: CriticalSection | undefined;
  readonly related: readonly {
    readonly at: Addr;
    readonly place: string;
    readonly line: SourceLine | undefined;
    readonly message: string;
  }[];
}

/** All that is known of one file. */
export interface CheckResult {
  readonly image: ProgramImage;
  readonly findings: readonly Finding[];
  readonly sections: readonly CriticalSection[];
  readonly found: Findings;
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
  const findings: Finding[] = [];
  for (const section of found.sections) {
    const view = new SectionView(found, section);
    for (const rule of chosen) {
      if (rule.section === undefined || (!view.usable && rule.descriptorOnly !== true)) continue;
      for (const report of rule.section({ ...context, view }))
        findings.push(finish(image, rule, report, section));
    }
  }
  for (const rule of chosen) {
    for (const report of rule.file?.(context) ?? []) findings.push(finish(image, rule, report, undefined));
  }
  return {
    image,
    findings: findings.filter((finding) => !isIgnored(finding, options.ignore ?? [])),
    sections: found.sections,
    found,
    limits: limitsOf(found),
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
  image: ProgramImage,
  rule: Rule,
  report: Report,
  section: CriticalSection | undefined,
): Finding {
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
    function: name === undefined ? undefined : demangle(name),
    line: at === undefined ? undefined : (image.lineAt(at) ?? lineOfCode(image, at, section)),
    section,
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

/** `0x4011c4 <push+0x14>`. */
export function describePlace(image: ProgramImage, at: Addr): string {
  const range = image.functionAt(at);
  if (range?.name === undefined) return image.place(at);
  const offset = at === range.start ? '' : `+${hex(at - range.start)}`;
  return `${image.place(at)} <${demangle(range.name)}${offset}>`;
}

function limitsOf(found: Findings): string[] {
  const limits = [...found.image.warnings];
  const { architecture, machine } = found.image.header;
  if (architecture === undefined)
    limits.push(`machine ${machine} has no rseq that this tool knows: only the tables of sections were read`);
  else if (found.code === undefined && found.sections.length > 0) {
    limits.push(`code of ${architecture} is not decoded: only the rules about descriptors were applied`);
  }
  for (const flow of found.flows) {
    if (flow.truncated)
      limits.push(`the function at ${found.image.place(flow.range.start)} is too large: analysed in part`);
  }
  return limits;
}
