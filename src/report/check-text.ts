import type { CheckResult, Finding } from '../check/check.js';
import type { ListingLine } from '../check/listing.js';
import { type CheckDocument, count, plural } from './document.js';
import type { Style } from './style.js';

/** Compiler style: `file:line: error: message [rule]`, then the section with the guilty instruction marked. */
export function checkText(document: CheckDocument, style: Style): string {
  const several = document.looked > 1 || document.results.length > 1;
  const lines = document.results.flatMap((result) => resultLines(result, style, several));
  lines.push(summary(document, style));
  return `${lines.join('\n')}\n`;
}

/** `several`: findings say which file they are of; a source line alone does not. */
function resultLines(result: CheckResult, style: Style, several: boolean): string[] {
  const lines = result.limits.map((limit) => style.dim(`${result.name}: note: ${limit}`));
  for (const finding of result.findings) {
    lines.push(headline(result, finding, style, several));
    for (const related of finding.related) {
      lines.push(
        `${position(result, related.place, related.line)}: ${style.note('note')}: ${related.message}`,
      );
    }
    lines.push(...finding.listing.map((line) => listingLine(line, style)));
    lines.push(`  ${style.bold('mend:')} ${finding.mend}`, '');
  }
  return lines;
}

function listingLine({ place, text, refers, marked }: ListingLine, style: Style): string {
  if (place === undefined) return style.dim(`      ${text}`);
  const code = `${place}:  ${text}${refers === '' ? '' : `  # ${refers}`}`;
  return marked ? style.mark(`  --> ${code}`) : `      ${code}`;
}

function headline(result: CheckResult, finding: Finding, style: Style, several: boolean): string {
  const where = style.bold(position(result, finding.place, finding.line));
  const parts = [
    ...(finding.function === undefined ? [] : [finding.function]),
    ...(several && finding.line !== undefined ? [result.name] : []),
  ];
  const inside = parts.length === 0 ? '' : ` ${style.dim(`(in ${parts.join(', ')})`)}`;
  return `${where}: ${style[finding.severity](finding.severity)}: ${finding.message} ${style.bold(`[${finding.rule}]`)}${inside}`;
}

function position(result: CheckResult, place: string | undefined, line: Finding['line']): string {
  if (line !== undefined) return `${line.file}:${line.line}`;
  return place === undefined ? result.name : `${result.name}:${place}`;
}

function summary(document: CheckDocument, style: Style): string {
  const sections = document.results.reduce((sum, result) => sum + result.sections.length, 0);
  const [errors, warnings, notes] = [
    count(document, 'error'),
    count(document, 'warning'),
    count(document, 'note'),
  ];
  const found = [
    plural(errors, 'error'),
    plural(warnings, 'warning'),
    ...(notes > 0 ? [plural(notes, 'note')] : []),
  ].join(', ');
  const kernel = `judged by Linux ${document.kernel}${document.debugRseq ? ' with rseq debugging' : ''}`;
  const text = `${plural(document.looked, 'file')}, ${plural(sections, 'section')}: ${found} (${kernel})`;
  return errors > 0 ? style.error(text) : style.bold(text);
}
