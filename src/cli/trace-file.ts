import { closeSync, openSync } from 'node:fs';
import { eventJson, TRACE_SCHEMA } from '../event/json.js';
import type { Observer } from '../kernel/session.js';
import { reason } from '../node/reason.js';
import { VERSION } from '../node/version.js';
import { EVENT_COLUMNS, eventText, type Namer } from '../report/event-text.js';
import { UsageError } from './exit.js';
import { writeStream } from './output.js';

export type TraceFormat = 'text' | 'json';

/** By --format, else by the file's suffix. */
export const traceFormat = (file: string, asked: TraceFormat | undefined): TraceFormat =>
  asked ?? (/\.jsonl?$/.test(file) ? 'json' : 'text');

/** Characters that are written together. */
const CHUNK = 1 << 16;

/** Writes events as they happen, to a file or (`-`) to standard error, so that a run that is broken off leaves those before. */
export class TraceFile {
  private readonly descriptor: number;
  private pending: string[] = [];
  private size = 0;

  constructor(
    private readonly file: string,
    private readonly format: TraceFormat,
    private readonly name: Namer,
  ) {
    this.descriptor = file === '-' ? 2 : create(file);
    this.line(format === 'json' ? JSON.stringify({ schema: TRACE_SCHEMA, version: VERSION }) : EVENT_COLUMNS);
  }

  readonly observe: Observer = (event, n) => {
    this.line(this.format === 'json' ? JSON.stringify(eventJson(event, n)) : eventText(event, n, this.name));
  };

  /** What has not been written yet; to be called before anyone else writes to the same stream, and at the end. */
  flush(): void {
    if (this.pending.length === 0) return;
    writeStream(this.descriptor, Buffer.from(this.pending.join('')));
    this.pending = [];
    this.size = 0;
  }

  close(): void {
    this.flush();
    if (this.file !== '-') closeSync(this.descriptor);
  }

  private line(text: string): void {
    this.pending.push(text, '\n');
    this.size += text.length;
    if (this.size >= CHUNK) this.flush();
  }
}

function create(file: string): number {
  try {
    return openSync(file, 'w');
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${reason(error)}; choose another place with --trace`);
  }
}
