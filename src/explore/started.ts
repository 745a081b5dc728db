import { toBase64 } from '../event/base64.js';
import type { Event } from '../event/event.js';
import { type Recording, RecordingError, readRecording } from '../event/recording.js';
import { ProgramError } from '../kernel/program-error.js';
import { run } from '../kernel/run.js';
import { ReplayCheck, restart } from '../kernel/session.js';
import { ExploreError, type ExploreOptions, RANGES } from './options.js';
import type { RecordedPoint } from './semantics/recorded-point.js';

/** Where in a recording exploration begins: behind an event, or at a time (nanoseconds since boot); undefined: see `busiest`. */
export type Moment = { readonly event: number } | { readonly time: number } | undefined;

/** What is explored, and under which rules, as a recording says it. */
export interface Started {
  readonly file: { readonly path: string; readonly bytes: Uint8Array };
  readonly options: Required<Pick<ExploreOptions, 'kernel' | 'debugRseq' | 'cpus' | 'from'>>;
}

/**
 * The moment of a recording from which the threads of its program are to be explored: `options` for exploreFile, and the program. Throws
 * ExploreError.
 */
export function startedFrom(bytes: Uint8Array, name: string, moment: Moment): Started {
  const recording = read(bytes, name);
  const { program, settings } = recording;
  const { kernel, debugRseq, cpus } = settings;
  const [, most] = RANGES.cpus;
  if (cpus > most)
    throw new ExploreError(
      `${name} was recorded with ${cpus} CPUs, and ${most} can be explored at most: record again with --cpus ${most}`,
    );
  const point = recordedPoint(recording, name, moment);
  return {
    file: { path: program.path, bytes: program.bytes },
    options: { kernel, debugRseq, cpus, from: { recording: toBase64(bytes), ...point } },
  };
}

function read(bytes: Uint8Array, name: string): Recording {
  try {
    return readRecording(bytes, name);
  } catch (error) {
    if (error instanceof RecordingError) throw new ExploreError(error.message);
    throw error;
  }
}

/** The recording is over. */
class Over extends Error {}

/** Where a moment of a recording is. Throws ExploreError. */
export function recordedPoint(
  recording: Recording,
  name: string,
  moment: Moment,
): Omit<RecordedPoint, 'recording'> {
  const { count } = recording.events;
  if (moment !== undefined && 'event' in moment && (moment.event < 1 || moment.event > count))
    throw new ExploreError(
      `${name} has no event ${moment.event}: its events are 1 to ${count} (rseqlab replay --list)`,
    );
  const check = new ReplayCheck(recording);
  const busiest = new Busiest();
  let last = { event: 0, time: 0 };
  const areas: [tid: number, pointer: number, length: number][] = [];
  const watch = (event: Event, n: number): void => {
    check.observe(event, n);
    if (check.divergence !== undefined)
      throw new ExploreError(
        `the replay of ${name} goes another way at event ${n}: it was made by rseqlab ${recording.version}; record again`,
      );
    if (event.kind === 'register') areas.push([event.tid, Number(event.address), event.length]);
    if (!isPast(moment, event, n)) last = { event: n, time: event.time };
    busiest.note(event, n);
    if (n === count) throw new Over();
  };
  try {
    run(
      restart(recording, () => {}, [() => watch]),
      Number.POSITIVE_INFINITY,
    );
  } catch (error) {
    if (error instanceof ProgramError || error instanceof RangeError) throw new ExploreError(error.message);
    if (!(error instanceof Over)) throw error;
  }
  if (moment !== undefined)
    return { event: last.event, clock: 'time' in moment ? moment.time : last.time + 1, areas };
  const { event, time, threads } = busiest;
  if (threads < 2)
    throw new ExploreError(
      `${name} is of a program with one thread: say behind which event to begin, ${name}@EVENT (rseqlab replay --list)`,
    );
  return { event, clock: time + 1, areas };
}

function isPast(moment: Moment, event: Event, n: number): boolean {
  if (moment === undefined) return false;
  return 'event' in moment ? n > moment.event : event.time > moment.time;
}

/** The first event behind which there are as many threads as ever: all of them are there. */
class Busiest {
  threads = 0;
  event = 0;
  time = 0;
  private living = 0;

  note(event: Event, n: number): void {
    if (event.kind === 'exit') this.living--;
    if (event.kind !== 'start' || (event.how === 'exec' && n > 1)) return;
    this.living++;
    if (this.living <= this.threads) return;
    this.threads = this.living;
    this.event = n;
    this.time = event.time;
  }
}
