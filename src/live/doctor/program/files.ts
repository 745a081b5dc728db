import type { Addr } from '../../../abi/address.js';
import type { KernelRules } from '../../../abi/kernel-rules.js';
import type { ImageSymbol, ProgramImage } from '../../../binary/image.js';
import { printable } from '../../../binary/printable.js';
import { describePlace } from '../../../check/place.js';
import type { Report, Rule, RuleContext } from '../../../check/rule.js';
import { ruleById } from '../../../check/rules/index.js';
import { SectionView } from '../../../check/view.js';
import type { Findings } from '../../../sections/find.js';
import type { FileFacts, Offence } from './facts.js';

/** A mistake everywhere; a kernel punishes it with debugging on. */
const SYSCALL = 'syscall-in-section';

/** Rules whose verdict is a kernel's, at run time: the others are wrong on every kernel alike, and the business of rseqlab check. */
const RULES: readonly Rule[] = [
  'descriptor-version',
  'descriptor-flags',
  'descriptor-range',
  'abort-inside-section',
  'signature-mixed',
  SYSCALL,
].map((id) => ruleById(id)!);

const WRITES = ruleById('writes-kernel-field')!;
/** Any rules will do to find the writes: what a kernel does about them is another question. */
const ANY = { kernelFields: 'overwritten' } as KernelRules;

/** What matters of a file's sections; undefined where it has none, and does nothing to struct rseq. */
export function fileFacts(findings: Findings, name: string): FileFacts | undefined {
  const { image, sections } = findings;
  const views = sections.map((section) => new SectionView(findings, section));
  const place = (at: Addr): string => describePlace(image, at);
  const writes = [...(WRITES.file?.({ findings, kernel: ANY, place }) ?? [])];
  if (sections.length === 0 && writes.length === 0) return undefined;
  const signatures = sections.flatMap(({ signature }) => (signature === undefined ? [] : [signature]));
  return {
    name: printable(name),
    architecture: image.header.architecture,
    sections: sections.length,
    signatures: [...new Set(signatures)],
    area: areaOf(image),
    writes: writes.flatMap((report) => offence(image, WRITES, report).place ?? []),
    offences: (rules) =>
      RULES.filter(({ id }) => id !== SYSCALL || rules.syscallInSection === 'kill').flatMap((rule) =>
        reportsOf(rule, { findings, kernel: rules, place }, views).map((report) =>
          offence(image, rule, report),
        ),
      ),
  };
}

function reportsOf(rule: Rule, context: RuleContext, views: readonly SectionView[]): Report[] {
  const reports = [...(rule.file?.(context) ?? [])];
  for (const view of views)
    if (rule.section !== undefined && (view.usable || rule.descriptorOnly === true))
      reports.push(...rule.section({ ...context, view }));
  return reports.filter(({ severity = rule.severity }) => severity === 'error');
}

function offence(image: ProgramImage, rule: Rule, { at, message }: Report): Offence {
  const line = at === undefined ? undefined : image.lineAt(at);
  const source = line === undefined ? '' : ` (${printable(line.file)}:${line.line})`;
  return {
    rule: rule.id,
    message,
    place: at === undefined ? undefined : `${describePlace(image, at)}${source}`,
    mend: rule.mend,
  };
}

/** The area that librseq up to 0.1 and TCMalloc register themselves. */
const OWN = /^(__rseq_abi|.*rseq.*)$/;

function areaOf(image: ProgramImage): FileFacts['area'] {
  const isOwn = ({ name, kind, address }: ImageSymbol): boolean =>
    kind === 'tls' && address !== undefined && OWN.test(name);
  if (image.symbols.some(isOwn)) return 'own';
  // glibc itself defines it, and a static program has glibc in it.
  return image.symbols.some(({ name }) => name === '__rseq_offset') ? 'glibc' : 'unknown';
}
