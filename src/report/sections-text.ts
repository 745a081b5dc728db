import type { CheckResult } from '../check/check.js';
import { plural } from './document.js';
import type { Style } from './style.js';

/** What `rseqlab sections` prints: every section with its fields and the ways it was found. */
export function sectionsText(results: readonly CheckResult[], style: Style): string {
  const lines: string[] = [];
  for (const result of results) {
    lines.push(style.bold(`${result.name}: ${plural(result.sections.length, 'section')}`));
    lines.push(...result.limits.map((limit) => style.dim(`  note: ${limit}`)));
    for (const it of result.sections) {
      const source = it.line === null ? '' : `  ${it.line.file}:${it.line.line}`;
      lines.push(
        `  ${it.startIp} to ${it.end ?? '?'}  ${it.function ?? '(no name)'}${source}`,
        `      descriptor ${it.descriptor ?? 'on the stack'}, abort ${it.abortIp}, signature ${it.signature ?? 'not readable'}`,
        `      armed at ${it.armedAt.length > 0 ? it.armedAt.join(', ') : 'nowhere seen'}; side exits ${it.exitPoints.length > 0 ? it.exitPoints.join(', ') : 'none declared'}`,
        `      found by ${it.foundBy.join(', ')}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
