import { isImage } from '../checkpoint/codec.js';
import type { Event } from '../event/event.js';
import { EventHash } from '../event/hash.js';
import type { RecordedProgram, Recording, RunEnd, RunSettings } from '../event/recording.js';
import { PAGE_SIZE } from '../machine/state.js';
import { architectureOf } from './arch/index.js';
import type { Host } from './host.js';
import { bootImage } from './image/boot.js';
import { Kernel } from './kernel.js';
import { makePolicy } from './policies/index.js';
import { type RecordingHost, ReplayHost } from './recorded-host.js';
import { boot } from './run.js';
import { bootScenario, hasScenario } from './scenario/boot.js';

/** Sees each event as it happens, with its number, from 1. */
export type Observer = (event: Event, n: number) => void;

/** A simulated Linux with a program in it, ready for run(). Throws ProgramError, or RangeError for settings that are none. */
export function start(
  settings: RunSettings,
  program: RecordedProgram,
  host: Host,
  observers: readonly ((kernel: Kernel) => Observer)[] = [],
): Kernel {
  let n = 0;
  const watching: Observer[] = [];
  const kernel = new Kernel({
    version: settings.kernel,
    debugRseq: settings.debugRseq,
    cpus: settings.cpus,
    seed: settings.seed,
    memoryLimit: Math.floor(settings.memoryLimit / PAGE_SIZE),
    policy: makePolicy(settings.schedule, settings.seed),
    programs: architectureOf(program.bytes),
    host,
    onEvent: (event) => {
      n++;
      for (const watch of watching) watch(event, n);
    },
  });
  watching.push(...observers.map((make) => make(kernel)));
  if (settings.maxInstructions !== null) kernel.horizon.instructions = settings.maxInstructions;
  if (settings.pid !== undefined) kernel.state.nextPid = kernel.state.firstPid = settings.pid;
  if (isImage(program.bytes)) bootImage(kernel, program, settings.dropAvx === true);
  else if (hasScenario(program.bytes, program.path))
    bootScenario(kernel, program, settings.scenario ?? undefined);
  else boot(kernel, program);
  return kernel;
}

/** Events between two checkpoints of a recording. */
const EVERY = 1000;

/** Collects what a recording says about events. */
export class EventNotes {
  readonly hash = new EventHash();
  private readonly checkpoints: string[] = [];
  private marks = new Uint8Array(1 << 12);

  readonly observe: Observer = (event, n) => {
    this.hash.add(event);
    if (n > this.marks.length) {
      const more = new Uint8Array(2 * this.marks.length);
      more.set(this.marks);
      this.marks = more;
    }
    this.marks[n - 1] = event.time & 0xff;
    if (n % EVERY === 0) this.checkpoints.push(this.hash.text());
  };

  get events(): Recording['events'] {
    const { count } = this.hash;
    return {
      count,
      hash: this.hash.text(),
      every: EVERY,
      checkpoints: this.checkpoints,
      marks: this.marks.slice(0, count),
    };
  }
}

/** A run that is over, as a recording. `version`: of rseqlab. */
export function recordingOf(
  version: string,
  settings: RunSettings,
  program: RecordedProgram,
  host: RecordingHost,
  notes: EventNotes,
  end: RunEnd,
): Recording {
  const { reads, stdin, files } = host;
  return {
    schema: 'rseqlab.recording/1',
    version,
    settings,
    program,
    reads,
    stdin,
    files,
    end,
    events: notes.events,
  };
}

/** Where a replay left the recorded way: at this event, or after `from` and not later. */
export interface Divergence {
  readonly from: number;
  readonly to: number;
}

/** Holds a replay's events to the recording; `divergence` once they differ. */
export class ReplayCheck {
  private readonly hash = new EventHash();
  private good = 0;
  divergence: Divergence | undefined;

  constructor(private readonly recording: Recording) {}

  readonly observe: Observer = (event, n) => {
    const { marks, every, checkpoints, count } = this.recording.events;
    this.hash.add(event);
    if (this.divergence !== undefined) return;
    if (n > count || marks[n - 1] !== (event.time & 0xff)) this.divergence = { from: this.good, to: n };
    else if (n % every === 0) {
      if (checkpoints[n / every - 1] === this.hash.text()) this.good = n;
      else this.divergence = { from: this.good, to: n };
    }
  };

  /** The run is over: were these all, and the right ones? */
  finish(): Divergence | undefined {
    const { count, hash } = this.recording.events;
    if (this.divergence === undefined && (this.hash.count !== count || this.hash.text() !== hash))
      this.divergence = { from: this.good, to: Math.min(this.hash.count + 1, count) };
    return this.divergence;
  }
}

/** The recorded run, ready to run again without the host. It stops where the recorded one was stopped. */
export function restart(
  recording: Recording,
  output: (stream: 1 | 2, bytes: Uint8Array) => void,
  observers: readonly ((kernel: Kernel) => Observer)[] = [],
): Kernel {
  return start(recording.settings, recording.program, new ReplayHost(recording, output), observers);
}
