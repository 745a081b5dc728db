/**
 * System calls in a row without JavaScript between them: a table of rows in memory of ours, carried out in one native call. For what must not be held
 * up (a thread stands still meanwhile), or is done by the hundred thousand. Where no code of ours may be executed the same rows are carried out one by
 * one.
 *
 *   call(into, name, ...operands)      a system call; `into` gets its result, or -errno
 *   set(target, operand, plus, mask)   target = (operand & mask) + plus
 *   load(target, pointer, plus, mask)  target = (what the pointer points to & mask) + plus
 *   jump(label)                        goes on there
 *   when(operand, test, number, label, mask)  goes on there if (operand & mask) `=`, `!=` or `<` (signed) the number
 *   label(name)                        names the row behind it
 *   end(number)                        `run` returns it
 *
 * An operand is a number, or a cell: then it is what the cell holds when the row's turn comes. `cell.address` is the number that says where it lies. A
 * target is a cell, or `at(cell)`: the word that the cell points to.
 */
import { SYSCALLS_X86_64 } from '../abi/syscalls-x86-64.js';
import { carryOut, INDIRECT_SHIFT, KIND, KIND_SHIFT, machineCode, ROW_WORDS } from './batch-code.js';
import { addressOf } from './libc.js';

/** A word of 64 bits, for rows and for us. */
export class Cell {
  constructor(
    private readonly words: BigUint64Array,
    private readonly index: number,
    readonly address: bigint,
  ) {}

  get(): bigint {
    return this.words[this.index]!;
  }

  /** What a call has returned, or what else fits. */
  number(): number {
    return Number(BigInt.asIntN(64, this.words[this.index]!));
  }

  set(value: number | bigint): void {
    this.words[this.index] = BigInt.asUintN(64, BigInt(value));
  }
}

export type Operand = number | bigint | Cell;
export type BatchTarget = Cell | { readonly pointer: Cell };
/** The word that a cell points to. */
export const at = (pointer: Cell): BatchTarget => ({ pointer });

/** The place of a row is not known before all of them are. */
type Word = Operand | { readonly label: string };
export type Row =
  | { readonly kind: keyof typeof KIND; readonly number?: number; readonly words: readonly Word[]; readonly into?: Cell } // biome-ignore format: a row
  | { readonly label: string };

const ALL = -1;

export const label = (name: string): Row => ({ label: name });
export const call = (into: Cell | undefined, name: string, ...words: readonly Operand[]): Row => ({
  kind: 'call',
  number: SYSCALLS_X86_64[name]!,
  words,
  ...(into && { into }),
});
/** As an operand: the address that is written to. */
const written = (target: BatchTarget): Operand => ('pointer' in target ? target.pointer : target.address);
export const set = (target: BatchTarget, from: Operand, plus: Operand = 0, mask: Operand = ALL): Row => ({
  kind: 'set',
  words: [written(target), from, mask, plus],
});
export const load = (target: BatchTarget, pointer: Operand, plus: Operand = 0, mask: Operand = ALL): Row => ({
  kind: 'load',
  words: [written(target), pointer, mask, plus],
});
const TESTS = { '=': 'equal', '!=': 'unequal', '<': 'less' } as const;
export const when = (
  value: Operand,
  test: keyof typeof TESTS,
  than: Operand,
  to: string,
  mask: Operand = ALL,
): Row => ({ kind: TESTS[test], words: [{ label: to }, value, mask, than] });
export const jump = (to: string): Row => when(0, '=', 0, to);
export const end = (result = 0): Row => ({ kind: 'end', words: [result] });

/** Memory that rows use, and the rows. */
export class Batch {
  private readonly words: BigUint64Array;
  private readonly base: bigint;
  /** Bytes that are taken. */
  private taken = 0;
  private readonly scrap: Cell;
  private readonly native: ReturnType<typeof machineCode>;

  /** `size`: bytes for all cells, room and rows (64 each). `callByCall`: without machine code. Throws Unavailable. */
  constructor(size: number, callByCall = false) {
    this.native = callByCall ? undefined : machineCode();
    this.words = new BigUint64Array(Math.ceil(size / 8) + 1);
    this.base = addressOf(this.words);
    this.scrap = this.cell();
  }

  cell(value: number | bigint = 0): Cell {
    const index = this.take(8) / 8;
    const cell = new Cell(this.words, index, this.base + BigInt(8 * index));
    cell.set(value);
    return cell;
  }

  /** Zeroed bytes that calls may use; they begin at a multiple of 8. */
  room(size: number): { readonly address: bigint; readonly bytes: Uint8Array } {
    const start = this.take(size);
    return {
      address: this.base + BigInt(start),
      bytes: new Uint8Array(this.words.buffer, this.words.byteOffset + start, size),
    };
  }

  /** What carries these rows out, again and again; it returns what their `end` says. */
  program(rows: readonly Row[]): () => number {
    const start = this.take(8 * ROW_WORDS * rows.filter((row) => 'kind' in row).length);
    const labels = new Map<string, bigint>();
    let place = this.base + BigInt(start);
    for (const row of rows) {
      if ('label' in row) labels.set(row.label, place);
      else place += BigInt(8 * ROW_WORDS);
    }
    let word = start / 8;
    for (const row of rows) {
      if ('label' in row) continue;
      let operation = (KIND[row.kind] << KIND_SHIFT) | (row.number ?? 0);
      for (const [index, given] of row.words.entries()) {
        if (given instanceof Cell) operation |= 1 << (INDIRECT_SHIFT + index);
        this.words[word + 1 + index] = BigInt.asUintN(64, numberOf(given, labels));
      }
      this.words[word] = BigInt(operation);
      this.words[word + 7] = (row.into ?? this.scrap).address;
      word += ROW_WORDS;
    }
    const first = this.base + BigInt(start);
    const { native, words, base } = this;
    return () => (native === undefined ? carryOut(words, base, first) : Number(native(first)));
  }

  private take(size: number): number {
    const start = this.taken;
    this.taken += (size + 7) & ~7;
    if (this.taken > this.words.byteLength)
      throw new RangeError(`a batch of ${this.words.byteLength} bytes is full`);
    return start;
  }
}

function numberOf(word: Word, labels: ReadonlyMap<string, bigint>): bigint {
  if (word instanceof Cell) return word.address;
  if (typeof word !== 'object') return BigInt(word);
  const place = labels.get(word.label);
  if (place === undefined) throw new RangeError(`a batch has no label ${word.label}`);
  return place;
}
