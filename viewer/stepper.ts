import type { Counterexample, Verdict } from '../src/explore/timeline.js';
import { abortsOf, changeText, cpusOf, kernelText, readText, taskName } from '../src/report/explore-rows.js';
import { h } from './dom.js';
import { History } from './history.js';
import { button, type Command } from './keys.js';
import { type By, Lanes } from './lanes.js';
import { Overview } from './overview.js';
import { Panel } from './panel.js';

/** Browsers limit how often the address may change: it does when a reader rests, in milliseconds. */
const REST = 400;
/** Steps of PageDown and PageUp. */
const PAGE = 10;

/** A counterexample to walk through. */
export class Stepper {
  readonly element: HTMLElement;
  readonly commands: readonly Command[];
  private row = 0;
  private remembering: ReturnType<typeof setTimeout> | undefined;
  private by: By = 'cpu';
  private readonly lanes: Lanes;
  private readonly overview: Overview;
  private readonly panel: Panel;
  private readonly split: HTMLElement;
  private readonly live = h('p', { class: 'unseen', 'aria-live': 'polite' });
  private readonly number = h('input', {
    type: 'number',
    min: 0,
    'aria-label': 'Step number',
    onchange: () => this.go(Number(this.number.value)),
  });

  constructor(
    private readonly verdict: Verdict,
    private readonly counterexample: Counterexample,
  ) {
    const cpus = cpusOf(counterexample);
    const history = new History(verdict, counterexample, cpus);
    const go = (row: number): void => this.go(row);
    this.lanes = new Lanes(verdict, counterexample, history, cpus, go);
    this.overview = new Overview(counterexample, history, go);
    this.panel = new Panel(verdict, counterexample, history, go);
    this.lanes.element.addEventListener('scroll', () => this.showOverview());
    this.commands = this.makeCommands();
    this.number.max = `${this.last}`;
    const buttons = this.commands.filter((command) => command.button !== undefined).map(button);
    this.split = h('div', { class: 'split' }, this.lanes.element, this.panel.element);
    this.element = h(
      'main',
      { class: 'stepper' },
      h(
        'div',
        { class: 'tools' },
        h(
          'div',
          { class: 'buttons', role: 'toolbar', 'aria-label': 'Step through the counterexample' },
          ...buttons,
          h('label', {}, 'step ', this.number, ` of ${this.last}`),
        ),
        this.overview.element,
      ),
      this.split,
      this.live,
    );
  }

  /** To be called once it stands in the page. */
  start(): void {
    this.fit();
    const asked = /^#step=(\d+)$/.exec(location.hash)?.[1];
    this.go(asked === undefined ? 0 : Number(asked));
  }

  /** Other colours. */
  repaint(): void {
    this.overview.repaint();
  }

  print(): void {
    this.lanes.print();
  }

  printed(): void {
    this.lanes.printed();
  }

  /** The lanes take what the window leaves them. */
  fit(): void {
    this.element.style.setProperty('--above', `${this.split.getBoundingClientRect().top + scrollY}px`);
    this.lanes.layout();
  }

  private get last(): number {
    return this.counterexample.rows.length - 1;
  }

  private go(wanted: number): void {
    this.row = Math.max(0, Math.min(this.last, Number.isFinite(wanted) ? Math.round(wanted) : this.row));
    this.lanes.select(this.row);
    this.panel.show(this.row);
    this.number.value = `${this.row}`;
    this.live.textContent = this.sentence();
    this.showOverview();
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => this.remember(), REST);
  }

  /** The address names the step, for a bookmark. */
  private remember(): void {
    try {
      history.replaceState(null, '', `#step=${this.row}`);
    } catch {
      // Some browsers do not let a file do that: the page works without.
    }
  }

  private showOverview(): void {
    this.overview.show(this.row, this.lanes.sight, this.sentence());
  }

  /** The row, for those who hear it. */
  private sentence(): string {
    const { rows, violation } = this.counterexample;
    const row = rows[this.row]!;
    const parts = [
      `Step ${this.row}: ${taskName(this.verdict, row.task)}${row.cpu === undefined ? '' : ` on cpu ${row.cpu}`}`,
      row.text,
      kernelText(row),
      ...(row.reads ?? []).map(readText),
      ...row.changes.map((change) => changeText(change, 'to')),
      this.row === violation.row ? violation.text : '',
    ];
    return parts.filter(Boolean).join('; ');
  }

  /** The next abort behind (or the last before) the row; at the end it begins anew. */
  private abort(forward: boolean): void {
    const aborts = abortsOf(this.counterexample);
    const next = forward
      ? (aborts.find((n) => n > this.row) ?? aborts[0])
      : (aborts.findLast((n) => n < this.row) ?? aborts.at(-1));
    if (next === undefined) this.live.textContent = 'No section is aborted in this counterexample.';
    else this.go(next);
  }

  private makeCommands(): Command[] {
    const step = (by: number) => () => this.go(this.row + by);
    const aborts = abortsOf(this.counterexample).length > 0;
    return [
      { keys: ['Home'], text: 'first step', button: '|◀', run: () => this.go(0) },
      { keys: ['ArrowUp', 'ArrowLeft', 'k'], text: 'step back', button: '◀ back', run: step(-1) },
      { keys: ['ArrowDown', 'ArrowRight', 'j'], text: 'step forward', button: 'forward ▶', run: step(1) },
      { keys: ['End'], text: 'last step', button: '▶|', run: () => this.go(this.last) },
      { keys: ['PageDown'], text: 'ten steps forward', run: step(PAGE) },
      { keys: ['PageUp'], text: 'ten steps back', run: step(-PAGE) },
      {
        keys: ['a'],
        text: 'next abort',
        ...(aborts && { button: 'next abort' }),
        run: () => this.abort(true),
      },
      { keys: ['A'], text: 'previous abort', run: () => this.abort(false) },
      {
        keys: ['v'],
        text: 'where it goes wrong',
        button: 'violation',
        run: () => this.go(this.counterexample.violation.row),
      },
      {
        keys: ['l'],
        text: 'lanes by CPU or by task',
        button: 'by task',
        run: () => {
          this.by = this.by === 'cpu' ? 'task' : 'cpu';
          this.lanes.arrange(this.by);
          this.showOverview();
        },
      },
    ];
  }
}
