import type { CheckDocument } from './document.js';

/** Commands of GitHub Actions' log (workflow commands): annotations on the lines of a pull request. */
export function checkGithub(document: CheckDocument): string {
  const lines = document.results.flatMap(({ name, findings }) =>
    findings.map((finding) => {
      const level = finding.severity === 'note' ? 'notice' : finding.severity;
      const file = finding.line?.file ?? name;
      const where = [
        `file=${property(file)}`,
        ...(finding.line ? [`line=${finding.line.line}`] : []),
        `title=${property(`rseqlab ${finding.rule}`)}`,
      ];
      const at = finding.place === undefined ? '' : `${finding.place}: `;
      return `::${level} ${where.join(',')}::${data(`${at}${finding.message}`)}`;
    }),
  );
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

const data = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
