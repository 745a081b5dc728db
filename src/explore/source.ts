import type { SourceText } from './timeline.js';

/** The lines of a source file, or undefined where it cannot be read. */
export type SourceLines = (file: string) => readonly string[] | undefined;

export function sourceLine(
  lines: SourceLines,
  { file, line }: { readonly file: string; readonly line: number },
): SourceText {
  const text = lines(file)?.[line - 1]?.trim();
  return { file, line, ...(text === undefined || text === '' ? {} : { text }) };
}
