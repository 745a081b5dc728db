import { strFromU8, strToU8, unzipSync, type Zippable, zipSync } from 'fflate';
import { Digest } from './digest.js';

/**
 * A recorded run: all that the simulation took from outside, and what its events must hash to. The file is a ZIP archive:
 *   digest           32 hexadecimal digits: Digest over names and contents of all other entries, in the archive's order
 *   recording.json   this type, without the fields that are bytes
 *   program          the ELF file, or the image of a process
 *   stdin            what was read of standard input, all reads together
 *   marks            one byte an event: the lowest of its time, so that a replay that goes astray is noticed at once
 *   files/N          content of `files[N]`, where it is a file
 */
export interface Recording {
  readonly schema: 'rseqlab.recording/1';
  /** Of the rseqlab that made it. Another one may simulate differently. */
  readonly version: string;
  readonly settings: RunSettings;
  readonly program: RecordedProgram;
  /** Bytes that each read of standard input gave, in order; 0 is its end. */
  readonly reads: readonly number[];
  readonly stdin: Uint8Array;
  /** Host paths that the program asked for, each once, with what was there. */
  readonly files: readonly RecordedFile[];
  readonly end: RunEnd;
  readonly events: {
    readonly count: number;
    /** EventHash of all. */
    readonly hash: string;
    /** `checkpoints[n]` is the hash of the first `(n + 1) * every` events. */
    readonly every: number;
    readonly checkpoints: readonly string[];
    readonly marks: Uint8Array;
  };
}

/** What decides a run besides the program and its input. */
export interface RunSettings {
  /** Whose rules: a Linux version. */
  readonly kernel: string;
  readonly debugRseq: boolean;
  readonly cpus: number;
  readonly seed: number;
  /** As makePolicy takes it; of `script:` the script itself. */
  readonly schedule: string;
  /** Bytes of memory that all processes together may touch. */
  readonly memoryLimit: number;
  /** The run is stopped after so many; null: never. */
  readonly maxInstructions: number | null;
  /** Which scenario of a relocatable object; null: its only one. */
  readonly scenario: string | null;
  /** Of the first process, where it is not the usual one. */
  readonly pid?: number;
  /** Of the image of a real process, AVX state is left out. */
  readonly dropAvx?: boolean;
}

/** Strings hold bytes: one character, 0 to 255, each. The program is an ELF file, or the image of a process (checkpoint/image.ts). */
export interface RecordedProgram {
  readonly path: string;
  readonly arguments: readonly string[];
  readonly environment: readonly string[];
  readonly bytes: Uint8Array;
}

export type RecordedFile =
  | { readonly path: string; readonly kind: 'file'; readonly bytes: Uint8Array }
  | { readonly path: string; readonly kind: 'directory'; readonly entries: readonly string[] }
  /** Neither a file nor a directory that the program may read. */
  | { readonly path: string; readonly kind: 'nothing' };

/** How a run came to its end, and how many instructions it had done. `input`: it was interrupted while it waited for input. */
export interface RunEnd {
  readonly kind: 'ended' | 'deadlock' | 'horizon' | 'interrupted' | 'input';
  /** Of wait4(2), where the program has ended. */
  readonly status: number | null;
  readonly instructions: number;
}

/** The file is no recording, or a damaged one. */
export class RecordingError extends Error {}

/** The same recording makes the same bytes. */
export function writeRecording(recording: Recording): Uint8Array {
  const { program, stdin, files, events } = recording;
  const json = {
    ...recording,
    program: { ...program, bytes: undefined },
    stdin: undefined,
    files: files.map((file) => ({ ...file, bytes: undefined })),
    events: { ...events, marks: undefined },
  };
  const entries: Record<string, Uint8Array> = {
    'recording.json': strToU8(`${JSON.stringify(json, null, 1)}\n`),
    program: program.bytes,
    stdin,
    marks: events.marks,
  };
  for (const [index, file] of files.entries())
    if (file.kind === 'file') entries[`files/${index}`] = file.bytes;
  const all: Zippable = { digest: strToU8(digestOf(Object.entries(entries))), ...entries };
  return zipSync(all, { level: 6, mtime: new Date(1980, 0, 1) });
}

function digestOf(entries: readonly (readonly [string, Uint8Array])[]): string {
  const digest = new Digest();
  for (const [name, bytes] of entries) {
    digest.bytes(strToU8(name));
    digest.number(bytes.length);
    digest.bytes(bytes);
  }
  return digest.text();
}

/** Most bytes that a recording may unpack to: what fits into one buffer of any Node. */
const LARGEST = 2 ** 31;

/** Throws RecordingError, which says what is wrong with the file. */
export function readRecording(bytes: Uint8Array, name: string): Recording {
  const entries = unpack(bytes, name);
  const { digest, ...rest } = entries;
  const text = entries['recording.json'];
  if (digest === undefined || text === undefined) throw foreign(name);
  if (strFromU8(digest, true) !== digestOf(Object.entries(rest))) throw damaged(name);
  const json = parse(strFromU8(text), name);
  if (json.schema !== 'rseqlab.recording/1')
    throw new RecordingError(
      `${name} is a recording in the format ${JSON.stringify(json.schema)}, which this rseqlab does not know; use the one that made it`,
    );
  if (!isShaped(json)) throw damaged(name);
  const part = (entry: string): Uint8Array => {
    const found = entries[entry];
    if (found === undefined) throw damaged(name);
    return found;
  };
  return {
    ...json,
    program: { ...json.program, bytes: part('program') },
    stdin: part('stdin'),
    files: json.files.map((file, index) =>
      file.kind === 'file' ? { ...file, bytes: part(`files/${index}`) } : file,
    ),
    events: { ...json.events, marks: part('marks') },
  };
}

function parse(text: string, name: string): Recording {
  try {
    return JSON.parse(text) as Recording;
  } catch {
    throw damaged(name);
  }
}

/** Do the fields that a replay relies on have their types? */
function isShaped({ settings, program, reads, files, end, events }: Recording): boolean {
  const numbers = [
    settings?.cpus,
    settings?.seed,
    settings?.memoryLimit,
    end?.instructions,
    events?.count,
    events?.every,
  ];
  const texts = [settings?.kernel, settings?.schedule, program?.path, end?.kind, events?.hash];
  const lists = [program?.arguments, program?.environment, reads, files, events?.checkpoints];
  return (
    numbers.every((value) => Number.isSafeInteger(value) && value >= 0) &&
    texts.every((value) => typeof value === 'string') &&
    lists.every((value) => Array.isArray(value)) &&
    [...program.arguments, ...program.environment].every((value) => typeof value === 'string') &&
    reads.every((value) => Number.isSafeInteger(value) && value >= 0) &&
    files.every((file) => typeof file?.path === 'string')
  );
}

const foreign = (name: string): RecordingError =>
  new RecordingError(`${name} is not a recording; make one with rseqlab run --record FILE`);
const damaged = (name: string): RecordingError =>
  new RecordingError(`${name} is a damaged recording; copy it again, or record again`);

function unpack(bytes: Uint8Array, name: string): Record<string, Uint8Array> {
  // PK\3\4: every ZIP archive that holds anything begins so.
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) throw foreign(name);
  let size = 0;
  try {
    return unzipSync(bytes, {
      filter: ({ originalSize }) => {
        size += originalSize;
        if (size > LARGEST) throw damaged(name);
        return true;
      },
    });
  } catch {
    throw damaged(name);
  }
}
