import type { CheckDocument } from './document.js';

/** Commands of GitHub Actions' log (workflow commands): annotations on the lines of a pull request. */
export function checkGithub(document: CheckDocument): string {
  return document.results
    .flatMap(({ name, findings }) =>
      findings.map((finding) =>
        workflowCommand(finding.severity === 'note' ? 'notice' : finding.severity, {
          file: finding.line?.file ?? name,
          line: finding.line?.line,
          title: `rseqlab ${finding.rule}`,
          text: `${finding.place === undefined ? '' : `${finding.place}: `}${finding.message}`,
        }),
      ),
    )
    .join('');
}

/** One annotation, with its line end. */
export function workflowCommand(
  level: 'error' | 'warning' | 'notice',
  {
    file,
    line,
    title,
    text,
  }: {
    readonly file: string;
    readonly line: number | undefined;
    readonly title: string;
    readonly text: string;
  },
): string {
  const where = [
    `file=${property(file)}`,
    ...(line === undefined ? [] : [`line=${line}`]),
    `title=${property(title)}`,
  ];
  return `::${level} ${where.join(',')}::${data(text)}\n`;
}

const data = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
