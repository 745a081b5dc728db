/** One line of progress on standard error, on a terminal only; it is wiped away when the work is done. */
export class Progress {
  private readonly active = process.stderr.isTTY === true;
  private last = 0;

  show(text: string): void {
    const now = Date.now();
    if (!this.active || now - this.last < 100) return;
    this.last = now;
    const width = Math.max(20, (process.stderr.columns ?? 80) - 1);
    process.stderr.write(`\r\u001b[K${text.length > width ? `${text.slice(0, width - 1)}…` : text}`);
  }

  done(): void {
    if (this.active && this.last > 0) process.stderr.write('\r\u001b[K');
  }
}
