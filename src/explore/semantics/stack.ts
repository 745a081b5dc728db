/** All bytes of a word. */
const ALL = 0xff;

/**
 * What becomes of stack that is given back. Words below the red zone are forgotten, so that states do not differ in them: that is right as long as
 * nobody reads there what he has not written since. This is where it is noticed. Words by number from a window's beginning; masks of bytes.
 */
export class Stack {
  /** Somebody does: nothing is forgotten. */
  kept = false;
  /** Something new is known. */
  private news = false;
  private readonly dropped = new Set<number>();
  /** Read where nothing is known to have been written. */
  private readonly blank = new Set<number>();
  private readonly reads = new Map<number, number>();
  /** Bytes that were not written with the others of their word. */
  private readonly holes = new Map<number, number>();

  constructor(
    /** Where the stacks begin: above that nothing is ever given back. */
    readonly top: number,
  ) {}

  /** Something other than 0 was forgotten. */
  drop(word: number): void {
    if (this.dropped.has(word)) return;
    this.dropped.add(word);
    this.news = true;
  }

  /** `known`: it was written since it was last forgotten. */
  read(word: number, bytes: number, known: boolean): void {
    if (word >= this.top) return;
    if (!known && !this.blank.has(word)) {
      this.blank.add(word);
      this.news = true;
    }
    this.note(this.reads, word, bytes);
  }

  /** Some of its bytes were written, where nothing is known of the others. */
  writeInto(word: number, bytes: number): void {
    if (word < this.top) this.note(this.holes, word, ALL & ~bytes);
  }

  private note(all: Map<number, number>, word: number, bytes: number): void {
    const before = all.get(word) ?? 0;
    if ((before | bytes) === before) return;
    all.set(word, before | bytes);
    this.news = true;
  }

  /** What was noticed in another part of the same search. */
  join({ dropped, blank, reads, holes }: Stack): void {
    for (const word of dropped) this.drop(word);
    for (const word of blank) this.blank.add(word);
    for (const [word, bytes] of reads) this.note(this.reads, word, bytes);
    for (const [word, bytes] of holes) this.note(this.holes, word, bytes);
    this.news = true;
  }

  /** True for a moment: from now on everything is kept. */
  findsReader(): boolean {
    if (this.kept || !this.news) return false;
    this.news = false;
    for (const word of this.dropped)
      if (this.blank.has(word) || ((this.holes.get(word) ?? 0) & (this.reads.get(word) ?? 0)) !== 0)
        this.kept = true;
    return this.kept;
  }
}
