import { readFileSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { exploreFile, type ObjectFile, type Surroundings } from '../explore/api.js';
import type { CheckpointPlace } from '../explore/checkpoint-file.js';
import { ExploreError, type ExploreOptions } from '../explore/options.js';
import type { PartOf } from '../explore/part.js';
import { explorePart as explorePartOf, mergeParts } from '../explore/parts.js';
import type { ExploreDocument } from '../explore/timeline.js';
import { exploreHost } from './explore-host.js';
import { reason } from './reason.js';
import { sourceLines } from './source-lines.js';
import { VERSION } from './version.js';
import { writeWhole } from './write-whole.js';

/** What `explore` takes. */
export interface ExploreFileOptions extends ExploreOptions {
  /** The first counterexample is written to this file, for `rseqlab replay`. */
  readonly trace?: string;
  /** Of bytes: what the document calls them, and where their sources are looked for. */
  readonly name?: string;
  /** A search that ends at a bound, or is broken off, is kept in this file; where there is one, it is taken up. The file goes when the search is over. */
  readonly checkpointFile?: string;
  /** Seconds between two writes of that file; 60 unless said otherwise. */
  readonly checkpointEvery?: number;
}

/**
 * Explores the scenarios of a relocatable object: a file, or its bytes. Throws ExploreError where that cannot be; a counterexample and a bound are
 * results, not errors.
 */
export async function explore(
  file: string | URL | Uint8Array,
  options: ExploreFileOptions = {},
): Promise<ExploreDocument> {
  const { trace: traceFile, name, checkpointFile, checkpointEvery = 60, ...rest } = options;
  const object = read(file, name);
  const { document, trace } = await exploreFile(object, rest, {
    ...surroundingsOf(object.path),
    ...(traceFile !== undefined && { traceFile }),
    ...(checkpointFile !== undefined && { checkpoint: placeAt(checkpointFile, checkpointEvery) }),
  });
  keepTrace(traceFile, trace);
  return document;
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
