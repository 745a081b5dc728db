/** Milliseconds between two lines, and before the first: what is done sooner shows none. */
const PERIOD = 100;

/** One line of progress on standard error, on a terminal only; it is wiped away when the work is done. */
export class Progress {
  private readonly active = process.stderr.isTTY === true;
  private last = Date.now();
  private shown = false;

  show(text: string): void {
    const now = Date.now();
    if (!this.active || now - this.last < PERIOD) return;
    this.last = now;
    this.shown = true;
    // 0 columns: a terminal that does not know its size.
    const width = Math.max(20, (process.stderr.columns || 80) - 1);
    process.stderr.write(`\r\u001b[K${text.length > width ? `${text.slice(0, width - 1)}…` : text}`);
  }

  done(): void {
    if (this.shown) process.stderr.write('\r\u001b[K');
    this.shown = false;
  }
}
