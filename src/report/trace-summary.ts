import { plural } from './document.js';
import { seconds } from './event-text.js';
import { placeJson } from './trace-json.js';
import { mostFirst, type SectionProfile, type TraceProfile } from './trace-profile.js';
import { duration, placeText, sourceText, symbolText } from './trace-text.js';

/** What a summary tells besides the counts. */
export interface TraceFrame {
  readonly version: string;
  /** What was watched, in words. */
  readonly target: string;
  /** Where the events came from. */
  readonly source: string;
  /** Nanoseconds for which it was watched. */
  readonly time: number;
  /** What could not be watched, and other remarks; one line each. */
  readonly notes: readonly string[];
}

/** Instructions of a section that are listed. */
const POINTS = 8;

/** Lines with their ends. */
export function traceSummaryText(profile: TraceProfile, frame: TraceFrame): string {
  const rate = (count: number): string => `${perSecond(count, frame.time)}/s`;
  const failed = mostFirst(profile.calls).filter(([name]) => name !== '0');
  const lines = [
    `rseqlab: trace of ${frame.target}`,
    row('watched', `${seconds(Math.round(frame.time))} s, by ${frame.source}`),
    row(
      'rseq calls',
      `${total(profile.calls)}${failed.length === 0 ? '' : `, of which ${counts(failed)}`}; ${plural(total(profile.lengths), 'registration')}${profile.lengths.size === 0 ? '' : ` (${mostFirst(profile.lengths).map(([length, n]) => `length ${length}: ${n}`).join(', ')})`}`, // biome-ignore format: one line
    ),
    ...mostFirst(profile.reasons).map(([reason, n]) => `    ${n} because ${reason}`),
    row('switches', `${profile.switches}, ${plural(profile.preemptions, 'preemption')}`),
    row('migrations', `${profile.migrations}`),
    row('signals', `${profile.signals}`),
    ...(profile.barriers === 0 ? [] : [row('membarriers', `${profile.barriers}`)]),
    ...(profile.updates === 0 ? [] : [row('id updates', `${profile.updates}`)]),
    row(
      'aborts',
      profile.aborts === 0
        ? '0'
        : `${profile.aborts} in ${plural(profile.sections.size, 'section')}, ${rate(profile.aborts)}`,
    ),
    ...profile.ranked.flatMap((section) => sectionLines(section, rate)),
    ...(profile.violations === 0
      ? []
      : [
          row(
            'violations',
            `${profile.violations} (SIGSEGV by the kernel's code for rseq); rseqlab explain says which rule`,
          ),
        ]),
    row(
      'lost records',
      profile.lost === 0 ? '0' : `${profile.lost}: counts are too low by them; give --buffer a larger size`,
    ),
    ...frame.notes.map((note) => `  note: ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}

const row = (head: string, text: string): string => `  ${head.padEnd(14)} ${text}`;
const total = (map: ReadonlyMap<unknown, number>): number => [...map.values()].reduce((sum, n) => sum + n, 0);
const counts = (pairs: readonly (readonly [unknown, number])[]): string =>
  pairs.map(([name, n]) => `${name} ${n}`).join(', ');

/** A rate as people read it: three digits. */
export function perSecond(count: number, nanoseconds: number): string {
  const rate = nanoseconds === 0 ? 0 : (count * 1e9) / nanoseconds;
  return rate >= 100 || rate === 0 ? `${Math.round(rate)}` : rate.toPrecision(3);
}

function sectionLines(profile: SectionProfile, rate: (count: number) => string): string[] {
  const { section, aborts, causes, cpus, points, lost, guesses, entered } = profile;
  const listed = [...points.values()].sort((a, b) => b.aborts - a.aborts);
  const rest = listed.slice(POINTS).reduce((sum, point) => sum + point.aborts, 0);
  return [
    `    section ${placeText({ ...section, offset: 0 })}: ${plural(aborts, 'abort')}, ${rate(aborts)}${entered === undefined ? '' : `, entered ${entered} times`}, ${duration(lost)} lost`,
    `      causes: ${counts(mostFirst(causes))}${guesses === 0 ? '' : ` (${guesses} guessed)`}`,
    `      by cpu: ${[...cpus]
      .sort(([a], [b]) => a - b)
      .map(([cpu, n]) => `${cpu}: ${n}`)
      .join(', ')}`,
    ...listed
      .slice(0, POINTS)
      .map(
        (point) =>
          `      ${percent(point.aborts, aborts)} at ${symbolText(point.at)}${inBrackets(sourceText(point.at))}${point.at.instruction === undefined ? '' : `: ${point.at.instruction}`}: ${counts(mostFirst(point.causes))}`,
      ),
    ...(rest === 0 ? [] : [`      ${percent(rest, aborts)} at ${listed.length - POINTS} others`]),
  ];
}

const inBrackets = (text: string | undefined): string => (text === undefined ? '' : ` (${text})`);
export const percent = (part: number, all: number): string =>
  `${((100 * part) / Math.max(1, all)).toFixed(1).padStart(5)} %`;

/** The same for JSON.stringify. */
export function traceSummaryJson(profile: TraceProfile, frame: TraceFrame): unknown {
  return {
    schema: 'rseqlab.trace-summary/1',
    ...frame,
    calls: Object.fromEntries(mostFirst(profile.calls)),
    reasons: Object.fromEntries(mostFirst(profile.reasons)),
    registrations: Object.fromEntries(mostFirst(profile.lengths)),
    switches: profile.switches,
    preemptions: profile.preemptions,
    migrations: profile.migrations,
    signals: profile.signals,
    membarriers: profile.barriers,
    updates: profile.updates,
    violations: profile.violations,
    aborts: profile.aborts,
    lostRecords: profile.lost,
    sections: profile.ranked.map((each) => ({
      section: placeJson(each.section),
      aborts: each.aborts,
      entered: each.entered === undefined ? null : `${each.entered}`,
      guesses: each.guesses,
      lost: each.lost,
      causes: Object.fromEntries(mostFirst(each.causes)),
      cpus: Object.fromEntries(each.cpus),
      points: [...each.points.values()]
        .sort((a, b) => b.aborts - a.aborts)
        .map((point) => ({
          at: placeJson(point.at),
          aborts: point.aborts,
          causes: Object.fromEntries(mostFirst(point.causes)),
        })),
    })),
  };
}
