/** A terminal that is drawn upon and then given back as it was, however we end. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';

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

  draw(lines: readonly string[]): void {
    if (!this.open) return;
    process.stdout.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`);
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
