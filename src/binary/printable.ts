/**
 * Names come from the file that is looked at (symbols, source files, members of archives) and may hold anything. Control
 * characters would reach the terminal, and a line end would fake a line of the report: they are shown as `\\x1b`.
 */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });

/** The same for every string in a piece of plain data; what needs no change is not copied. */
export function printableData<T>(data: T): T {
  if (typeof data === 'string') return printable(data) as T;
  if (typeof data !== 'object' || data === null) return data;
  const entries = Object.entries(data).map(([key, value]) => [key, value, printableData(value)] as const);
  if (entries.every(([, before, after]) => before === after)) return data;
  if (Array.isArray(data)) return entries.map(([, , after]) => after) as T;
  return Object.fromEntries(entries.map(([key, , after]) => [key, after])) as T;
}
