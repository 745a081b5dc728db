import { readFileSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ImageError, isImage } from '../checkpoint/codec.js';
import { askedOf, exploreFile, type ObjectFile, type Surroundings } from '../explore/api.js';
import type { CheckpointPlace } from '../explore/checkpoint-file.js';
import { checkOptions, ExploreError, type ExploreOptions } from '../explore/options.js';
import type { PartOf } from '../explore/part.js';
import { explorePart as explorePartOf, mergeParts } from '../explore/parts.js';
import { type Moment, startedFrom, startedFromImage } from '../explore/started.js';
import type { ExploreDocument } from '../explore/timeline.js';
import { exploreHost } from './explore-host.js';
import { imageProgram, recordedFiles } from './image-program.js';
import { redisAddress } from './queue/address.js';
import { HEAD_SCHEMA, isName, nameOf } from './queue/names.js';
import { RedisBoard } from './queue/redis-board.js';
import { reason } from './reason.js';
import { sourceLines } from './source-lines.js';
import { VERSION } from './version.js';
import { writeWhole } from './write-whole.js';

/** What `explore` takes. */
export interface ExploreFileOptions extends ExploreOptions {
  /** The first counterexample is written to this file, for `rseqlab replay`. */
  readonly trace?: string;
  /**
   * The threads of a recorded run are explored, from one of its moments on: without a moment, from where all of them are there. Or those of a process whose
   * image this is.
   */
  readonly startFrom?: { readonly recording: string | URL; readonly at?: Moment };
  /** Of bytes: what the document calls them, and where their sources are looked for. */
  readonly name?: string;
  /** A search that ends at a bound, or is broken off, is kept in this file; where there is one, it is taken up. The file goes when the search is over. */
  readonly checkpointFile?: string;
  /** Seconds between two writes of that file; 60 unless said otherwise. */
  readonly checkpointEvery?: number;
  /** Others take part in the search by a Redis. */
  readonly queue?: QueueOptions;
}

export interface QueueOptions {
  /** redis://HOST:PORT, or what else redisAddress knows. */
  readonly address: string;
  /** Of the search, there; one that says what it is of unless given. */
  readonly name?: string;
  /** States that a worker gets at a time, at most. */
  readonly pieceStates?: number;
  /** The search begins when so many workers are there; at once unless given. */
  readonly workers?: number;
  readonly onWait?: (workers: number) => void;
  /** The search is there: how others find it. */
  readonly onOpen?: (name: string, address: string) => void;
  /** The Redis is lost; the search goes on alone. */
  readonly onLost?: (why: string, address: string) => void;
}

/** Of `pieceStates`. */
export const PIECE_STATES = { usual: 16_000, least: 64, most: 2 ** 22 } as const;

/**
 * Explores the scenarios of a relocatable object: a file, or its bytes; or, with `startFrom`, a program under way, whose file need not be given. Throws
 * ExploreError where that cannot be; a counterexample and a bound are results, not errors.
 */
export async function explore(
  file: string | URL | Uint8Array | undefined,
  options: ExploreFileOptions = {},
): Promise<ExploreDocument> {
  const {
    trace: traceFile,
    name,
    checkpointFile,
    checkpointEvery = 60,
    queue,
    startFrom,
    ...given
  } = options;
  const { object, rest } = startFrom
    ? started(file, startFrom, given)
    : { object: read(file ?? missing(), name), rest: given };
  const board = queue && (await openBoard(queue, object, rest));
  try {
    const { document, trace } = await exploreFile(object, rest, {
      ...surroundingsOf(object.path),
      ...(board && { board }),
      ...(traceFile !== undefined && { traceFile }),
      ...(checkpointFile !== undefined && { checkpoint: placeAt(checkpointFile, checkpointEvery) }),
    });
    keepTrace(traceFile, trace);
    return document;
  } finally {
    await board?.close();
  }
}

async function openBoard(
  {
    address: text,
    name,
    pieceStates = PIECE_STATES.usual,
    workers = 0,
    onWait,
    onOpen,
    onLost,
  }: QueueOptions,
  { path, bytes }: ObjectFile,
  { onProgress: _, signal, ...options }: ExploreOptions,
): Promise<RedisBoard> {
  checkOptions(options);
  const address = redisAddress(text);
  if (name !== undefined && !isName(name))
    throw new ExploreError(
      `${JSON.stringify(name)} is no name for a search; take letters, digits, . _ and -`,
    );
  const given = name ?? nameOf(path, bytes, askedOf(options));
  const board = await RedisBoard.open({
    address,
    name: given,
    pieceStates,
    head: { schema: HEAD_SCHEMA, version: VERSION, path, options },
    program: bytes,
    onLost: (why) => onLost?.(why, address.text),
  });
  onOpen?.(given, address.text);
  await board.team(workers, { ...(signal && { signal }), tell: (now) => onWait?.(now) });
  return board;
}

function missing(): never {
  throw new ExploreError(
    'say what to explore: a relocatable object with a scenario, or startFrom a recording',
  );
}

/** What a recording decides. */
const RECORDED = ['kernel', 'debugRseq', 'arch', 'cpus', 'scenario', 'tasks'] as const;

function started(
  file: string | URL | Uint8Array | undefined,
  { recording, at }: NonNullable<ExploreFileOptions['startFrom']>,
  given: ExploreOptions,
): { object: ObjectFile; rest: ExploreOptions } {
  const image = imageStart(recording, given, file);
  if (image !== undefined) return image;
  const twice = RECORDED.find((name) => given[name] !== undefined);
  if (twice !== undefined) throw new ExploreError(`${twice}: the recording says what it is; leave it out`);
  const { path, bytes } = read(recording, '', 'a file that rseqlab run --record made');
  const { file: object, options } = startedFrom(bytes, path, at);
  if (file !== undefined) {
    const { path: asked, bytes: own } = read(file, 'the program', 'the program of the recording, or nothing');
    if (own.length !== object.bytes.length || own.some((byte, n) => byte !== object.bytes[n]))
      throw new ExploreError(
        `${asked} is not the program that ${path} is of, or has been built anew since: leave it out, or record again`,
      );
  }
  return { object, rest: { ...given, ...options } };
}

/** Undefined where what is given is no image. */
function imageStart(
  from: string | URL,
  { dropAvx = false, ...given }: ExploreOptions & { readonly dropAvx?: boolean },
  file: string | URL | Uint8Array | undefined,
): { object: ObjectFile; rest: ExploreOptions } | undefined {
  const { path, bytes } = read(from, '', 'a file that rseqlab run --record or rseqlab checkpoint made');
  if (!isImage(bytes)) return undefined;
  if (file !== undefined)
    throw new ExploreError(`the image ${path} says which program it is of: leave the file out`);
  for (const name of ['scenario', 'tasks', 'arch'] as const)
    if (given[name] !== undefined)
      throw new ExploreError(`${name}: the image says what is explored; leave it out`);
  try {
    const program = imageProgram(path, bytes)!;
    const started = startedFromImage(
      { path, bytes: program.bytes, files: recordedFiles(program), version: VERSION },
      given,
      dropAvx,
    );
    return { object: started.file, rest: { ...given, ...started.options } };
  } catch (error) {
    if (error instanceof ImageError) throw new ExploreError(error.message);
    throw error;
  }
}

/** Explores a part of a file's scenarios: the bytes for `merge`, and what they say. Throws ExploreError. */
export function explorePart(
  file: string,
  part: PartOf,
  options: ExploreOptions,
): ReturnType<typeof explorePartOf> {
  const object = read(file);
  return explorePartOf(object, options, surroundingsOf(object.path), part);
}

/** Puts parts together. Throws ExploreError. */
export async function merge(
  files: readonly string[],
  { trace: traceFile, ...own }: Pick<ExploreFileOptions, 'jobs' | 'onProgress' | 'signal' | 'trace'>,
): Promise<ExploreDocument> {
  const parts = files.map((file) => ({ name: file, bytes: read(file, '', 'a part of a search').bytes }));
  const { document, trace } = await mergeParts(parts, own, (path) => ({
    ...surroundingsOf(path),
    ...(traceFile !== undefined && { traceFile }),
  }));
  keepTrace(traceFile, trace);
  return document;
}

const surroundingsOf = (path: string): Surroundings => ({
  host: exploreHost,
  lines: sourceLines(path),
  version: VERSION,
});

function keepTrace(file: string | undefined, trace: object | undefined): void {
  if (file !== undefined && trace !== undefined) write(file, `${JSON.stringify(trace)}\n`, 'the trace');
}

function read(
  file: string | URL | Uint8Array,
  name = 'object',
  what = 'a relocatable object with a scenario',
): ObjectFile {
  if (file instanceof Uint8Array) return { path: name, bytes: file };
  const path = typeof file === 'string' ? file : fileURLToPath(file);
  try {
    if (statSync(path).isFile()) return { path, bytes: readFileSync(path) };
  } catch (error) {
    throw new ExploreError(`cannot read ${path}: ${reason(error)}; give ${what}`);
  }
  throw new ExploreError(`${path} is no file; give ${what}`);
}

function write(file: string, content: string | Uint8Array, what: string): void {
  try {
    writeWhole(file, content);
  } catch (error) {
    throw new ExploreError(`cannot write ${file}: ${reason(error)}; choose another place for ${what}`);
  }
}

const placeAt = (file: string, every: number): CheckpointPlace => ({
  name: file,
  every,
  read() {
    try {
      return readFileSync(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new ExploreError(`cannot read ${file}: ${reason(error)}; name another file for the checkpoint`);
    }
  },
  write: (bytes) => write(file, bytes, 'the checkpoint'),
  remove: () => rmSync(file, { force: true }),
});
