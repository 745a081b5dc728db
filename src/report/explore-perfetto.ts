import type { Counterexample, ExploreDocument, Row, Verdict } from '../explore/timeline.js';
import { changeText, cpusOf, isKernel, kernelText, readText, sourceText, taskName } from './explore-rows.js';

/**
 * For ui.perfetto.dev and chrome://tracing: the Trace Event Format in JSON ("Trace Event Format", Nat Duca and others). Perfetto's
 * JsonTraceParserImpl wants the slices of a thread to nest, and of two that begin together the outer one first. A row takes one microsecond: the
 * search knows an order, no times. A process for the CPUs with a thread each, one for the tasks, counters for the watched memory; a second
 * counterexample of the same document has processes of its own.
 */
export function explorePerfetto(document: ExploreDocument): string {
  const traceEvents = document.results.flatMap((verdict, n) =>
    verdict.counterexample === undefined
      ? []
      : eventsOf(verdict, verdict.counterexample, n, document.results.length > 1),
  );
  const otherData = {
    schema: 'rseqlab.explore/1',
    version: document.version,
    file: document.file,
    verdicts: document.results
      .map(({ scenario, verdict, sentence }) => `${scenario}: ${verdict}: ${sentence}`)
      .join('\n'),
  };
  return `${JSON.stringify({ displayTimeUnit: 'ns', otherData, traceEvents })}\n`;
}

/** In microseconds. */
type Time = number;

/** The kinds of the format that are used: complete (slice), instant, counter, metadata, flow start and end. */
interface TraceEvent {
  readonly ph: 'X' | 'i' | 'C' | 'M' | 's' | 'f';
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: Time;
  readonly dur?: Time;
  readonly name: string;
  readonly cat?: string;
  readonly args?: Readonly<Record<string, unknown>>;
  /** Of an instant: as wide as its thread or its process. */
  readonly s?: 't' | 'p';
  /** Of a flow. */
  readonly id?: number;
  /** A flow's end binds to the slice around it. */
  readonly bp?: 'e';
}

/** A row lasts this long. */
const ROW: Time = 1;

function eventsOf(
  verdict: Verdict,
  counterexample: Counterexample,
  n: number,
  several: boolean,
): TraceEvent[] {
  const scope = several ? `${verdict.scenario}: ` : '';
  const tracks = new Tracks(verdict, counterexample, 1 + 2 * n);
  return [
    ...tracks.names(scope),
    ...tracks.stays(),
    ...tracks.sections(),
    ...tracks.rows(),
    ...tracks.memory(),
  ];
}

class Tracks {
  private readonly tasksPid: number;

  constructor(
    private readonly verdict: Verdict,
    private readonly counterexample: Counterexample,
    private readonly cpusPid: number,
  ) {
    this.tasksPid = cpusPid + 1;
  }

  names(scope: string): TraceEvent[] {
    const { cpusPid, tasksPid } = this;
    const name = (
      ph: 'process_name' | 'thread_name',
      pid: number,
      text: string,
      tid?: number,
    ): TraceEvent => ({
      ph: 'M',
      pid,
      ...(tid !== undefined && { tid }),
      name: ph,
      args: { name: text },
    });
    return [
      name('process_name', cpusPid, `${scope}CPUs`),
      ...cpusOf(this.counterexample).map((cpu) =>
        name('thread_name', cpusPid, `cpu ${cpu}`, this.cpuTid(cpu)),
      ),
      name('process_name', tasksPid, `${scope}tasks`),
      ...this.verdict.tasks.map((task, n) => name('thread_name', tasksPid, task.name, this.taskTid(n))),
    ];
  }

  /** From a task's coming onto a CPU to its leaving: on the CPU's track the task, on the task's the CPU. A migration is an arrow. */
  stays(): TraceEvent[] {
    const { rows } = this.counterexample;
    const events: TraceEvent[] = [];
    const since = new Map<number, { readonly cpu: number; readonly from: number }>();
    const leave = (task: number, to: number): void => {
      const stay = since.get(task);
      if (stay === undefined) return;
      since.delete(task);
      const time = { ts: stay.from * ROW, dur: (to - stay.from) * ROW };
      events.push(
        {
          ph: 'X',
          pid: this.cpusPid,
          tid: this.cpuTid(stay.cpu),
          ...time,
          name: taskName(this.verdict, task),
          cat: 'task',
        },
        {
          ph: 'X',
          pid: this.tasksPid,
          tid: this.taskTid(task),
          ...time,
          name: `cpu ${stay.cpu}`,
          cat: 'cpu',
        },
      );
    };
    for (const [n, { task, cpu, kind, migrate }] of rows.entries()) {
      if (cpu !== undefined && since.get(task)?.cpu !== cpu) {
        leave(task, n);
        since.set(task, { cpu, from: n });
      }
      if (migrate !== undefined) events.push(...this.arrow(n, task));
      if (kind === 'preempt' || kind === 'end') leave(task, n + 1);
    }
    for (const task of [...since.keys()]) leave(task, rows.length);
    return events;
  }

  private arrow(n: number, task: number): TraceEvent[] {
    const { rows } = this.counterexample;
    const left = rows.slice(0, n).findLastIndex((row) => row.task === task);
    const from = rows[left]?.cpu;
    const to = rows[n]!.cpu;
    if (from === undefined || to === undefined) return [];
    const flow = { pid: this.cpusPid, name: 'migrate', cat: 'migrate', id: this.cpusPid * 1_000_000 + n };
    return [
      { ph: 's', ...flow, tid: this.cpuTid(from), ts: left * ROW + ROW / 2 },
      { ph: 'f', bp: 'e', ...flow, tid: this.cpuTid(to), ts: n * ROW + ROW / 2 },
    ];
  }

  /** On the task's track: from its first row inside a section to the one after which it is inside no more. */
  sections(): TraceEvent[] {
    const { rows } = this.counterexample;
    return this.verdict.tasks.flatMap((_, task) => {
      const own = [...rows.entries()].filter(([, row]) => row.task === task);
      const events: TraceEvent[] = [];
      for (let from = 0; from < own.length; ) {
        const { section } = own[from]![1];
        let to = from;
        // Within a stay on one CPU: slices of a track must nest.
        while (own[to]![1].abort === undefined && continues(own[to]![1], own[to + 1]?.[1])) to++;
        if (section !== undefined) {
          const [first, last] = [own[from]![0], own[to]![0]];
          events.push({
            ph: 'X',
            pid: this.tasksPid,
            tid: this.taskTid(task),
            ts: first * ROW,
            dur: (last - first + 1) * ROW,
            name: `section ${section}`,
            cat: 'section',
          });
        }
        from = to + 1;
      }
      return events;
    });
  }

  /** Instructions as slices; what the kernel does as instants, aborts and the violation in their own names. */
  rows(): TraceEvent[] {
    const { rows, violation } = this.counterexample;
    return rows.flatMap((row, n) => {
      const events: TraceEvent[] = [];
      const both = (event: Omit<TraceEvent, 'pid' | 'tid'>): void => {
        if (row.cpu !== undefined) events.push({ ...event, pid: this.cpusPid, tid: this.cpuTid(row.cpu) });
        events.push({ ...event, pid: this.tasksPid, tid: this.taskTid(row.task) });
      };
      const args = argumentsOf(row, n);
      const at = { ts: n * ROW };
      const instant = (name: string, cat: string): void =>
        both({ ph: 'i', s: 't', ts: at.ts + ROW / 2, name, cat, args });
      if (!isKernel(row))
        both({ ph: 'X', ...at, dur: ROW, name: row.text ?? kernelText(row), cat: row.kind, args });
      else instant(`${taskName(this.verdict, row.task)}: ${kernelText(row)}`, row.kind);
      if (row.abort !== undefined) instant(`abort ${row.abort.from} -> ${row.abort.to}`, 'abort');
      if (n === violation.row) instant(`violation: ${violation.text}`, 'violation');
      return events;
    });
  }

  /** A counter a watched piece; a number holds 53 bits, which is what a curve can show. */
  memory(): TraceEvent[] {
    const { watched, rows } = this.counterexample;
    const counter = (name: string, ts: Time, value: string): TraceEvent => ({
      ph: 'C',
      pid: this.tasksPid,
      ts,
      name,
      args: { value: Number(BigInt.asIntN(64, BigInt(value))) },
    });
    return [
      ...watched.map(({ name, initial }) => counter(name, 0, initial)),
      ...rows.flatMap(({ changes }, n) =>
        changes
          .filter(({ kind }) => kind === 'memory')
          .map(({ name, after }) => counter(name, (n + 1) * ROW, after)),
      ),
    ];
  }

  // Perfetto knows a thread by its number alone, and takes one that has the number of its process for the main one: these are unique and never that.
  private readonly cpuTid = (cpu: number): number => 1_000 * this.cpusPid + cpu;
  private readonly taskTid = (task: number): number => 1_000 * this.tasksPid + task;
}

/** Both rows of a task stand in the same section, on the same CPU, without having left it in between. */
const continues = (row: Row, next: Row | undefined): boolean =>
  next !== undefined &&
  next.section === row.section &&
  next.cpu === row.cpu &&
  row.kind !== 'preempt' &&
  next.kind !== 'resume';

const argumentsOf = (row: Row, n: number): Record<string, unknown> => ({
  row: n,
  place: row.place,
  ip: row.ip,
  ...(row.source !== undefined && { source: `${sourceText(row.source)} ${row.source.text ?? ''}`.trim() }),
  ...(row.section !== undefined && { section: row.section }),
  ...(row.kernel !== undefined && { kernel: row.kernel }),
  ...((row.reads ?? []).length > 0 && { read: row.reads!.map(readText).join(', ') }),
  ...(row.changes.length > 0 && { changed: row.changes.map((change) => changeText(change)).join(', ') }),
});
