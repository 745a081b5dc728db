import { decodeImage, ImageError, isImage, type OpenImage } from '../checkpoint/codec.js';
import type { ProcessImage } from '../checkpoint/image.js';
import { toBase64 } from '../event/base64.js';
import type { Event } from '../event/event.js';
import {
  type RecordedFile,
  type Recording,
  RecordingError,
  readRecording,
  writeRecording,
} from '../event/recording.js';
import { bytesText } from '../kernel/image/text.js';
import { ProgramError } from '../kernel/program-error.js';
import { run } from '../kernel/run.js';
import { ReplayCheck, restart } from '../kernel/session.js';
import { DEFAULT_CPUS, DEFAULT_KERNEL, ExploreError, type ExploreOptions, RANGES } from './options.js';
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
    file: isImage(program.bytes)
      ? executableOf(imageOf(program.bytes, program.path).image, name, recording.files)
      : { path: program.path, bytes: program.bytes },
    options: { kernel, debugRseq, cpus, from: { recording: toBase64(bytes), ...point } },
  };
}

/** An image of a process (checkpoint/image.ts), whole, and the files of the host that it has mapped or open. */
export interface GivenImage {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly files: readonly RecordedFile[];
  /** Of rseqlab. */
  readonly version: string;
}

/** The same of an image: its threads, as they are there. Throws ExploreError. */
export function startedFromImage(
  { path, bytes, files, version }: GivenImage,
  options: Pick<ExploreOptions, 'kernel' | 'debugRseq' | 'cpus'>,
  dropAvx: boolean,
): Started {
  const { kernel = DEFAULT_KERNEL, debugRseq = false, cpus = DEFAULT_CPUS } = options;
  const { image } = imageOf(bytes, path);
  const recording: Recording = {
    schema: 'rseqlab.recording/1',
    version,
    settings: {
      kernel,
      debugRseq,
      cpus,
      seed: 1,
      schedule: 'rr',
      memoryLimit: MEMORY,
      maxInstructions: null,
      scenario: null,
      ...(dropAvx && { dropAvx }),
    },
    program: { path, arguments: [], environment: [], bytes },
    reads: [],
    stdin: new Uint8Array(0),
    files,
    end: { kind: 'interrupted', status: null, instructions: 0 },
    events: { count: 0, hash: '', every: 1, checkpoints: [], marks: new Uint8Array(0) },
  };
  const areas = image.threads.flatMap(({ tid, rseq }) =>
    rseq === undefined ? [] : [[tid, Number(rseq.address), rseq.length] as const],
  );
  return {
    file: executableOf(image, path, files),
    options: {
      kernel,
      debugRseq,
      cpus,
      from: { recording: toBase64(writeRecording(recording)), event: 0, clock: 0, areas },
    },
  };
}

/** The program that the process of an image runs. */
function executableOf(
  { executable }: ProcessImage,
  name: string,
  files: readonly RecordedFile[],
): Started['file'] {
  const found = files.find((file) => file.kind === 'file' && file.path === bytesText(executable));
  if (found?.kind !== 'file')
    throw new ExploreError(`${executable}, which the process of ${name} runs, is not there`);
  return { path: executable, bytes: found.bytes };
}

/** What the process may touch, in bytes. */
const MEMORY = 2 ** 30;

function imageOf(bytes: Uint8Array, name: string): OpenImage {
  try {
    return decodeImage(bytes, name);
  } catch (error) {
    if (error instanceof ImageError) throw new ExploreError(error.message);
    throw error;
  }
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
