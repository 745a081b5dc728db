import { printable, printableData } from '../binary/printable.js';
import type { ExploreDocument, SectionCoverage, Verdict } from '../explore/timeline.js';
import { plural } from './document.js';
import { counterexampleLines } from './explore-columns.js';
import { factsOf } from './explore-facts.js';
import { sourceText } from './explore-rows.js';
import type { Style } from './style.js';
import { crop, wrap } from './wrap.js';

/** Without a terminal to ask, in columns. */
const WIDTH = 120;
/** Narrower than this, lines are cut rather than squeezed. */
const NARROWEST = 40;

/** The verdicts for a person; a counterexample as columns, one a CPU. `width`: of the terminal, in columns. */
export function exploreText(document: ExploreDocument, style: Style, width = WIDTH): string {
  const { file, results } = printableData(document);
  const columns = Math.max(NARROWEST, width);
  return `${results.map((verdict) => `${verdictLines(file, verdict, style, columns).join('\n')}\n`).join('\n')}`;
}

/** One verdict, as the failure message of a test shows it. */
export function verdictText(file: string, verdict: Verdict, style: Style, width = WIDTH): string {
  const lines = verdictLines(printable(file), printableData(verdict), style, Math.max(NARROWEST, width));
  return `${lines.join('\n')}\n`;
}

const PAINT = { verified: 'mark', counterexample: 'error', bounded: 'warning' } as const;

function verdictLines(file: string, verdict: Verdict, style: Style, width: number): string[] {
  const { scenario, claim, sentence, counterexample } = verdict;
  const [first, ...more] = wrap(`${verdict.verdict}: ${sentence}`, width);
  const lines = [
    ...wrap(`${file}: ${scenario}${claim === '' ? '' : `: ${claim}`}`, width).map(style.bold),
    first!.replace(verdict.verdict, style[PAINT[verdict.verdict]](verdict.verdict)),
    ...more,
  ];
  if (counterexample !== undefined) {
    lines.push('', ...counterexampleLines(verdict, counterexample, style, width), '');
    lines.push(...wrap(counterexample.explanation, width).map(style.bold), '');
    if (counterexample.traceFile !== undefined)
      lines.push(`  ${style.bold('replay'.padEnd(HEAD))}rseqlab replay ${counterexample.traceFile}`);
  }
  for (const { head, text } of factsOf(verdict)) lines.push(...entry(head, text, style, width));
  if (verdict.verdict !== 'counterexample') lines.push(...coverage(verdict.sections, style, width));
  lines.push(...assumptions(verdict, style, width));
  return lines;
}

/** Where the texts begin, behind two blanks. */
const HEAD = 12;

const entry = (head: string, text: string, style: Style, width: number): string[] =>
  wrap(text, width - HEAD - 2).map(
    (line, n) => `  ${n === 0 ? style.bold(head.padEnd(HEAD)) : ' '.repeat(HEAD)}${line}`,
  );

/** The sections, each with the instructions that the search never aborted it at. */
function coverage(sections: readonly SectionCoverage[], style: Style, width: number): string[] {
  const margin = ' '.repeat(HEAD + 2);
  return sections.flatMap(({ name, source, points }, n) => {
    const missing = points.filter(({ covered }) => !covered);
    const where = source === undefined ? '' : ` (${sourceText(source)})`;
    const count = `${points.length - missing.length} of ${plural(points.length, 'instruction')}`;
    const text = `${name}${where}: ${count}${missing.length === 0 ? '' : '; never aborted at:'}`;
    return [
      ...entry(n === 0 ? 'sections' : '', text, style, width),
      ...missing.map((point) => style.warning(crop(`${margin}  ${point.place}:  ${point.text}`, width))),
    ];
  });
}

function assumptions({ verdict, assumptions }: Verdict, style: Style, width: number): string[] {
  if (assumptions.length === 0) return [];
  const under = verdict === 'counterexample' ? 'the search assumes:' : 'this holds under these assumptions:';
  return [
    `  ${style.bold(under)}`,
    ...assumptions.flatMap((text) =>
      wrap(text, width - 6).map((line, n) => `    ${n === 0 ? '- ' : '  '}${line}`),
    ),
  ];
}
