/** Colours of a text report; the plain one leaves everything as it is. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  error(text: string): string;
  warning(text: string): string;
  note(text: string): string;
  mark(text: string): string;
}

const same = (text: string): string => text;
/** For files, pipes and --no-color. */
export const PLAIN: Style = { bold: same, dim: same, error: same, warning: same, note: same, mark: same };

const sgr =
  (code: string) =>
  (text: string): string =>
    `\u001b[${code}m${text}\u001b[0m`;

/** ECMA-48 SGR, as compilers use it. */
export const COLOUR: Style = {
  bold: sgr('1'),
  dim: sgr('2'),
  error: sgr('1;31'),
  warning: sgr('1;35'),
  note: sgr('1;36'),
  mark: sgr('1;32'),
};
