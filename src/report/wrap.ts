/** Breaks a text at blanks into lines of at most `width` characters, and words that are longer anywhere. At least one line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (let word of text.split(' ')) {
    while (word.length > width) {
      const room = line === '' ? width : width - line.length - 1;
      if (room > 0) line = `${line === '' ? '' : `${line} `}${word.slice(0, room)}`;
      word = word.slice(Math.max(0, room));
      lines.push(line);
      line = '';
    }
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Cut to `width` characters, with `...` at its end where something is missing. */
export const crop = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 3))}...`.slice(0, width);
