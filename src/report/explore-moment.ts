import { printableData } from '../binary/printable.js';
import type { Moment, TaskMoment } from '../explore/moment.js';
import type { Row, Verdict } from '../explore/timeline.js';
import { changeText, kernelText, readText, sourceText, taskName, valueText } from './explore-rows.js';
import type { Style } from './style.js';

const REGISTERS_A_LINE = 3;

/** One row of a counterexample in one line. */
export function rowLine(verdict: Verdict, row: Row, n: number): string {
  const { task, cpu, place, source, text, reads = [], changes } = printableData(row);
  const what = row.kind === 'execute' ? `${place}${source ? ` (${sourceText(source)})` : ''}: ${text}` : '';
  const kernel = kernelText(printableData(row));
  const done = [...reads.map(readText), ...changes.map((change) => changeText(change))].join(', ');
  const name = printableData(taskName(verdict, task));
  return [
    `${n}`.padStart(`${verdict.counterexample?.rows.length ?? 0}`.length),
    cpu === undefined ? 'cpu -' : `cpu ${cpu}`,
    `${name}:`,
    [what, kernel].filter((each) => each !== '').join(' => '),
    ...(done === '' ? [] : [` ${done}`]),
  ].join(' ');
}

/** Every row with its number. */
export const listText = (verdict: Verdict): string =>
  verdict.counterexample!.rows.map((row, n) => `${rowLine(verdict, row, n)}\n`).join('');

/** Every task and the watched memory, behind a row or (row -1) at the beginning. */
export function momentText(verdict: Verdict, moment: Moment, style: Style): string {
  const { row } = moment;
  const { rows } = verdict.counterexample!;
  const head = row < 0 ? 'at the beginning' : `behind row ${rowLine(verdict, rows[row]!, row).trimStart()}`;
  return `${[style.bold(head), ...momentLines(moment, style)].join('\n')}\n`;
}

const AROUND = 4;

/** The same for a screen: the rows around, and registers of the task that has just acted only. */
export function screenLines(verdict: Verdict, moment: Moment, style: Style): string[] {
  const { row } = moment;
  const { rows, violation } = verdict.counterexample!;
  const from = Math.max(0, Math.min(row - AROUND, rows.length - 2 * AROUND - 1));
  const shown = rows.slice(from, from + 2 * AROUND + 1).map((each, n) => {
    const at = from + n;
    const line = `${at === row ? '>' : ' '} ${rowLine(verdict, each, at)}`;
    if (at === row) return style.bold(line);
    return each.abort === undefined ? line : style.warning(line);
  });
  const end = row === violation.row ? [style.error(`  ${printableData(violation.text)}`)] : [];
  const { tasks, memory } = printableData(moment);
  const acting = rows[row]?.task ?? 0;
  return [
    ...shown,
    ...end,
    `${style.bold('memory')}: ${memory.map(({ name, value }) => `${name} = ${valueText(value)}`).join(', ')}`,
    ...taskLines(tasks[acting]!, style, true),
    ...tasks.flatMap((task, n) => (n === acting ? [] : taskLines(task, style, false))),
  ];
}

function momentLines(moment: Moment, style: Style): string[] {
  const { tasks, memory } = printableData(moment);
  const width = Math.max(0, ...memory.map(({ name }) => name.length));
  return [
    ...tasks.flatMap((task) => taskLines(task, style, true)),
    style.bold('memory'),
    ...memory.map(({ name, value }) => `  ${name.padEnd(width)} = ${valueText(value)}`),
  ];
}

function taskLines(task: TaskMoment, style: Style, all: boolean): string[] {
  const { at, armed, own, waits = [], signals, results, registers } = task;
  return [
    `${style.bold(`task ${task.name}`)}: ${stateOf(task)}`,
    ...(at === undefined
      ? []
      : [
          `  next      ${at.place}${sourceOf(at)}`,
          `            ${at.text}`,
          ...(all ? registerLines(registers) : []),
        ]),
    ...(at === undefined
      ? []
      : [`  rseq_cs   ${armed === undefined ? unarmedText(task) : armedText(armed)}`]),
    ...own.map(
      ({ name, before, now }, n) =>
        `  ${(n === 0 ? 'own' : '').padEnd(10)}${name} ${valueText(before)} -> ${valueText(now)}`,
    ),
    ...waits.map(
      ({ name, before, now }, n) =>
        `  ${(n === 0 ? 'waits' : '').padEnd(10)}${name} ${valueText(before)} -> ${valueText(now)}, in the store buffer`,
    ),
    ...(signals.length === 0 ? [] : [`  signals   ${signals.join(', ')} may still arrive`]),
    ...(results.length === 0 ? [] : [`  results   ${results.map(valueText).join(', ')}`]),
  ];
}

function stateOf({ state, cpu }: TaskMoment): string {
  if (state === 'running') return `on CPU ${cpu}`;
  if (state === 'finished') return 'has finished';
  if (state === 'asleep') return 'sleeps in a system call';
  return cpu === undefined ? 'has not begun' : `has no CPU, was on ${cpu}`;
}

const sourceOf = ({ source }: NonNullable<TaskMoment['at']>): string =>
  source === undefined
    ? ''
    : ` (${sourceText(source)}${source.text === undefined ? '' : `: ${source.text}`})`;

const unarmedText = ({ section }: TaskMoment): string =>
  section === undefined ? '0' : `0: nothing protects the task, though it is in section ${section}`;

const armedText = ({ descriptor, section, inside }: NonNullable<TaskMoment['armed']>): string =>
  section === undefined
    ? `${descriptor}, which names no section`
    : `${descriptor}: section ${section}, the task is ${inside ? 'inside' : 'outside'}`;

function registerLines(registers: TaskMoment['registers']): string[] {
  const cells = registers.map(([name, value]) => `${name.padStart(6)} ${value.slice(2).padStart(16, '0')}`);
  return Array.from(
    { length: Math.ceil(cells.length / REGISTERS_A_LINE) },
    (_, line) => `    ${cells.slice(REGISTERS_A_LINE * line, REGISTERS_A_LINE * (line + 1)).join(' ')}`,
  );
}
