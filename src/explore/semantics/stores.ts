import type { Cells } from './cells.js';
import { type Entry, type Piece, pieceOf, unitsOf } from './store-buffer.js';
import { type WatchedMachine, WORD } from './watched.js';

/** Notes the stores of an instruction to cells, as a store buffer takes them: one after the other, with the bytes that are written. */
export class Stores {
  private readonly entries: Entry[] = [];
  /** It is announced, and not yet done. */
  private next: { readonly at: number; readonly size: number } | undefined;

  constructor(
    private readonly machine: WatchedMachine,
    private readonly cells: Cells,
  ) {}

  /** Memory is about to be accessed: what was announced before is done by now. */
  note(at: number, size: number, write: boolean): void {
    this.settle();
    if (write) this.next = { at, size };
  }

  /** Nothing was done after all. */
  undo(): void {
    this.entries.length = 0;
    this.next = undefined;
  }

  /** All of them. */
  end(): readonly Entry[] {
    this.settle();
    return this.entries;
  }

  private settle(): void {
    if (this.next === undefined) return;
    const { at, size } = this.next;
    this.next = undefined;
    for (const [from, to] of unitsOf(at, size)) {
      const pieces: Piece[] = [];
      for (let word = Math.floor(from / WORD); word * WORD < to; word++) {
        const cell = this.cells.of(word);
        if (cell === undefined) continue;
        let bytes = 0;
        for (let n = 0; n < WORD; n++) if (word * WORD + n >= from && word * WORD + n < to) bytes |= 1 << n;
        pieces.push(pieceOf(cell, bytes, this.machine.word(word * WORD)));
      }
      if (pieces.length > 0) this.entries.push(pieces);
    }
  }
}
