import { closeSync, type Dirent, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { reason } from '../node/reason.js';
import { type Part, tracesOf } from '../sections/traces.js';
import { UsageError } from './exit.js';

/** Larger files are refused: they would not fit into one buffer, and no program is that large. */
const LARGEST = 4 * 2 ** 30 - 1;

/** A file to look at. `named`: the user named it, so it must be usable; else it was found in a directory. */
export interface Input {
  readonly path: string;
  readonly named: boolean;
}

/** The file named, or every regular file below the directory named; symbolic links inside directories are not followed. */
export function* inputs(path: string): Generator<Input> {
  if (!statOf(path).isDirectory()) yield { path, named: true };
  else yield* below(path, list(path));
}

function statOf(path: string) {
  try {
    return statSync(path);
  } catch (error) {
    throw new UsageError(
      `cannot read ${path}: ${reason(error)}; give an ELF file, an archive or a directory`,
    );
  }
}

function* below(directory: string, entries: readonly Dirent[]): Generator<Input> {
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isFile()) yield { path, named: false };
    if (!entry.isDirectory()) continue;
    let deeper: readonly Dirent[];
    try {
      deeper = list(path);
    } catch {
      continue;
    }
    yield* below(path, deeper);
  }
}

function list(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw new UsageError(`cannot read the directory ${directory}: ${reason(error)}`);
  }
}

/** Room for almost every file there is, in bytes. */
const AMPLE = 2 ** 28;

/**
 * Reads files one after the other into one buffer, so that a folder of thousands takes the memory of its largest file: what
 * `load` returns is good until the next call.
 */
export class Loader {
  private buffer = new Uint8Array(0);

  private room(size: number): Uint8Array {
    // Pages that no file has touched take no memory: growing step by step would leave each step behind for a while.
    if (this.buffer.length < size) this.buffer = new Uint8Array(Math.max(size, AMPLE));
    return this.buffer.subarray(0, size);
  }

  /** The signature to look for, where it is not the usual one. */
  constructor(private readonly signature: number | undefined) {}

  /** How many ELF files and archives were looked at, those included that were not read to the end. */
  looked = 0;

  /**
   * The bytes of a file, or undefined for one found in a directory that is no ELF file or archive, cannot be read, or has
   * nothing to do with rseq.
   */
  load({ path, named }: Input): Uint8Array | undefined {
    let file: number;
    try {
      file = openSync(path, NONBLOCKING);
    } catch (error) {
      if (!named) return undefined;
      throw new UsageError(`cannot read ${path}: ${reason(error)}`);
    }
    try {
      const found = identify(file, path);
      const bytes = this.room(found.size);
      this.looked++;
      if (!named && found.elf && !this.isWorthReading(file, bytes, path)) return undefined;
      readPart(file, bytes, { offset: 0, size: bytes.length }, path);
      return bytes;
    } catch (error) {
      if (!named) return undefined;
      if (error instanceof UsageError) throw error;
      throw new UsageError(`cannot read ${path}: ${reason(error)}`);
    } finally {
      closeSync(file);
    }
  }

  private isWorthReading(file: number, bytes: Uint8Array, path: string): boolean {
    const steps = tracesOf(bytes, path, this.signature);
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done) return step.value;
      readPart(file, bytes, step.value, path);
    }
  }
}

/** Size in bytes, and whether it is an ELF file (else an archive). Throws UsageError where it is neither. */
function identify(file: number, path: string): { size: number; elf: boolean } {
  const stat = fstatSync(file);
  if (!stat.isFile()) throw new UsageError(`${path} is not a regular file; save it to a file first`);
  const magic = Buffer.alloc(8);
  readSync(file, magic, 0, 8, 0);
  const elf = magic.readUInt32BE(0) === 0x7f454c46;
  if (!elf && !/^!<(arch|thin)>\n/.test(magic.toString('latin1'))) {
    const what = stat.size === 0 ? 'is empty' : 'is not an ELF file or an archive';
    throw new UsageError(`${path} ${what}; give an executable, library, object, archive (.a) or core`);
  }
  if (stat.size > LARGEST)
    throw new UsageError(`${path} has ${stat.size} bytes; files of 4 GiB and more are not read`);
  return { size: stat.size, elf };
}

/** O_RDONLY | O_NONBLOCK: opening a pipe without a writer must not wait. */
const NONBLOCKING = 0o4000;

function readPart(file: number, bytes: Uint8Array, part: Part, path: string): void {
  const end = part.offset + part.size;
  for (let offset = part.offset; offset < end; ) {
    const got = readSync(file, bytes, offset, Math.min(end - offset, 2 ** 30), offset);
    if (got === 0) throw new UsageError(`${path} was cut short while it was read; try again`);
    offset += got;
  }
}
