import { posix } from 'node:path';
import { BinaryError } from '../binary/error.js';
import type { ProgramImage } from '../binary/image.js';
import { printable } from '../binary/printable.js';
import { readImage } from '../binary/read.js';
import { EventHash } from '../event/hash.js';
import type { RecordedProgram, RunSettings } from '../event/recording.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Observer } from '../kernel/session.js';
import { processView, processViews } from '../kernel/view.js';
import { VERSION } from '../node/version.js';
import type { ProcessView } from '../process/process.js';
import { type Namer, statusText } from '../report/event-text.js';
import { watchDeaths } from '../report/run-deaths.js';
import { deathText } from '../report/run-explain.js';
import { Places } from '../report/run-places.js';
import { scenarioText } from '../report/run-scenario.js';
import { deadlockText } from '../report/run-state.js';
import { RunCounts, type RunSummary, summaryJson, summaryText } from '../report/run-summary.js';
import type { Driven, QuietProgress } from './drive.js';
import { deliver, writeStream } from './output.js';
import { TraceFile, type TraceFormat, traceFormat } from './trace-file.js';

export interface ShowOptions {
  readonly trace?: string;
  readonly summary?: boolean;
  readonly format?: TraceFormat;
  readonly output?: string;
}

/** Everything that run and replay print besides the program's own output: all of it on standard error or into files. */
export class Showing {
  private trace: TraceFile | undefined;
  private readonly counts = new RunCounts();
  private readonly hash = new EventHash();
  private readonly deaths: string[] = [];
  private readonly images = new Map<string, ProgramImage | undefined>();
  private file: (path: string) => Uint8Array | undefined = () => undefined;
  private first: Places | undefined;

  constructor(
    private readonly options: ShowOptions,
    private readonly settings: RunSettings,
    private readonly program: RecordedProgram,
    private readonly progress: QuietProgress,
  ) {}

  /** To be called before the program's output is written. */
  readonly beforeOutput = (): void => {
    this.progress.output();
    if (this.options.trace === '-') this.trace?.flush();
  };

  /** `file`: files that the program may read, among them those that it executes. */
  watch(kernel: Kernel, file: (path: string) => Uint8Array | undefined): Observer {
    const { trace, format } = this.options;
    this.file = file;
    const name = this.namer(kernel);
    const watching: Observer[] = [watchDeaths(kernel, (death) => this.deaths.push(this.explain(death)))];
    if (trace !== undefined) {
      this.trace = new TraceFile(trace, traceFormat(trace, format), name);
      watching.push(this.trace.observe);
    }
    if (this.wantsSummary) watching.push((event) => this.hash.add(event));
    // Counting is cheap; the notes about unknown calls need it anyway.
    watching.push((event) => {
      if (event.kind === 'out-of-memory')
        this.deaths.push(
          `rseqlab: process ${event.pid} was killed by SIGKILL: programs have touched more memory than --memory-limit allows (${event.limit} pages of 4 KiB)\n`,
        );
      // Names must be asked for while the program is there.
      if (event.kind === 'abort' && this.wantsSummary) this.firstPlaces(kernel);
      this.counts.add(event);
    });
    return (event, n) => {
      for (const watch of watching) watch(event, n);
    };
  }

  /** Names for addresses of the first program. */
  readonly namer =
    (kernel: Kernel): Namer =>
    (address) =>
      this.firstPlaces(kernel).name(address);

  /** What is told when all is over, or broken off. */
  finish(kernel: Kernel, driven: Driven): void {
    this.trace?.flush();
    const lines = [...this.deaths, ...this.notes(kernel, driven)];
    const { scenario } = kernel.state;
    if (scenario !== undefined) lines.push(scenarioText(scenario));
    writeStream(2, Buffer.from(lines.join('')));
    if (!this.wantsSummary) return;
    const summary: RunSummary = {
      version: VERSION,
      program: printable(this.program.path),
      end: endText(driven),
      exitStatus: driven.exit,
      instructions: kernel.state.instructions,
      time: kernel.state.clock,
      counts: this.counts,
      hash: this.hash.text(),
    };
    const places = this.firstPlaces(kernel);
    const text =
      this.options.format === 'json'
        ? `${JSON.stringify(summaryJson(summary, places.name), null, 2)}\n`
        : summaryText(summary, places.place);
    if (this.options.output === undefined) writeStream(2, Buffer.from(text));
    else deliver(text, this.options.output);
  }

  /** What has been traced goes out: the run waits. */
  flush(): void {
    this.trace?.flush();
  }

  close(): void {
    this.trace?.close();
    this.trace = undefined;
  }

  /** Names for a process's addresses. */
  readonly places = (process: ProcessView): Places => Places.of(process, (path) => this.imageOf(path));

  private get wantsSummary(): boolean {
    return this.options.summary === true || this.options.output !== undefined;
  }

  private explain(death: Parameters<typeof deathText>[0]): string {
    return deathText(death, this.places(death.process), this.settings);
  }

  private notes(kernel: Kernel, { end, interrupt }: Driven): string[] {
    const notes = [...this.counts.unknownCalls].map(
      ([name, number]) =>
        `rseqlab: note: system call ${name} (${number}) is not simulated: it returned ENOSYS\n`,
    );
    const signal = (end.status ?? 0) & 0x7f;
    if (end.kind === 'ended' && signal !== 0 && this.deaths.length === 0)
      notes.push(`rseqlab: ${printable(this.program.path)} was ${statusText(end.status!)}\n`);
    if (end.kind === 'deadlock') notes.push(deadlockText(processViews(kernel), this.places));
    if (end.kind === 'horizon')
      notes.push(`rseqlab: stopped after ${end.instructions} instructions, as --max-instructions says\n`);
    if (interrupt === 'SIGINT' || interrupt === 'SIGTERM')
      notes.push(`rseqlab: interrupted after ${end.instructions} instructions\n`);
    return notes;
  }

  private firstPlaces(kernel: Kernel): Places {
    const process = kernel.state.processes.get(kernel.state.firstPid);
    if (this.first === undefined && process !== undefined && process.tasks.length > 0)
      this.first = this.places(processView(kernel, process));
    return this.first ?? Places.of(undefined, () => undefined);
  }

  private imageOf(path: string): ProgramImage | undefined {
    if (!this.images.has(path)) this.images.set(path, this.readImage(path));
    return this.images.get(path);
  }

  private readImage(path: string): ProgramImage | undefined {
    const own = path === this.program.path || path === posix.resolve('/', this.program.path);
    const bytes = own ? this.program.bytes : this.file(path);
    try {
      return bytes && readImage(bytes, path, { ownPages: true });
    } catch (error) {
      if (error instanceof BinaryError) return undefined;
      throw error;
    }
  }
}

function endText({ end, interrupt }: Driven): string {
  if (end.kind === 'ended') return statusText(end.status ?? 0);
  if (interrupt !== undefined) return `interrupted (${interrupt})`;
  return {
    deadlock: 'deadlock',
    horizon: '--max-instructions',
    interrupted: 'interrupted',
    input: 'interrupted',
  }[end.kind];
}
