/** The table of `rseqlab top`: sections with their aborts, of the last interval and in all. */

import { printable } from '../binary/printable.js';
import { plural } from './document.js';
import type { Style } from './style.js';
import { hottest, mostFirst, type SectionProfile, type TraceProfile } from './trace-profile.js';
import { perSecond } from './trace-summary.js';
import { duration, sourceText, symbolText } from './trace-text.js';

/** By what sections are ordered, with the key that asks for it. */
export const TOP_ORDERS = {
  rate: 'r',
  aborts: 'a',
  lost: 'l',
  entered: 'e',
  name: 'n',
} as const;
export type TopOrder = keyof typeof TOP_ORDERS;

export interface TopFrame {
  readonly target: string;
  readonly source: string;
  /** Nanoseconds since the last table, and since the beginning. */
  readonly interval: number;
  readonly time: number;
  readonly order: TopOrder;
  /** Aborts at the last table, by section and by CPU. */
  readonly before: TopCounts;
  readonly columns: number;
  readonly rows: number;
  readonly paused: boolean;
  readonly notes: readonly string[];
}

export interface TopCounts {
  readonly sections: ReadonlyMap<string, number>;
  readonly cpus: ReadonlyMap<number, number>;
}

export function topCounts(profile: TraceProfile): TopCounts {
  const cpus = new Map<number, number>();
  for (const section of profile.sections.values())
    for (const [cpu, n] of section.cpus) cpus.set(cpu, (cpus.get(cpu) ?? 0) + n);
  return { sections: new Map([...profile.sections].map(([key, { aborts }]) => [key, aborts])), cpus };
}

interface Column {
  readonly head: string;
  readonly width: number;
  readonly right?: true;
  readonly text: (section: SectionProfile, rate: string) => string;
}

/** What is told first is seen on narrow terminals too. */
function columnsFor(width: number, counted: boolean): Column[] {
  const fixed: Column[] = [
    { head: 'aborts/s', width: 8, right: true, text: (_, rate) => rate },
    { head: 'aborts', width: 8, right: true, text: ({ aborts }) => `${aborts}` },
    ...(counted
      ? [
          {
            head: 'entered',
            width: 9,
            right: true,
            text: ({ entered }: SectionProfile) => `${entered ?? '-'}`,
          } as const,
        ]
      : []),
    { head: 'lost', width: 7, right: true, text: ({ lost }) => duration(lost) },
    { head: 'section', width: 16, text: ({ section }) => symbolText({ ...section, offset: 0 }) },
  ];
  const left = width - fixed.reduce((sum, column) => sum + column.width + 1, 0);
  const causes = Math.max(14, Math.min(36, Math.floor(left / 2)));
  return [
    ...fixed,
    { head: 'causes', width: causes, text: causesText },
    { head: 'hottest instruction', width: Math.max(0, left - causes - 1), text: hottestText },
  ];
}

/** Lines, without their ends, at most as many and as wide as the frame has room for. */
export function topLines(profile: TraceProfile, frame: TopFrame, style: Style): string[] {
  const now = topCounts(profile);
  const gained = (section: SectionProfile): number =>
    section.aborts - (frame.before.sections.get(section.key) ?? 0);
  const cpus = [...now.cpus]
    .sort(([a], [b]) => a - b)
    .map(([cpu, n]) => `${cpu}: ${perSecond(n - (frame.before.cpus.get(cpu) ?? 0), frame.interval)}`);
  const head = [
    `rseqlab top: ${frame.target}, ${duration(Math.round(frame.time))}, ${frame.source}${frame.paused ? ', paused' : ''}`,
    `${plural(profile.aborts, 'abort')} in ${plural(profile.sections.size, 'section')}; ${profile.preemptions} preemptions, ${profile.migrations} migrations, ${profile.signals} signals; lost records: ${profile.lost}`,
    `aborts/s by cpu: ${cpus.length === 0 ? 'none' : cpus.join('  ')}`,
    ...frame.notes.map((note) => `note: ${note}`),
    '',
  ].map((line) => cut(line, frame.columns));
  const columns = columnsFor(
    frame.columns,
    [...profile.sections.values()].some(({ entered }) => entered !== undefined),
  );
  const ranked = ordered(profile, frame.order, gained);
  const table = ranked
    .slice(0, Math.max(0, frame.rows - head.length - 2))
    .map((section) =>
      row(columns, (column) => column.text(section, perSecond(gained(section), frame.interval))),
    );
  const keys = Object.entries(TOP_ORDERS)
    .map(([name, key]) => `${key} ${name}${name === frame.order ? '*' : ''}`)
    .join('  ');
  return [
    ...head,
    style.bold(row(columns, ({ head }) => head)),
    ...table,
    style.dim(cut(`order: ${keys}   space pause  z from 0  q end`, frame.columns)),
  ];
}

function ordered(
  profile: TraceProfile,
  order: TopOrder,
  gained: (section: SectionProfile) => number,
): SectionProfile[] {
  const { ranked } = profile;
  const name = ({ section }: SectionProfile): string => symbolText({ ...section, offset: 0 });
  switch (order) {
    case 'rate':
      return ranked.sort((a, b) => gained(b) - gained(a));
    case 'lost':
      return ranked.sort((a, b) => b.lost - a.lost);
    case 'entered':
      return ranked.sort((a, b) => Number((b.entered ?? 0n) - (a.entered ?? 0n)));
    case 'name':
      return ranked.sort((a, b) => (name(a) < name(b) ? -1 : 1));
    default:
      return ranked;
  }
}

const causesText = ({ causes, aborts }: SectionProfile): string =>
  mostFirst(causes)
    .map(([cause, n]) => `${cause} ${Math.round((100 * n) / aborts)}%`)
    .join(' ');

function hottestText(profile: SectionProfile): string {
  const hot = hottest(profile);
  if (hot === undefined) return '';
  const place = sourceText(hot.at) ?? symbolText(hot.at);
  const instruction = hot.at.instruction === undefined ? '' : ` ${printable(hot.at.instruction)}`;
  return `${Math.round((100 * hot.aborts) / profile.aborts)}% ${place}${instruction}`;
}

const row = (columns: readonly Column[], text: (column: Column) => string): string =>
  columns
    .map((column) => {
      const short = cut(text(column), column.width);
      return column.right ? short.padStart(column.width) : short.padEnd(column.width);
    })
    .join(' ')
    .trimEnd();

const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
