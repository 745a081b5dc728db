import type { ExplainDocument, Explanation } from './explain-document.js';
import { placeLine, sectionLines } from './inspect-text.js';
import type { Style } from './style.js';
import { wrap } from './wrap.js';

/** The document for a person: lines with their ends. */
export function explainText({ subject, end, findings, notes }: ExplainDocument, style: Style): string {
  const what = { command: 'the command', process: 'the process', core: 'the process of the core' }[
    subject.kind
  ];
  const ended =
    end === null
      ? undefined
      : end.kind === 'exited'
        ? `${what} exited with status ${end.status}`
        : `${what} was killed by ${end.signal}`;
  const parts = findings.map((finding) => findingLines(finding, style));
  const last = [...(ended === undefined ? [] : [ended]), ...notes];
  if (findings.length === 0) last.push('no rule of rseq was broken, and no registration was refused');
  return `${[...parts, last].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

const WIDTH = 100;
const row = (head: string, text: string): string => `  ${head.padEnd(11)} ${text}`;

const TITLES: Readonly<Record<Explanation['kind'], string>> = {
  violation: 'a rule of rseq was broken',
  refused: 'rseq(2) was refused',
  crash: 'a crash that has nothing to do with rseq',
  unknown: 'a crash whose cause is not known',
};

function findingLines(finding: Explanation, style: Style): string[] {
  const rule = 'rule' in finding && finding.rule !== null ? ` [${finding.rule}]` : '';
  const process = `process ${finding.pid}${finding.name === '' ? '' : ` ${finding.name}`}, thread ${finding.tid}`;
  return [
    style.bold(`${TITLES[finding.kind]}${rule}: ${process}`),
    ...wrap(`${finding.what} ${finding.mend}`, WIDTH).map((line) => `  ${line}`),
    row('at', placeLine(finding.at)),
    ...(finding.kind === 'refused' || finding.section === null ? [] : sectionLines(finding.section)),
    ...(finding.kind === 'violation'
      ? [
          ...(finding.owner === null ? [] : [row('area', finding.owner)]),
          row('kernels', finding.kernels),
          ...(finding.check === null
            ? []
            : [
                row(
                  'check',
                  `rseqlab check --explain ${finding.check} says more, and rseqlab check finds it without running`,
                ),
              ]),
          ...(finding.handled
            ? [row('handled', 'a handler of the program took the signal, and it went on')]
            : []),
        ]
      : []),
  ];
}
