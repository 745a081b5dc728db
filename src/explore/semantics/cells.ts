import { Anew, Refusal } from './refusal.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

/** Words of memory that tasks share and somebody writes: by number of the cell. All others hold what they held after the setup. */
export class Cells {
  /** Words, by their number in memory (address / 8), in ascending order. */
  words: readonly number[] = [];
  /** Some lie in a task's window: words of a task's own that others look at. */
  inWindows = false;
  private byWord = new Map<number, number>();
  private readonly initials = new Map<number, bigint>();
  /** Cells that were found and are not in use yet. */
  private readonly found = new Set<number>();

  constructor(private readonly world: World) {}

  of(word: number): number | undefined {
    return this.byWord.get(word);
  }

  /** What a cell holds at the start. */
  initial(cell: number): bigint {
    return this.initials.get(this.words[cell]!)!;
  }

  /** A task is about to write a word that was none: throws Anew, for all that was found so far took it for constant. */
  add(word: number): void {
    if (this.found.has(word)) return;
    const area = this.world.main.mm.areas.find(({ start, end }) => start <= word * WORD && word * WORD < end);
    if (area !== undefined && (area.protection & 4) !== 0)
      throw new Refusal(
        `the program writes to its code, at 0x${(word * WORD).toString(16)}: that cannot be explored`,
      );
    this.found.add(word);
    this.initials.set(word, this.world.initial(word));
    throw new Anew();
  }

  /** Another task is about to look at a word of a task's own: from now on that one is shared. Throws Anew. */
  share(word: number, owner: number): never {
    const { pointer, length } = this.world.tasks[owner]!.rseq;
    const at = BigInt(word * WORD);
    if (pointer !== 0n && at + BigInt(WORD) > pointer && at < pointer + BigInt(length))
      throw new Refusal(
        `a task looks at the struct rseq of ${this.world.scenario.tasks[owner]!.name}, which cannot be explored`,
      );
    this.add(word);
    throw new Anew();
  }

  /** Words that are known to be cells. */
  adopt(words: readonly number[]): void {
    for (const word of words) {
      this.found.add(word);
      this.initials.set(word, this.world.initial(word));
    }
    this.renew();
  }

  /** Takes what was found into use. */
  renew(): void {
    this.words = [...new Set([...this.words, ...this.found])].sort((a, b) => a - b);
    this.byWord = new Map(this.words.map((word, cell) => [word, cell]));
    this.inWindows = this.words.some((word) => this.world.ownerOf(word) !== undefined);
    this.found.clear();
  }
}
