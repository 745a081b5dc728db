import type { Counterexample, Row, Verdict } from '../src/explore/timeline.js';
import {
  changeText,
  isKernel,
  kernelText,
  readText,
  sourceText,
  taskName,
} from '../src/report/explore-rows.js';
import { fill, h } from './dom.js';
import type { History } from './history.js';

/** A lane a CPU, or a lane a task. */
export type By = 'cpu' | 'task';

/** Of a line of text and of a row's edges, in CSS pixels; style.css has the same. */
const LINE = 20;
const EDGES = 8;
/** Rows made beyond those that can be seen. */
const SPARE = 12;
/** Where changes stand beside the instruction, in characters: further left where a lane is narrow. */
const BESIDE = 31;
const BESIDE_NARROW = 14;
/** The least width of a lane; more lanes scroll sideways. */
const NARROWEST = 230;
/** Of the column with the numbers. */
const NUMBERS = 56;
/** Of a sheet of paper, in CSS pixels. */
const PAPER = 690;
/** Rows that are printed at most: some fifty sheets. */
const SHEETS = 1_000;

/** The rows of a counterexample; only those in sight are in the page, so that it stays fluid however many there are. */
export class Lanes {
  readonly element: HTMLElement;
  private readonly heads = h('div', { class: 'heads', 'aria-hidden': 'true' });
  private readonly space = h('div', { class: 'space', role: 'presentation' });
  /** Where each row begins; one more than there are rows. */
  private tops = new Float64Array(0);
  /** Rows that give the line of the source. */
  private readonly sources: Uint8Array;
  private by: By = 'cpu';
  private lane = 0;
  private character = 8;
  private beside = BESIDE;
  private printing = false;
  private selected = 0;
  private made = new Map<number, HTMLElement>();

  constructor(
    private readonly verdict: Verdict,
    private readonly counterexample: Counterexample,
    private readonly history: History,
    private readonly cpus: readonly number[],
    private readonly choose: (row: number) => void,
  ) {
    this.element = h(
      'div',
      {
        class: 'lanes',
        role: 'listbox',
        tabindex: 0,
        'aria-label': 'Steps of the counterexample',
        onscroll: () => this.draw(),
      },
      this.heads,
      this.space,
    );
    this.space.addEventListener('click', ({ target }) => {
      const row = (target as Element).closest<HTMLElement>('[data-row]');
      if (row) this.choose(Number(row.dataset['row']));
    });
    this.sources = newSources(counterexample.rows);
    new ResizeObserver(() => this.layout()).observe(this.element);
  }

  /** Lanes by CPU or by task. */
  arrange(by: By): void {
    this.by = by;
    this.layout();
  }

  /** Marks a row and brings it into sight. */
  select(row: number): void {
    this.made.get(this.selected)?.setAttribute('aria-selected', 'false');
    this.selected = row;
    const { scrollTop, clientHeight } = this.element;
    const [top, bottom] = [this.tops[row] ?? 0, this.tops[row + 1] ?? 0];
    const room = clientHeight - this.heads.offsetHeight;
    const margin = Math.min(3 * LINE, room / 4);
    if (top - margin < scrollTop) this.element.scrollTop = top - margin;
    else if (bottom + margin > scrollTop + room) this.element.scrollTop = bottom + margin - room;
    this.scrollSideways(row);
    this.draw();
    this.made.get(row)?.setAttribute('aria-selected', 'true');
    this.element.setAttribute('aria-activedescendant', `row-${row}`);
  }

  /** Where there are more lanes than fit, the row's own comes into sight. */
  private scrollSideways(row: number): void {
    const left = this.laneOf(this.counterexample.rows[row]!) * this.lane;
    const { scrollLeft, clientWidth } = this.element;
    if (left < scrollLeft) this.element.scrollLeft = left;
    else if (left + this.lane + NUMBERS > scrollLeft + clientWidth)
      this.element.scrollLeft = left + this.lane + NUMBERS - clientWidth;
  }

  /** The first and the last row in sight. */
  get sight(): readonly [number, number] {
    const { scrollTop, clientHeight } = this.element;
    return [this.rowAt(scrollTop), this.rowAt(scrollTop + clientHeight - this.heads.offsetHeight)];
  }

  /** Paper has no scroll bar: the rows one below the other, but of a very long way only the end, up to the violation. */
  print(): void {
    this.printing = true;
    this.measure(PAPER, 0);
    this.space.style.height = '';
    this.made.clear();
    const { rows, violation } = this.counterexample;
    const from = Math.max(0, violation.row + 1 - SHEETS);
    const printed = rows.slice(from, from + SHEETS).map((row, n) => this.make(row, from + n));
    const left = from + SHEETS < rows.length || from > 0;
    const note = `Rows ${from} to ${from + printed.length - 1} of ${rows.length}`;
    fill(this.space, left && h('p', {}, note), ...printed);
  }

  /** The paper is out. */
  printed(): void {
    this.printing = false;
    this.layout();
  }

  /** Measures, and makes everything anew. */
  layout(): void {
    if (this.printing) return;
    this.measure(this.element.clientWidth, NARROWEST);
    this.space.style.height = `${this.tops.at(-1)}px`;
    this.made.clear();
    fill(this.space);
    this.select(this.selected);
  }

  private measure(width: number, narrowest: number): void {
    const probe = h('span', { class: 'code probe' }, '0'.repeat(100));
    this.element.append(probe);
    this.character = probe.getBoundingClientRect().width / 100 || 8;
    probe.remove();
    const lanes = this.lanes;
    this.lane = Math.max(narrowest, Math.floor((width - NUMBERS) / lanes.length));
    this.beside = Math.round(Math.max(BESIDE_NARROW, Math.min(BESIDE, this.lane / this.character / 2)));
    this.element.style.setProperty('--lanes', `${lanes.length}`);
    this.element.style.setProperty('--lane', `${this.lane}px`);
    this.element.style.setProperty('--beside', `${this.beside}ch`);
    fill(this.heads, h('span', { class: 'n' }, '#'), ...lanes.map((name) => h('span', {}, name)));
    const { rows } = this.counterexample;
    this.tops = new Float64Array(rows.length + 1);
    for (const [n, row] of rows.entries())
      this.tops[n + 1] = this.tops[n]! + this.lines(row, n) * LINE + EDGES;
  }

  private get lanes(): readonly string[] {
    return this.by === 'cpu'
      ? this.cpus.map((cpu) => `cpu ${cpu}`)
      : this.verdict.tasks.map(({ name }) => name);
  }

  private laneOf({ cpu, task }: Row): number {
    return Math.max(0, this.by === 'task' ? task : this.cpus.indexOf(cpu ?? -1));
  }

  /** The lines of text that a row takes. */
  private lines(row: Row, n: number): number {
    const bad = n === this.counterexample.violation.row ? 1 : 0;
    if (isKernel(row)) return bad + (row.changes.length > 0 ? 2 : 1);
    const more = row.kind === 'execute' && row.kernel !== undefined ? 1 : 0;
    return bad + this.sources[n]! + (this.fits(row) ? 1 : 2) + more;
  }

  /** Everything that an instruction did stands beside it. */
  private fits(row: Row): boolean {
    const items = itemsOf(row);
    const code = Math.max(this.beside, codeOf(row).length + 2);
    const length = items.reduce((sum, { text }) => sum + text.length + 2, 0);
    return items.length === 0 || (code + length) * this.character <= this.lane - 26;
  }

  private rowAt(y: number): number {
    let [low, high] = [0, this.tops.length - 1];
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if (this.tops[middle]! <= y) low = middle;
      else high = middle;
    }
    return low;
  }

  private draw(): void {
    const { rows } = this.counterexample;
    const [first, last] = this.sight;
    const from = Math.max(0, first - SPARE);
    const to = Math.min(rows.length - 1, last + SPARE);
    for (const [n, element] of this.made) {
      if (n >= from && n <= to) continue;
      element.remove();
      this.made.delete(n);
    }
    for (let n = from; n <= to; n++) {
      if (this.made.has(n)) continue;
      const element = this.make(rows[n]!, n);
      element.style.transform = `translateY(${this.tops[n]}px)`;
      this.made.set(n, element);
      this.space.append(element);
    }
  }

  private make(row: Row, n: number): HTMLElement {
    const { rows, violation } = this.counterexample;
    const bad = violation.row === n;
    const classes = [
      'row',
      row.kind,
      isKernel(row) ? 'kernel' : 'cell',
      row.abort && 'abort',
      row.kind !== 'signal' && row.signal !== undefined && 'killed',
      bad && 'bad',
      violation.loop !== undefined && n >= violation.loop && 'loop',
    ];
    return h(
      'div',
      {
        id: `row-${n}`,
        class: classes.filter(Boolean).join(' '),
        role: 'option',
        'aria-selected': `${n === this.selected}`,
        'aria-posinset': n + 1,
        'aria-setsize': rows.length,
        'data-row': n,
        style: `height:${this.tops[n + 1]! - this.tops[n]!}px`,
      },
      h(
        'span',
        { class: 'n' },
        `${n}`,
        bad && h('b', {}, '!'),
        n === violation.loop && h('b', { title: LOOP }, '↻'),
      ),
      ...this.bars(row, n),
      isKernel(row) ? this.event(row) : this.cell(row, n),
      bad && h('div', { class: 'violation', title: violation.text }, violation.text),
    );
  }

  /** Who is on which CPU: a bar in the colour of the task; thick where the row's own task is inside a section. */
  private bars(row: Row, n: number): HTMLElement[] {
    const bar = (lane: number, task: number, inside: boolean): HTMLElement =>
      h('i', { class: `bar t${task % 6}${inside ? ' inside' : ''}`, style: `--at:${lane}` });
    return [...this.history.occupants].flatMap(([cpu, tasks]) => {
      const task = tasks[n]!;
      if (task < 0) return [];
      const inside = task === row.task ? row.section !== undefined : this.insideAt(task, n);
      return [bar(this.by === 'cpu' ? this.cpus.indexOf(cpu) : task, task, inside)];
    });
  }

  private insideAt(task: number, n: number): boolean {
    const last = this.history.rows[task]?.at(n);
    const row = last === undefined ? undefined : this.counterexample.rows[last];
    return row?.section !== undefined && row.abort === undefined;
  }

  private event(row: Row): HTMLElement {
    const name = taskName(this.verdict, row.task);
    const changes = row.changes.map((change) => changeText(change, '→')).join(', ');
    return h(
      'div',
      { class: 'event' },
      h('i', { class: 'spacer', style: `flex-basis:${this.laneOf(row) * this.lane}px` }),
      h(
        'div',
        { class: 'words', title: [kernelText(row), changes].filter(Boolean).join('\n') },
        h('b', { class: `who t${row.task % 6}` }, name),
        ` ${arrows(kernelText(row))}`,
        changes !== '' && h('div', { class: 'code did' }, changes),
      ),
    );
  }

  private cell(row: Row, n: number): HTMLElement {
    const { source } = row;
    const items = itemsOf(row).map(({ text, kind }) => h('span', { class: `item ${kind}` }, text));
    const code = h('span', { class: 'text' }, codeOf(row));
    const beside = this.fits(row);
    return h(
      'div',
      { class: 'code', style: `--at:${this.laneOf(row)}` },
      this.sources[n] === 1 &&
        h(
          'div',
          { class: 'source', title: `${source!.file}:${source!.line}` },
          h('span', {}, sourceText(source!)),
          source!.text ?? '',
        ),
      h('div', { class: 'instruction' }, code, ...(beside ? items : [])),
      !beside && h('div', { class: 'below' }, ...items),
      row.kind === 'execute' && row.kernel !== undefined && h('div', { class: 'did' }, `⇒ ${row.kernel}`),
    );
  }
}

export const LOOP = 'from here it repeats for ever';

/** In its best type. */
export const arrows = (text: string): string => text.replaceAll('->', '→');

const codeOf = (row: Row): string => (row.kind === 'execute' ? (row.text ?? row.place) : kernelText(row));

const itemsOf = ({ reads = [], changes }: Row): { readonly text: string; readonly kind: string }[] => [
  ...reads.map((read) => ({ text: readText(read), kind: 'read' })),
  ...changes.map((change) => ({ text: changeText(change, '→'), kind: change.kind })),
];

/** 1 for the rows whose line of the source is another than that of the same task's row before. */
function newSources(rows: readonly Row[]): Uint8Array {
  const result = new Uint8Array(rows.length);
  let [last, shown] = [-1, ''];
  for (const [n, { kind, task, source }] of rows.entries()) {
    const key = source === undefined ? '' : `${source.file}:${source.line}`;
    if (kind === 'execute' && source !== undefined && (task !== last || key !== shown)) result[n] = 1;
    [last, shown] = kind === 'execute' ? [task, key] : [-1, ''];
  }
  return result;
}
