import type { Counterexample, Row, Verdict } from '../explore/timeline.js';
import { changeText, cpusOf, isKernel, kernelText, readText, sourceText, taskName } from './explore-rows.js';
import type { Style } from './style.js';
import { crop, wrap } from './wrap.js';

/**
 * A counterexample as columns, one a CPU, in the order in which things happen; what the kernel does stands across. An instruction gives the
 * line of the source where that is another than before, its text, and what it read (`a = 1`) and changed (`a 1 -> 2`).
 */
export function counterexampleLines(
  verdict: Verdict,
  counterexample: Counterexample,
  style: Style,
  width: number,
): string[] {
  return new Columns(verdict, counterexample, style, width).lines();
}

/** A piece of a line, painted after it has been cut and padded. */
interface Piece {
  readonly text: string;
  readonly paint: keyof Style | 'plain';
}

/** The narrowest column that an instruction with its changes can be read in; with less, CPUs share one column. */
const NARROWEST = 38;
/** Between columns. */
const BORDER = ' | ';
/** Where changes stand beside the instruction, in characters; further right, where a column has much room. */
const BESIDE = 32;
/** More rows than this are shortened. */
const LONG = 200;
/** Of a shortened run of instructions that touch no shared memory, this many are shown at either end. */
const ENDS = 3;

class Columns {
  private readonly cpus: readonly number[];
  /** Every CPU has a column of its own. */
  private readonly apart: boolean;
  private readonly numbers: number;
  private readonly column: number;
  private readonly hidden: ReadonlySet<number>;
  /** The line of the source that stands last in a column, with its task. */
  private readonly shown = new Map<number, string>();
  private readonly out: string[] = [];

  constructor(
    private readonly verdict: Verdict,
    private readonly counterexample: Counterexample,
    private readonly style: Style,
    private readonly width: number,
  ) {
    this.cpus = cpusOf(counterexample);
    this.numbers = `${counterexample.rows.length}`.length + 2;
    const room = (n: number): number => Math.floor((width - this.numbers - BORDER.length * (n - 1)) / n);
    this.apart = room(this.cpus.length) >= NARROWEST || this.cpus.length === 1;
    this.column = this.apart ? room(this.cpus.length) : room(1);
    this.hidden = hiddenRows(counterexample.rows);
  }

  lines(): string[] {
    const { rows, violation } = this.counterexample;
    this.head();
    for (const [n, row] of rows.entries()) {
      if (violation.loop === n) this.across(undefined, '', 'from here it repeats for ever', '=', 'warning');
      if (this.hidden.has(n)) {
        if (!this.hidden.has(n - 1)) this.skip(n);
      } else if (isKernel(row)) this.kernelRow(n, row);
      else this.cellRow(n, row);
      if (violation.row === n) this.across(undefined, '', violation.text, '!', 'error');
    }
    if (rows.some(({ section }) => section !== undefined))
      this.out.push(this.style.dim(`${' '.repeat(this.numbers)}:  inside a section`));
    return this.out;
  }

  private head(): void {
    const names = this.apart ? this.cpus.map((cpu) => `cpu ${cpu}`) : ['cpu, task'];
    this.cells(
      '#',
      names.map((text) => [{ text, paint: 'bold' }]),
    );
  }

  private kernelRow(n: number, row: Row): void {
    const name = taskName(this.verdict, row.task);
    const words = kernelText(row);
    const fill = row.abort !== undefined ? '*' : row.kind === 'resume' ? '=' : '-';
    this.across(row.cpu, `${n}`, `${name}: ${words}`, fill, row.abort !== undefined ? 'warning' : 'note');
    const changes = itemsOf(row);
    if (changes.length > 0) this.place(row.cpu, '', this.codeLines('', changes), row.task);
    // Behind an interruption the source line is said again.
    if (row.cpu !== undefined) this.shown.delete(row.cpu);
  }

  /** Across all columns; the text begins in the CPU's own, where there is room for it. */
  private across(cpu: number | undefined, n: string, text: string, fill: string, paint: keyof Style): void {
    const room = this.width - this.numbers;
    const wanted =
      this.apart && cpu !== undefined ? this.cpus.indexOf(cpu) * (this.column + BORDER.length) : 0;
    const indent = Math.max(0, Math.min(wanted, room - text.length - 6));
    for (const [line, part] of wrap(text, room - 6).entries()) {
      const body = `${fill.repeat(indent + 2)} ${part} `;
      const number = this.style.dim((line === 0 ? n : '').padStart(this.numbers - 2));
      this.out.push(`${number}  ${this.style[paint](body.padEnd(room, fill))}`);
    }
  }

  private skip(from: number): void {
    let to = from;
    while (this.hidden.has(to + 1)) to++;
    const { task, cpu } = this.counterexample.rows[from]!;
    const text = `... ${to - from + 1} instructions that touch no shared memory ...`;
    this.place(cpu, '', [[{ text, paint: 'dim' }]], task);
  }

  private cellRow(n: number, row: Row): void {
    const lines: Piece[][] = [];
    const source = this.newSource(row);
    if (source !== undefined) lines.push([{ text: source, paint: 'dim' }]);
    const gutter = row.section === undefined ? '  ' : ': ';
    const code = `${gutter}${row.kind === 'execute' ? (row.text ?? row.place) : kernelText(row)}`;
    const items = itemsOf(row);
    lines.push(...this.codeLines(code, items));
    if (row.kind === 'execute' && row.kernel !== undefined) {
      for (const [at, text] of wrap(row.kernel, this.inner - 5).entries())
        lines.push([
          {
            text: `  ${at === 0 ? '=>' : '  '} ${text}`,
            paint: row.abort === undefined ? 'note' : 'warning',
          },
        ]);
    }
    this.place(row.cpu, `${n}`, lines, row.task);
  }

  /** Room for text in a column. */
  private get inner(): number {
    return this.apart ? this.column : this.column - this.prefix('').length;
  }

  /** The instruction with what it read and changed beside it, or below where that is too long. */
  private codeLines(code: string, items: readonly Piece[]): Piece[][] {
    const room = this.inner;
    const length = items.reduce((sum, { text }) => sum + text.length + 2, -2);
    const beside = Math.max(Math.min(BESIDE, room - length), code.length + 2);
    if (items.length === 0) return [[{ text: code, paint: 'plain' }]];
    if (code !== '' && beside + length <= room) {
      const first: Piece = { text: code.padEnd(beside), paint: 'plain' };
      return [[first, ...joined(items)]];
    }
    const lines: Piece[][] = code === '' ? [] : [[{ text: code, paint: 'plain' }]];
    let left = 0;
    for (const item of items) {
      const fits = item.text.length + 2 <= left;
      if (!fits) lines.push([{ text: '      ', paint: 'plain' }]);
      const line = lines.at(-1)!;
      if (fits) line.push({ text: ', ', paint: 'plain' });
      line.push(item);
      left = room - line.reduce((sum, { text }) => sum + text.length, 0);
    }
    return lines;
  }

  /** The line of the source, where it is another than that of the row before in this column. */
  private newSource({ source, task, cpu, kind }: Row): string | undefined {
    if (source === undefined || kind !== 'execute') return undefined;
    const where = sourceText(source);
    const key = `${task} ${where}`;
    if (this.shown.get(cpu ?? -1) === key) return undefined;
    this.shown.set(cpu ?? -1, key);
    return `${where}${source.text === undefined ? '' : `: ${source.text}`}`;
  }

  /** Lines into the CPU's column. */
  private place(
    cpu: number | undefined,
    n: string,
    lines: readonly (readonly Piece[])[],
    task: number,
  ): void {
    const at = this.apart ? Math.max(0, this.cpus.indexOf(cpu ?? -1)) : 0;
    for (const [line, pieces] of lines.entries()) {
      const row: (readonly Piece[])[] = this.apart ? this.cpus.map(() => []) : [[]];
      const prefix: Piece = {
        text: this.prefix(line === 0 ? `${cpu ?? '-'} ${taskName(this.verdict, task)}` : ''),
        paint: 'bold',
      };
      row[at] = this.apart ? pieces : [prefix, ...pieces];
      this.cells(line === 0 ? n : '', row);
    }
  }

  /** In front of the rows of a column that all CPUs share. */
  private prefix(text: string): string {
    const longest = Math.max(...this.verdict.tasks.map(({ name }) => name.length), 4) + 4;
    return `${crop(text, Math.min(longest, 18)).padEnd(Math.min(longest, 18))} `;
  }

  private cells(n: string, columns: readonly (readonly Piece[])[]): void {
    const border = this.style.dim(BORDER);
    const number = this.style.dim(n.padStart(this.numbers - 2));
    const last = columns.length - 1;
    const texts = columns.map((pieces, at) => this.paint(pieces, at < last));
    // No blanks at the end of a line.
    const empty = last > 0 && columns[last]!.length === 0;
    const body = empty
      ? texts.slice(0, last).join(border) + this.style.dim(BORDER.trimEnd())
      : texts.join(border);
    this.out.push(`${number}  ${body}`);
  }

  /** Cut to the column; padded where another one follows. */
  private paint(pieces: readonly Piece[], pad: boolean): string {
    let left = this.column;
    let text = '';
    for (const piece of pieces) {
      const part = crop(piece.text, left);
      left -= part.length;
      text += piece.paint === 'plain' ? part : this.style[piece.paint](part);
    }
    return pad ? text + ' '.repeat(left) : text;
  }
}

function itemsOf(row: Row): Piece[] {
  const reads: Piece[] = (row.reads ?? []).map((read) => ({ text: readText(read), paint: 'plain' }));
  const changes: Piece[] = row.changes.map((change) => ({
    text: changeText(change),
    paint: change.kind === 'memory' ? 'bold' : 'plain',
  }));
  return [...reads, ...changes];
}

const joined = (items: readonly Piece[]): Piece[] =>
  items.flatMap((item, n): Piece[] => (n === 0 ? [item] : [{ text: ', ', paint: 'plain' }, item]));

/** Of a long counterexample: the middle of runs of instructions that neither read nor change what tasks share. */
function hiddenRows(rows: readonly Row[]): ReadonlySet<number> {
  const hidden = new Set<number>();
  if (rows.length <= LONG) return hidden;
  const dull = ({ kind, kernel, reads = [], changes, section }: Row): boolean =>
    kind === 'execute' &&
    kernel === undefined &&
    section === undefined &&
    reads.length === 0 &&
    changes.every((change) => change.kind === 'register' || change.kind === 'private');
  for (let from = 0; from < rows.length; ) {
    let to = from;
    while (to < rows.length && dull(rows[to]!) && rows[to]!.task === rows[from]!.task) to++;
    for (let n = from + ENDS; n < to - ENDS; n++) if (to - from > 3 * ENDS) hidden.add(n);
    from = Math.max(to, from + 1);
  }
  return hidden;
}
