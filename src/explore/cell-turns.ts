import { Action, type Turns } from './turns.js';

/** A row of a memory: values by cell. */
export type Row = Int32Array;

/** The one of several rows that stands for all. */
export interface Standing {
  readonly row: Row;
  /** What makes it of the row that was given. */
  readonly turn: number;
  /** What leaves it as it is, without 0. */
  readonly stays: readonly number[];
}

/**
 * What cells and their values become when resources are exchanged. A cell of which nothing is known holds its initial value in every memory,
 * and stays what it is.
 */
export class CellTurns {
  private readonly cells: Action;
  private readonly pairs: Action;
  /** By cell and value. */
  private readonly pairIds: number[][] = [];
  private readonly pairCells: number[] = [];
  private readonly pairValues: number[] = [];

  constructor(
    readonly turns: Turns,
    private readonly initial: (cell: number) => number,
  ) {
    this.cells = new Action(turns);
    this.pairs = new Action(turns);
  }

  private pair(cell: number, value: number): number {
    this.pairIds[cell] ??= [];
    const ids = this.pairIds[cell];
    let id = ids[value];
    if (id === undefined) {
      id = this.pairCells.push(cell) - 1;
      this.pairValues.push(value);
      ids[value] = id;
    }
    return id;
  }

  /** A cell becomes these, holding these, by turn. Throws Unlike. */
  unite(cells: readonly number[], values: readonly number[]): void {
    if (!this.cells.knows(cells[0]!)) {
      this.cells.unite(cells);
      this.pairs.unite(cells.map((cell) => this.pair(cell, this.initial(cell))));
    } else this.cells.unite(cells);
    this.pairs.unite(cells.map((cell, turn) => this.pair(cell, values[turn]!)));
  }

  /** What a cell with a value becomes. */
  private moved(cell: number, value: number, turn: number): number {
    const pair = this.pair(cell, value);
    if (!this.pairs.knows(pair)) throw new Error(`nobody has put value ${value} into cell ${cell}`);
    return this.pairs.image(pair, turn);
  }

  /** What a cell holds in the memory that this one becomes. */
  valueIn(read: (cell: number) => number, turn: number, cell: number): number {
    if (!this.cells.knows(cell)) return read(cell);
    const from = this.cells.image(cell, this.turns.inverse(turn));
    return this.pairValues[this.moved(from, read(from), turn)]!;
  }

  image(row: Row, turn: number): Row {
    const to = row.slice();
    if (turn === 0) return to;
    for (let cell = 0; cell < row.length; cell++) {
      if (!this.cells.knows(cell)) continue;
      const pair = this.moved(cell, row[cell]!, turn);
      to[this.pairCells[pair]!] = this.pairValues[pair]!;
    }
    return to;
  }

  /** Of all that a row becomes the last, as numbers go: what was changed first has later numbers, and is in front. */
  standing(row: Row): Standing {
    let [best, turn] = [row, 0];
    let same: number[] = [];
    for (let each = 1; each < this.turns.count; each++) {
      const image = this.image(row, each);
      const order = compare(image, best);
      if (order === 0) same.push(each);
      else if (order > 0) {
        [best, turn] = [image, each];
        same = [];
      }
    }
    const back = this.turns.inverse(turn);
    return { row: best, turn, stays: same.map((each) => this.turns.product(each, back)) };
  }
}

function compare(a: Row, b: Row): number {
  for (let cell = 0; cell < a.length; cell++) if (a[cell] !== b[cell]) return a[cell]! - b[cell]!;
  return 0;
}
