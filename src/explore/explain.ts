import type { Counterexample, Read, Row, TaskInfo } from './timeline.js';

/** A read, a later store of the same task to the same place, and somebody else's store in between: the pattern of a lost update. */
interface Lost {
  readonly read: number;
  readonly between: number;
  readonly store: number;
  readonly name: string;
}

/** What went wrong, in one sentence that names tasks, data and places. */
export function explain(
  rows: readonly Row[],
  tasks: readonly TaskInfo[],
  violation: Counterexample['violation'],
): string {
  const name = (row: Row): string => `task ${tasks[row.task]?.name ?? row.task}`;
  const last = rows[violation.row];
  if (violation.kind === 'crash' || violation.kind === 'rseq')
    return last === undefined ? violation.text : `${name(last)} at ${last.place}: ${violation.text}`;
  const lost = lostUpdate(rows);
  if (lost !== undefined) {
    const [read, between, store] = [rows[lost.read]!, rows[lost.between]!, rows[lost.store]!];
    const who = between.task === store.task ? 'a signal handler of the same task' : name(between);
    return `${name(read)} read ${lost.name} at ${read.place} and stored it at ${store.place}; in between ${who} stored it at ${between.place}, and ${why(rows, lost)}`;
  }
  const late = lateStore(rows);
  if (late !== undefined) {
    const [put, between] = [rows[late.put]!, rows[late.between]!];
    const did = late.reads ? 'read the old value' : 'stored it';
    return `${name(put)} stored ${late.name} at ${put.place}, and the store waited in its store buffer; meanwhile ${name(between)} ${did} at ${between.place}`;
  }
  if (violation.kind === 'deadlock') return 'no task can go on, and not all have finished';
  if (violation.kind === 'livelock')
    return 'tasks run for ever without getting on, though nobody interrupts them any more';
  return violation.text;
}

/** A store that others did not see for a while: its instruction's row, and that of another task's access in between. */
interface Late {
  readonly put: number;
  readonly between: number;
  readonly name: string;
  /** The other one read; else it stored. */
  readonly reads: boolean;
}

function lateStore(rows: readonly Row[]): Late | undefined {
  const puts = putsOf(rows);
  for (const reads of [true, false])
    for (const [flush, put] of puts)
      for (const { name } of rows[flush]!.changes) {
        const { task } = rows[put]!;
        const between = rows.findIndex(
          (row, n) =>
            n > put && n < flush && row.task !== task && (reads ? hasRead(row, name) : stores(row, name)),
        );
        // A store by way of a store buffer is told where its instruction stands.
        if (between >= 0) return { put, between, name, reads };
      }
  return undefined;
}

/** Of each row in which a store leaves a store buffer, the row of its instruction. */
function putsOf(rows: readonly Row[]): Map<number, number> {
  const puts = new Map<number, number>();
  const waiting = new Map<number, number[]>();
  for (const [n, { task, kind, changes }] of rows.entries()) {
    const queue = waiting.get(task) ?? [];
    waiting.set(task, queue);
    if (kind === 'flush') puts.set(n, queue.splice(0, changes.length)[0] ?? n);
    for (const change of changes) if (change.kind === 'buffer') queue.push(n);
  }
  return puts;
}

function lostUpdate(rows: readonly Row[]): Lost | undefined {
  const puts = putsOf(rows);
  for (let store = rows.length - 1; store >= 0; store--) {
    const at = rows[store]!;
    for (const { kind, name } of at.changes) {
      if (kind !== 'memory') continue;
      const read = rows.findLastIndex(
        (row, n) =>
          n <= (puts.get(store) ?? store) &&
          row.task === at.task &&
          hasRead(row, name) &&
          !hasStoredSince(rows, n, store, at.task, name),
      );
      if (read < 0 || read === store) continue;
      const between = rows.findIndex((row, n) => n > read && n < store && stores(row, name));
      if (between >= 0) return { read, between, store, name };
    }
  }
  return undefined;
}

const hasRead = ({ reads }: Row, name: string): boolean =>
  reads?.some((each: Read) => each.name === name) === true;
const stores = ({ changes }: Row, name: string): boolean =>
  changes.some((each) => each.kind === 'memory' && each.name === name);
const hasStoredSince = (
  rows: readonly Row[],
  from: number,
  to: number,
  task: number,
  name: string,
): boolean =>
  rows.some(
    (row, n) =>
      n >= from &&
      n < to &&
      row.task === task &&
      row.signal === undefined &&
      stores(row, name) &&
      !inHandler(rows, n, task, from),
  );

/** Between the read and here a signal has come to the task: this row may be its handler's. */
const inHandler = (rows: readonly Row[], at: number, task: number, from: number): boolean =>
  rows.some((row, n) => n > from && n < at && row.task === task && row.kind === 'signal');

/** Why nothing stopped the store. */
function why(rows: readonly Row[], { read, store }: Lost): string {
  const [from, to] = [rows[read]!, rows[store]!];
  if (to.section === undefined && from.section === undefined) return 'no section protects the two';
  if (from.section === undefined)
    return `the read stands in front of section ${to.section}, so no abort takes it back`;
  if (to.section === undefined)
    return `the store stands behind the end of section ${from.section}, where nothing aborts it`;
  const interrupted = rows.some(
    ({ kind, task }, n) =>
      n > read &&
      n < store &&
      task === to.task &&
      (kind === 'preempt' || kind === 'resume' || kind === 'signal'),
  );
  const stopped = rows.some(
    ({ kind, task, signal }, n) =>
      n > read && n < store && task === to.task && kind === 'signal' && signal === 'tracer',
  );
  if (stopped)
    return `a tracer had stopped the task in section ${to.section} and let it go on there, with an rseq_cs that did not name the section: so the kernel did not abort it`;
  if (interrupted)
    return `though the task was interrupted in section ${to.section}, the kernel did not abort it: rseq_cs did not name the section then`;
  return `section ${to.section} does not find out: it is for tasks of one CPU, and the other ran on another one`;
}
