import type { SourceText } from './timeline.js';

/** The lines of a source file, or undefined where it cannot be read. */
export type SourceLines = (file: string) => readonly string[] | undefined;

export function sourceLine(
  lines: SourceLines,
  { file, line }: { readonly file: string; readonly line: number },
): SourceText {
  // Tabs would be escaped as what no terminal should see.
  const text = lines(file)?.[line - 1]?.trim().replaceAll('\t', ' ');
  return { file, line, ...(text === undefined || text === '' ? {} : { text }) };
}
