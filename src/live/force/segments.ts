import type { Row } from '../../explore/timeline.js';
import { Refused } from '../refused.js';

/** What one task does of a counterexample until another one goes on, or something happens to it. */
export interface Segment {
  readonly task: number;
  readonly cpu: number;
  /** A signal that it begins with. */
  readonly signal?: string;
  /** Its instructions: indexes of rows. */
  rows: number[];
  /**
   * end: it runs to its end; preempt, signal: that happens behind it; pause: another one goes on, while nothing happens to it.
   */
  end: 'end' | 'preempt' | 'signal' | 'pause';
  /** The row in front of whose instruction it stops; undefined where it runs to its end. */
  stop?: number;
}

/**
 * A counterexample as turns of its tasks, as few as can be: instructions that nobody else can notice are done as late as the task's next turn, so that it stops where
 * a stop does no harm, if there is such a place. Throws Refused.
 */
export function segmentsOf(rows: readonly Row[]): readonly Segment[] {
  let segments = split(rows);
  for (let n = 0; n < segments.length; n++) postpone(rows, segments, n);
  segments = joined(segments.filter(({ rows, signal, end }) => rows.length > 0 || signal !== undefined || end !== 'pause')); // biome-ignore format: one rule
  for (const [index, segment] of segments.entries())
    if (segment.end !== 'end') segment.stop ??= stopOf(segments, index);
  for (const index of segments.keys()) makeWay(rows, segments, index);
  return segments;
}

/** It waits in a section, where another one passes: perhaps it may wait further on. */
function makeWay(rows: readonly Row[], segments: readonly Segment[], index: number): void {
  const segment = segments[index]!;
  const waits = (): boolean => segment.end === 'pause' && rows[segment.stop!]?.section !== undefined;
  const next = segments[nextOf(segments, index)];
  if (next === undefined || next.signal !== undefined) return;
  const before = { own: [...segment.rows], next: [...next.rows], stop: segment.stop! };
  while (waits() && isPassed(rows, segments, index)) {
    const [first, second] = next.rows;
    if (first === undefined || second === undefined || !isSilent(rows[first]!)) {
      Object.assign(segment, { rows: before.own, stop: before.stop });
      next.rows = before.next;
      return;
    }
    segment.rows.push(next.rows.shift()!);
    segment.stop = second;
  }
}

/** The task's next turn; -1: there is none. */
const nextOf = (segments: readonly Segment[], at: number): number =>
  segments.findIndex((each, n) => n > at && each.task === segments[at]!.task);

/**
 * Where a task waits inside a section, two bytes of the code are a jump to itself: nobody else may come that way. But two may wait there, and go on together,
 * where both then run to their ends.
 */
export function isPassed(rows: readonly Row[], segments: readonly Segment[], index: number): boolean {
  const { ip } = rows[segments[index]!.stop!]!;
  const isThere = (n: number): boolean => [0n, 1n].includes(BigInt(rows[n]!.ip) - BigInt(ip));
  const next = nextOf(segments, index);
  return segments.slice(index + 1, next < 0 ? undefined : next).some(({ rows: own, end, stop }, n) => {
    const after = segments[nextOf(segments, index + 1 + n)];
    const endsToo = (other: Segment | undefined): boolean =>
      segments[next]?.end === 'end' && other?.end === 'end';
    const last = segments.findLast(({ task }, m) => m < index && task === segments[index + 1 + n]!.task);
    const waited = last?.end === 'pause' && rows[last.stop!]!.ip === ip && endsToo(segments[index + 1 + n]);
    const waits = stop !== undefined && rows[stop]!.ip === ip && !(end === 'pause' && endsToo(after));
    return waits || own.slice(waited ? 1 : 0).some(isThere);
  });
}

function split(rows: readonly Row[]): Segment[] {
  const segments: Segment[] = [];
  let current: Segment | undefined;
  const begin = (row: Row, signal?: string): Segment => {
    const made: Segment = {
      task: row.task,
      cpu: row.cpu ?? 0,
      rows: [],
      end: 'pause',
      ...(signal !== undefined && { signal }),
    };
    segments.push(made);
    return made;
  };
  for (const [index, row] of rows.entries()) {
    switch (row.kind) {
      // What membarrier(2) of another task does: the real one does it by itself.
      case 'fence':
        break;
      case 'flush':
        if (current?.task !== row.task)
          throw new Refused(
            'this counterexample needs a store buffer: what its processor does nobody can force',
          );
        break;
      case 'resume':
        current = begin(row);
        break;
      case 'preempt':
      case 'signal': {
        const last = segments.findLast(({ task }) => task === row.task);
        if (last !== undefined) Object.assign(last, { end: row.kind, stop: index });
        current = row.kind === 'signal' ? begin(row, row.signal) : undefined;
        break;
      }
      default:
        if (current?.task !== row.task) current = begin(row);
        if (row.kind === 'end') current.end = 'end';
        else current.rows.push(index);
    }
  }
  // The one in which it goes wrong, before its task has come to an end.
  if (current !== undefined && current.end === 'pause') current.end = 'end';
  return segments;
}

/** Nobody else can tell when it is done. */
const isSilent = ({ reads = [], changes, kernel }: Row): boolean =>
  reads.length === 0 &&
  kernel === undefined &&
  !changes.some(({ kind }) => kind === 'memory' || kind === 'buffer');

/** The last instructions of a turn that nobody notices go to the next turn of the task. */
function postpone(rows: readonly Row[], segments: readonly Segment[], at: number): void {
  const segment = segments[at]!;
  if (segment.end !== 'pause') return;
  const next = segments.find(({ task }, n) => n > at && task === segment.task);
  if (next?.signal !== undefined) return;
  let first = segment.rows.length;
  while (first > 0 && isSilent(rows[segment.rows[first - 1]!]!)) first--;
  const moved = segment.rows.splice(first);
  if (next !== undefined) next.rows.unshift(...moved);
  else if (moved.length > 0) segment.stop = moved[0]!;
}

/** A task's turns that nothing stands between any more are one. */
function joined(segments: readonly Segment[]): Segment[] {
  const found: Segment[] = [];
  for (const segment of segments) {
    const last = found.at(-1);
    if (last?.task === segment.task && last.end === 'pause' && segment.signal === undefined)
      Object.assign(last, { rows: [...last.rows, ...segment.rows], end: segment.end, stop: segment.stop });
    else found.push(segment);
  }
  return found;
}

/** The instruction with which the task goes on. */
function stopOf(segments: readonly Segment[], at: number): number {
  const { task } = segments[at]!;
  const next = segments.find((each, n) => n > at && each.task === task && each.rows.length > 0);
  if (next === undefined)
    throw new Refused(
      'this counterexample leaves a task in the middle, where it does not say what comes next',
    );
  return next.rows[0]!;
}
