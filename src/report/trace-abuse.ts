import type { SourceLine } from '../binary/image.js';
import { printable } from '../binary/printable.js';
import type { CodePlace } from '../event/observed.js';
import { plural } from './document.js';
import { placeJson } from './trace-json.js';
import { placeText } from './trace-text.js';

/** A write that happened. */
export interface CaughtWrite {
  readonly place: CodePlace;
  readonly fields: readonly string[];
  readonly threads: number;
  readonly count: number;
}

/** A write that a file holds. */
export interface StaticWrite {
  readonly file: string;
  readonly message: string;
  readonly place: string | undefined;
  readonly function: string | undefined;
  readonly line: SourceLine | undefined;
}

/** Writes to fields of struct rseq that the kernel owns. */
export interface AbuseDocument {
  /** What kernels do about it; how to mend it. */
  readonly kernels: string;
  readonly mend: string;
  /** Threads whose struct rseq was watched. */
  readonly watched: number;
  readonly lost: number;
  readonly writes: readonly CaughtWrite[];
  /** Files that were searched. */
  readonly files: number;
  readonly evidence: readonly StaticWrite[];
  readonly notes: readonly string[];
}

/** Lines with their ends. */
export function abuseText({
  kernels,
  mend,
  watched,
  lost,
  writes,
  files,
  evidence,
  notes,
}: AbuseDocument): string {
  const found = writes.length + evidence.length > 0;
  const lines = [
    `rseqlab: writes to fields that the kernel owns: ${writes.length === 0 ? 'none' : plural(writes.length, 'place')} caught in ${plural(watched, 'thread')}, ${evidence.length === 0 ? 'none' : plural(evidence.length, 'place')} found in ${plural(files, 'file')}`,
    ...writes.map(
      ({ place, fields, threads, count }) =>
        `  caught: ${fields.join(' and ')} written at least ${count} times by ${plural(threads, 'thread')}, at ${placeText(place)}${place.instruction === undefined ? '' : `: ${place.instruction}`}`,
    ),
    ...evidence.map(
      (each) =>
        `  found: ${printable(each.file)}: ${each.place ?? ''}${each.function === undefined ? '' : ` in ${printable(each.function)}`}${each.line === undefined ? '' : ` (${printable(each.line.file)}:${each.line.line})`}: ${each.message}`,
    ),
    ...(found ? [`  kernels: ${kernels}`, `  mend: ${mend}`] : []),
    ...(lost === 0 ? [] : [`  ${lost} records of writes were lost`]),
    ...notes.map((note) => `  note: ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** The same for JSON.stringify. */
export const abuseJson = (document: AbuseDocument): unknown => ({
  schema: 'rseqlab.abuse/1',
  ...document,
  writes: document.writes.map(({ place, ...rest }) => ({ ...rest, place: placeJson(place) })),
});
