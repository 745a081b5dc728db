import { hex } from '../abi/address.js';
import type { Event } from '../event/event.js';
import { plural } from './document.js';
import { causesText, seconds } from './event-text.js';

/** What has happened in a run, counted. */
export class RunCounts {
  events = 0;
  switches = 0;
  preemptions = 0;
  migrations = 0;
  threads = 0;
  registrations = 0;
  violations = 0;
  clears = 0;
  readonly calls = new Map<string, number>();
  readonly signals = new Map<string, number>();
  readonly unknownCalls = new Map<string, number>();
  /** By start_ip, then by where the thread was, then by cause. */
  readonly aborts = new Map<bigint, Map<bigint, Map<string, number>>>();

  add(event: Event): void {
    this.events++;
    switch (event.kind) {
      case 'start':
        this.threads++;
        return;
      case 'switch':
        if (event.from !== 0 && event.to !== 0) this.switches++;
        if (!event.voluntary) this.preemptions++;
        return;
      case 'migrate':
        this.migrations++;
        return;
      case 'syscall':
        increase(this.calls, event.name);
        return;
      case 'signal':
        increase(this.signals, `${event.signal} ${event.action}`);
        return;
      case 'register':
        this.registrations++;
        return;
      case 'violation':
        this.violations++;
        return;
      case 'clear':
        this.clears++;
        return;
      case 'unknown-syscall':
        this.unknownCalls.set(event.name, event.number);
        return;
      case 'abort': {
        const section = within(this.aborts, event.startIp);
        increase(within(section, event.ip), causesText(event.causes));
        return;
      }
      default:
        return;
    }
  }
}

function within<K, V, W>(map: Map<K, Map<V, W>>, key: K): Map<V, W> {
  let inner = map.get(key);
  if (inner === undefined) {
    inner = new Map();
    map.set(key, inner);
  }
  return inner;
}

const increase = <K>(map: Map<K, number>, key: K): void => void map.set(key, (map.get(key) ?? 0) + 1);
const total = (map: ReadonlyMap<unknown, number>): number => [...map.values()].reduce((sum, n) => sum + n, 0);
const mostFirst = (map: ReadonlyMap<string, number>): [string, number][] =>
  [...map].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
const byKey = <V>(map: ReadonlyMap<bigint, V>): [bigint, V][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1));

/** What a summary tells of one run. */
export interface RunSummary {
  readonly version: string;
  readonly program: string;
  /** How it ended, in words. */
  readonly end: string;
  /** That rseqlab ends with. */
  readonly exitStatus: number;
  readonly instructions: number;
  /** Nanoseconds of virtual time. */
  readonly time: number;
  readonly counts: RunCounts;
  /** EventHash of all events. */
  readonly hash: string;
}

/** Lines with their ends. `place` prints an address with its symbol. */
export function summaryText(summary: RunSummary, place: (address: bigint) => string): string {
  const { counts } = summary;
  const lines = [
    `rseqlab: summary of ${summary.program}`,
    row('end', summary.end),
    row('instructions', `${summary.instructions}`),
    row('virtual time', `${seconds(summary.time)} s`),
    row('threads', `${counts.threads}`),
    row('switches', `${counts.switches} between threads, ${plural(counts.preemptions, 'preemption')}`),
    row('migrations', `${counts.migrations}`),
    ...list('system calls', counts.calls),
    ...list('signals', counts.signals),
    row(
      'rseq',
      `${plural(counts.registrations, 'registration')}, ${plural(counts.clears, 'lazy clear')}, ${plural(counts.violations, 'violation')}`,
    ),
    ...abortLines(counts.aborts, place),
    ...(counts.unknownCalls.size === 0
      ? []
      : [row('not simulated', [...counts.unknownCalls.keys()].join(', '))]),
    row('events', `${counts.events}, hash ${summary.hash}`),
  ];
  return `${lines.join('\n')}\n`;
}

const row = (head: string, text: string): string => `  ${head.padEnd(14)} ${text}`;

function list(head: string, map: ReadonlyMap<string, number>): string[] {
  const parts = mostFirst(map).map(([name, n]) => `${name} ${n}`);
  return [row(head, `${total(map)}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`)];
}

function abortLines(aborts: RunCounts['aborts'], place: (address: bigint) => string): string[] {
  const sections = byKey(aborts).map(
    ([start, at]) =>
      [start, byKey(at).map(([ip, causes]) => [ip, mostFirst(causes), total(causes)] as const)] as const,
  );
  const count = (points: readonly (readonly [bigint, unknown, number])[]): number =>
    points.reduce((sum, [, , n]) => sum + n, 0);
  const all = sections.reduce((sum, [, points]) => sum + count(points), 0);
  const lines = [row('aborts', all === 0 ? '0' : `${all} in ${plural(sections.length, 'section')}`)];
  for (const [start, points] of sections) {
    lines.push(`    section ${place(start)}: ${count(points)}`);
    for (const [ip, causes] of points)
      lines.push(`      at ${place(ip)}: ${causes.map(([cause, n]) => `${cause} ${n}`).join(', ')}`);
  }
  return lines;
}

/** The same for JSON.stringify. */
export function summaryJson(summary: RunSummary, name: (address: bigint) => string): unknown {
  const { counts, ...rest } = summary;
  return {
    schema: 'rseqlab.run/1',
    ...rest,
    events: counts.events,
    threads: counts.threads,
    switches: counts.switches,
    preemptions: counts.preemptions,
    migrations: counts.migrations,
    systemCalls: Object.fromEntries(mostFirst(counts.calls)),
    signals: Object.fromEntries(mostFirst(counts.signals)),
    registrations: counts.registrations,
    clears: counts.clears,
    violations: counts.violations,
    unknownSystemCalls: Object.fromEntries(counts.unknownCalls),
    aborts: byKey(counts.aborts).flatMap(([start, points]) =>
      byKey(points).flatMap(([ip, causes]) =>
        mostFirst(causes).map(([cause, count]) => ({
          startIp: hex(start),
          ip: hex(ip),
          symbol: name(ip).replace(/^ <|>$/g, '') || null,
          causes: cause.split('+'),
          count,
        })),
      ),
    ),
  };
}
