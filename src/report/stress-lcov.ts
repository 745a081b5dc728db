import type { StressDocument } from './stress-document.js';

/**
 * A tracefile of lcov (geninfo(1)): a line is hit as often as aborts were forced at its instructions, the fewest of any: a line with one that was never
 * aborted counts 0. Instructions without a source line are in no file, and left out. `locate`: the path of a source file of a program, by which
 * genhtml(1) finds it from anywhere.
 */
export function stressLcov(
  { sections }: StressDocument,
  locate: (source: string, program: string) => string = (source) => source,
): string {
  const files = new Map<string, Map<number, number>>();
  const functions = new Map<string, Map<string, { line: number; count: number }>>();
  for (const section of sections)
    for (const { source, forced } of section.points) {
      if (source === undefined) continue;
      const file = locate(source.file, section.file);
      const lines = files.get(file) ?? new Map<number, number>();
      files.set(file, lines);
      lines.set(source.line, Math.min(lines.get(source.line) ?? Number.POSITIVE_INFINITY, forced));
      const name = section.function ?? section.startIp;
      const named = functions.get(file) ?? new Map();
      functions.set(file, named);
      const known = named.get(name);
      named.set(name, {
        line: Math.min(known?.line ?? source.line, source.line),
        count: Math.max(known?.count ?? 0, forced),
      });
    }
  const text = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, lines]) => record(file, lines, functions.get(file)!)); // biome-ignore format: one step
  return text.join('');
}

function record(
  file: string,
  lines: ReadonlyMap<number, number>,
  functions: ReadonlyMap<string, { line: number; count: number }>,
): string {
  const sorted = [...lines].sort(([a], [b]) => a - b);
  return `${[
    'TN:rseq-aborts',
    `SF:${file}`,
    ...[...functions].map(([name, { line }]) => `FN:${line},${name}`),
    ...[...functions].map(([name, { count }]) => `FNDA:${count},${name}`),
    `FNF:${functions.size}`,
    `FNH:${[...functions.values()].filter(({ count }) => count > 0).length}`,
    ...sorted.map(([line, count]) => `DA:${line},${count}`),
    `LF:${sorted.length}`,
    `LH:${sorted.filter(([, count]) => count > 0).length}`,
    'end_of_record',
  ].join('\n')}\n`;
}
