import { closeSync, openSync } from 'node:fs';
import type { Observed } from '../event/observed.js';
import { reason } from '../node/reason.js';
import { UsageError } from './exit.js';
import { writeStream } from './output.js';

/** Characters that are written together. */
const CHUNK = 1 << 16;

/** Writes text as it comes, to a file or a standard stream. */
export class Stream {
  private readonly descriptor: number;
  private pending: string[] = [];
  private size = 0;
  /** Its reader has gone away. */
  closed = false;

  constructor(
    private readonly file: string | undefined,
    standard: 1 | 2,
  ) {
    this.descriptor = file === undefined ? standard : create(file);
  }

  write(text: string): void {
    if (text === '' || this.closed) return;
    this.pending.push(text);
    this.size += text.length;
    if (this.size >= CHUNK) this.flush();
  }

  flush(): void {
    if (this.pending.length === 0) return;
    const bytes = Buffer.from(this.pending.join(''));
    this.pending = [];
    this.size = 0;
    if (!writeStream(this.descriptor, bytes)) this.closed = true;
  }

  close(): void {
    this.flush();
    if (this.file !== undefined) closeSync(this.descriptor);
  }
}

function create(file: string): number {
  try {
    return openSync(file, 'w');
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${reason(error)}; choose another place with -o`);
  }
}

/** Writes events in one format. */
export interface Sink {
  add(observed: Observed): void;
  /** Also the events that are not chosen come by, before. */
  see?(observed: Observed): void;
  /** `lost`: records that there was no room for. */
  end(lost: number): void;
}
