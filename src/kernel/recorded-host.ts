import { joined } from '../abi/bytes.js';
import type { RecordedFile } from '../event/recording.js';
import { type Host, InputPending } from './host.js';

/** Takes notes of everything that another host gives. What a path holds is asked once; a program sees the same file until it ends. */
export class RecordingHost implements Host {
  readonly reads: number[] = [];
  private readonly chunks: Uint8Array[] = [];
  private readonly seen = new Map<string, RecordedFile>();

  constructor(private readonly host: Host) {}

  read(size: number): Uint8Array {
    const bytes = this.host.read(size).slice();
    this.reads.push(bytes.length);
    this.chunks.push(bytes);
    return bytes;
  }

  write(stream: 1 | 2, bytes: Uint8Array): void {
    this.host.write(stream, bytes);
  }

  file(path: string): Uint8Array | undefined {
    const found = this.look(path);
    return found.kind === 'file' ? found.bytes : undefined;
  }

  directory(path: string): readonly string[] | undefined {
    const found = this.look(path);
    return found.kind === 'directory' ? found.entries : undefined;
  }

  /** All that was read of standard input. */
  get stdin(): Uint8Array {
    return joined(this.chunks);
  }

  get files(): readonly RecordedFile[] {
    return [...this.seen.values()];
  }

  private look(path: string): RecordedFile {
    let found = this.seen.get(path);
    if (found === undefined) {
      found = this.ask(path);
      this.seen.set(path, found);
    }
    return found;
  }

  private ask(path: string): RecordedFile {
    const bytes = this.host.file(path);
    if (bytes !== undefined) return { path, kind: 'file', bytes };
    const entries = this.host.directory(path);
    return entries === undefined ? { path, kind: 'nothing' } : { path, kind: 'directory', entries };
  }
}

/** Gives what was recorded, and nothing else. */
export class ReplayHost implements Host {
  private next = 0;
  private at = 0;
  private readonly files: ReadonlyMap<string, RecordedFile>;

  constructor(
    private readonly recorded: {
      readonly reads: readonly number[];
      readonly stdin: Uint8Array;
      readonly files: readonly RecordedFile[];
    },
    private readonly output: (stream: 1 | 2, bytes: Uint8Array) => void,
  ) {
    this.files = new Map(recorded.files.map((file) => [file.path, file]));
  }

  read(size: number): Uint8Array {
    const length = this.recorded.reads[this.next];
    // It was interrupted here, or it has gone astray, which its events show.
    if (length === undefined) throw new InputPending();
    this.next++;
    const bytes = this.recorded.stdin.slice(this.at, this.at + Math.min(length, size));
    this.at += length;
    return bytes;
  }

  write(stream: 1 | 2, bytes: Uint8Array): void {
    this.output(stream, bytes);
  }

  file(path: string): Uint8Array | undefined {
    const found = this.files.get(path);
    return found?.kind === 'file' ? found.bytes : undefined;
  }

  directory(path: string): readonly string[] | undefined {
    const found = this.files.get(path);
    return found?.kind === 'directory' ? found.entries : undefined;
  }
}
