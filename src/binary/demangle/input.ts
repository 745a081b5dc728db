/** A name that does not follow the grammar, or asks for too much: it stays as it is. */
export class Unmangleable extends Error {}

/** Longest text of one part, steps and nesting: a few bytes of substitutions can ask for gigabytes. */
const LONGEST = 32_768;
const MOST_STEPS = 20_000;
const DEEPEST = 192;

/** The characters of a mangled name, read from left to right, with the bounds that every part counts against. */
export class Input {
  at = 0;
  private steps = 0;
  private depth = 0;

  constructor(readonly text: string) {}

  get done(): boolean {
    return this.at >= this.text.length;
  }

  peek(offset = 0): string {
    return this.text[this.at + offset] ?? '';
  }

  looksAt(what: string): boolean {
    return this.text.startsWith(what, this.at);
  }

  /** Takes `what` where it stands next. */
  take(what: string): boolean {
    if (!this.looksAt(what)) return false;
    this.at += what.length;
    return true;
  }

  expect(what: string): void {
    if (!this.take(what)) throw new Unmangleable();
  }

  next(): string {
    if (this.done) throw new Unmangleable();
    return this.text[this.at++]!;
  }

  /** Decimal digits, as a number; undefined where there are none. */
  number(): number | undefined {
    const start = this.at;
    while (/[0-9]/.test(this.peek())) this.at++;
    return this.at === start ? undefined : Number(this.text.slice(start, this.at));
  }

  /** The next `length` characters. */
  slice(length: number): string {
    if (this.at + length > this.text.length) throw new Unmangleable();
    this.at += length;
    return this.text.slice(this.at - length, this.at);
  }

  /** Runs one rule of the grammar within the bounds. */
  bounded<T>(rule: () => T): T {
    if (++this.steps > MOST_STEPS || ++this.depth > DEEPEST) throw new Unmangleable();
    const result = rule();
    this.depth--;
    return result;
  }

  /** The text, if it is not too long. */
  check(text: string): string {
    if (text.length > LONGEST) throw new Unmangleable();
    return text;
  }
}
