/** A terminal that is drawn upon and then given back as it was, however we end. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';

/** Of the terminal, in characters. */
export const size = (): { columns: number; rows: number } => ({
  columns: process.stdout.columns || 80,
  rows: process.stdout.rows || 24,
});

const ESC = '\u001b';

/** The line's first characters; colours (ECMA-48 SGR) take no room, and end with it. */
export function cut(line: string, columns: number): string {
  let shown = 0;
  let kept = '';
  for (const piece of line.split(new RegExp(`(${ESC}\\[[0-9;]*m)`))) {
    if (piece.startsWith(ESC)) {
      kept += piece;
      continue;
    }
    const letters = [...piece];
    if (shown + letters.length > columns)
      return `${kept}${letters.slice(0, Math.max(0, columns - shown - 1)).join('')}…${kept.includes(ESC) ? `${ESC}[0m` : ''}`;
    kept += piece;
    shown += letters.length;
  }
  return kept;
}

export class Screen {
  private open = false;
  private readonly restore = (): void => this.leave();

  constructor(private readonly onKey: (key: string) => void) {}

  private readonly data = (chunk: Buffer): void => {
    for (const key of chunk.toString('latin1')) this.onKey(key);
  };

  enter(): void {
    this.open = true;
    process.stdout.write(ENTER);
    process.on('exit', this.restore);
    if (!process.stdin.isTTY) return;
    process.stdin.setRawMode(true);
    process.stdin.on('data', this.data);
    process.stdin.resume();
  }

  /** As many lines, and of each as much, as there is room for. */
  draw(lines: readonly string[]): void {
    if (!this.open) return;
    const { columns, rows } = size();
    const room = lines.slice(0, rows).map((line) => `${cut(line, columns)}\u001b[K`);
    process.stdout.write(`\u001b[H${room.join('\r\n')}\u001b[J`);
  }

  leave(): void {
    if (!this.open) return;
    this.open = false;
    process.off('exit', this.restore);
    process.stdout.write(LEAVE);
    if (!process.stdin.isTTY) return;
    process.stdin.off('data', this.data);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  }
}
