import type { Counterexample, Row, Verdict } from '../src/explore/timeline.js';
import {
  changeText,
  kernelText,
  readText,
  sourceText,
  taskName,
  valueText,
} from '../src/report/explore-rows.js';
import { fill, h } from './dom.js';
import type { History } from './history.js';
import { arrows, LOOP } from './lanes.js';

/** What there is to know after one row: the row itself, the memory watched, the tasks. */
export class Panel {
  readonly element = h('aside', { class: 'panel', 'aria-label': 'After this step' });
  private readonly now = h('section', { 'aria-labelledby': 'now' });
  private readonly watch = h('tbody');
  private readonly tasks = h('section', { 'aria-labelledby': 'tasks' });

  constructor(
    private readonly verdict: Verdict,
    private readonly counterexample: Counterexample,
    private readonly history: History,
    private readonly choose: (row: number) => void,
  ) {
    const head = h('tr', {}, ...['memory', 'value'].map((text) => h('th', { scope: 'col' }, text)));
    this.element.append(
      this.now,
      h(
        'section',
        { 'aria-labelledby': 'watch' },
        h('h2', { id: 'watch' }, 'Memory watch'),
        counterexample.watched.length === 0
          ? h('p', { class: 'dim' }, 'The tasks share no memory that is written.')
          : h('table', {}, h('thead', {}, head), this.watch),
      ),
      this.tasks,
    );
  }

  show(n: number): void {
    const row = this.counterexample.rows[n]!;
    this.showNow(row, n);
    this.showWatch(row, n);
    this.showTasks(row, n);
  }

  private showNow(row: Row, n: number): void {
    const { rows, violation } = this.counterexample;
    const { source, reads = [], changes, cpu } = row;
    const entry = (head: string, ...text: readonly (string | Node)[]): HTMLElement =>
      h('div', {}, h('dt', {}, head), h('dd', {}, ...text));
    const code = (text: string): HTMLElement => h('span', { class: 'code' }, text);
    const who = h('b', { class: `who t${row.task % 6}` }, taskName(this.verdict, row.task));
    fill(
      this.now,
      h('h2', { id: 'now' }, `Step ${n}`, h('span', { class: 'dim' }, ` of ${rows.length - 1}`)),
      violation.loop !== undefined &&
        n >= violation.loop &&
        h('p', { class: 'alarm' }, n === violation.loop ? LOOP : 'in the loop'),
      n === violation.row && h('p', { class: 'alarm' }, violation.text),
      h(
        'dl',
        {},
        entry('task', who, cpu === undefined ? ' on no CPU' : ` on cpu ${cpu}`),
        entry('at', code(row.place), h('span', { class: 'dim code' }, ` ${row.ip}`)),
        ...(row.section === undefined ? [] : [entry('inside', 'section ', code(row.section))]),
        ...(source === undefined
          ? []
          : [
              entry(
                'source',
                h('span', { title: source.file }, sourceText(source)),
                ' ',
                code(source.text ?? ''),
              ),
            ]),
        ...(row.text === undefined ? [] : [entry('instruction', code(row.text))]),
        ...(kernelText(row) === '' ? [] : [entry('kernel', arrows(kernelText(row)))]),
        ...reads.map((read) => entry('read', code(readText(read)))),
        ...changes.map((change) => entry('changed', code(changeText(change, '→')))),
      ),
    );
  }

  private showWatch(row: Row, n: number): void {
    const changed = new Set(row.changes.filter(({ kind }) => kind === 'memory').map(({ name }) => name));
    const read = new Set((row.reads ?? []).map(({ name }) => name));
    fill(
      this.watch,
      ...this.counterexample.watched.map(({ name, address, size, initial }) => {
        const track = this.history.memory.get(name);
        const value = track?.at(n) ?? initial;
        const next = track?.next(n);
        const label = h('span', { class: 'code' }, name);
        return h(
          'tr',
          { 'data-name': name, class: changed.has(name) ? 'changed' : read.has(name) ? 'read' : undefined },
          h(
            'th',
            { scope: 'row', title: `${address}, ${size} bytes` },
            next === undefined
              ? label
              : h(
                  'button',
                  { class: 'link', title: 'Go to its next change', onclick: () => this.choose(next) },
                  label,
                ),
          ),
          h(
            'td',
            { class: 'code' },
            h('b', {}, valueText(value)),
            value !== initial && h('span', { class: 'dim' }, ` was ${valueText(initial)}`),
          ),
        );
      }),
    );
  }

  private showTasks(row: Row, n: number): void {
    fill(
      this.tasks,
      h('h2', { id: 'tasks' }, 'Tasks'),
      ...this.verdict.tasks.map(({ name }, task) =>
        h(
          'details',
          { open: task === row.task },
          h('summary', {}, h('b', { class: `who t${task % 6}` }, name), ` ${this.stateOf(task, n)}`),
          this.registers(task, n),
        ),
      ),
    );
  }

  private stateOf(task: number, n: number): string {
    const last = this.history.rows[task]?.at(n);
    if (last === undefined) return 'has not started';
    const row = this.counterexample.rows[last]!;
    if (row.kind === 'end') return kernelText(row);
    if (row.kind === 'preempt') return `waits at ${row.abort?.to ?? row.place}`;
    const where = row.abort?.to ?? row.place;
    const inside = row.section !== undefined && row.abort === undefined ? ', inside a section' : '';
    return `${row.cpu === undefined ? 'on no CPU' : `on cpu ${row.cpu}`}, ${where}${inside}`;
  }

  private registers(task: number, n: number): HTMLElement {
    const known = [...(this.history.registers[task] ?? [])].flatMap(([name, track]) => {
      const value = track.at(n);
      return value === undefined ? [] : [h('span', {}, `${name} `, h('b', {}, valueText(value)))];
    });
    return known.length === 0
      ? h('p', { class: 'dim' }, 'It has changed no register yet.')
      : h('p', { class: 'registers code' }, ...known);
  }
}
