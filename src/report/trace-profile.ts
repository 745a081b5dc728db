/** What has happened to sections while they were watched, summed up. */
import type { AbortCause } from '../event/event.js';
import { type CodePlace, type Observed, type ObservedAbort, sectionKey } from '../event/observed.js';

export interface PointProfile {
  readonly at: CodePlace;
  aborts: number;
  readonly causes: Map<string, number>;
}

/** One section, in whatever process. */
export interface SectionProfile {
  readonly key: string;
  readonly section: CodePlace;
  aborts: number;
  /** Aborts whose cause is a guess. */
  guesses: number;
  /** Nanoseconds between interruption and abort, together. */
  lost: number;
  /** How often each cause has had part in an abort. */
  readonly causes: Map<AbortCause, number>;
  readonly cpus: Map<number, number>;
  readonly threads: Map<number, number>;
  /** By address in the file. */
  readonly points: Map<bigint, PointProfile>;
  /** How often it was entered, where that is counted; from the moment when counting began. */
  entered?: bigint;
}

/** Counts all events of a trace. */
export class TraceProfile {
  aborts = 0;
  readonly sections = new Map<string, SectionProfile>();
  /** rseq(2), by what it returned: `0`, `EINVAL` ... */
  readonly calls = new Map<string, number>();
  /** Registrations by length. */
  readonly lengths = new Map<number, number>();
  /** Reasons of errors. */
  readonly reasons = new Map<string, number>();
  switches = 0;
  preemptions = 0;
  migrations = 0;
  signals = 0;
  barriers = 0;
  updates = 0;
  violations = 0;
  threads = 0;
  execs = 0;
  /** Records that there was no room for. */
  lost = 0;

  add(observed: Observed): void {
    const { event, abort, call } = observed;
    switch (event.kind) {
      case 'abort':
        if (abort !== undefined) this.abort(observed, abort);
        return;
      case 'switch':
        this.switches++;
        if (!event.voluntary) this.preemptions++;
        return;
      case 'migrate':
        this.migrations++;
        return;
      case 'signal':
        this.signals++;
        return;
      case 'violation':
        this.violations++;
        return;
      case 'rseq-update':
        this.updates++;
        return;
      case 'start':
        this.threads++;
        return;
      case 'exec':
        this.execs++;
        return;
      case 'register':
        increase(this.lengths, event.length);
        return;
      case 'syscall':
        if (event.name === 'membarrier') this.barriers++;
        return;
      case 'return':
        increase(this.calls, event.error ?? `${event.value}`);
        if (call?.reason !== undefined) increase(this.reasons, call.reason);
        return;
      default:
        return;
    }
  }

  // A place of a process is the same object each time: quicker to look up than its text.
  private readonly byPlace = new WeakMap<CodePlace, SectionProfile>();
  private readonly pointByPlace = new WeakMap<CodePlace, PointProfile>();

  private section({ section }: ObservedAbort, key: string): SectionProfile {
    let profile = this.sections.get(key);
    if (profile === undefined) {
      const counters = { causes: new Map(), cpus: new Map(), threads: new Map(), points: new Map() };
      profile = { key, section, aborts: 0, guesses: 0, lost: 0, ...counters };
      this.sections.set(key, profile);
    }
    return profile;
  }

  /** Those with the most aborts first. */
  get ranked(): SectionProfile[] {
    return [...this.sections.values()].sort((a, b) => b.aborts - a.aborts || (a.key < b.key ? -1 : 1));
  }

  private abort({ event }: Observed, abort: ObservedAbort): void {
    if (event.kind !== 'abort') return;
    this.aborts++;
    let profile = this.byPlace.get(abort.section);
    if (profile === undefined) {
      profile = this.section(abort, sectionKey(abort, event));
      this.byPlace.set(abort.section, profile);
    }
    profile.aborts++;
    if (abort.guess) profile.guesses++;
    profile.lost += abort.lost ?? 0;
    for (const cause of event.causes) increase(profile.causes, cause);
    increase(profile.cpus, event.cpu);
    increase(profile.threads, event.tid);
    let point = this.pointByPlace.get(abort.at);
    if (point === undefined || profile.points.get(abort.at.inFile) !== point) {
      point = profile.points.get(abort.at.inFile) ?? { at: abort.at, aborts: 0, causes: new Map() };
      profile.points.set(abort.at.inFile, point);
      this.pointByPlace.set(abort.at, point);
    }
    point.aborts++;
    increase(point.causes, event.causes.length === 1 ? event.causes[0]! : event.causes.join('+'));
  }
}

const increase = <K>(map: Map<K, number>, key: K): void => void map.set(key, (map.get(key) ?? 0) + 1);

/** The instruction at which a section is aborted most. */
export const hottest = ({ points }: SectionProfile): PointProfile | undefined =>
  [...points.values()].sort((a, b) => b.aborts - a.aborts)[0];

export const mostFirst = <K>(map: ReadonlyMap<K, number>): [K, number][] =>
  [...map].sort(([a, n], [b, m]) => m - n || (`${a}` < `${b}` ? -1 : 1));

/** Aborts by what caused them together: `preempt+migrate`. Their sum is that of the aborts. */
export function totalCauses({ points }: SectionProfile): ReadonlyMap<string, number> {
  const causes = new Map<string, number>();
  for (const point of points.values())
    for (const [cause, n] of point.causes) causes.set(cause, (causes.get(cause) ?? 0) + n);
  return causes;
}
