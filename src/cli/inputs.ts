import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from './exit.js';
import { reason } from './output.js';

/** Larger files are refused: they would not fit into one buffer, and no program is that large. */
const LARGEST = 4 * 2 ** 30 - 1;

/** A file to look at. `named`: the user named it, so it must be usable; else it was found in a directory. */
export interface Input {
  readonly path: string;
  readonly named: boolean;
}

/** Files named, and every regular file below directories named; symbolic links inside directories are not followed. */
export function* inputs(paths: readonly string[]): Generator<Input> {
  for (const path of paths) {
    if (statOf(path).isDirectory()) yield* below(path);
    else yield { path, named: true };
  }
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

function* below(directory: string): Generator<Input> {
  let entries: ReturnType<typeof list>;
  try {
    entries = list(directory);
  } catch {
    return;
  }
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* below(path);
    else if (entry.isFile()) yield { path, named: false };
  }
}

const list = (directory: string) =>
  readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));

/** The bytes of a file, or undefined for one found in a directory that is no ELF file or archive, or cannot be read. */
export function load({ path, named }: Input): Uint8Array | undefined {
  let file: number;
  try {
    file = openSync(path, NONBLOCKING);
  } catch (error) {
    if (!named) return undefined;
    throw new UsageError(`cannot read ${path}: ${reason(error)}`);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new UsageError(`${path} is not a regular file; save it to a file first`);
    const magic = Buffer.alloc(8);
    readSync(file, magic, 0, 8, 0);
    const elf = magic.readUInt32BE(0) === 0x7f454c46;
    const archive = /^!<(arch|thin)>\n/.test(magic.toString('latin1'));
    if (!elf && !archive) {
      if (!named) return undefined;
      const what = stat.size === 0 ? 'is empty' : 'is not an ELF file or an archive';
      throw new UsageError(`${path} ${what}; give an executable, library, object, archive (.a) or core`);
    }
    if (stat.size > LARGEST)
      throw new UsageError(`${path} has ${stat.size} bytes; files of 4 GiB and more are not read`);
    return readAll(file, stat.size, path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (!named) return undefined;
    throw new UsageError(`cannot read ${path}: ${reason(error)}`);
  } finally {
    closeSync(file);
  }
}

/** O_RDONLY | O_NONBLOCK: opening a pipe without a writer must not wait. */
const NONBLOCKING = 0o4000;

function readAll(file: number, size: number, path: string): Uint8Array {
  const bytes = new Uint8Array(size);
  let offset = 0;
  while (offset < size) {
    const got = readSync(file, bytes, offset, Math.min(size - offset, 2 ** 30), offset);
    if (got === 0) throw new UsageError(`${path} was cut short while it was read; try again`);
    offset += got;
  }
  return bytes;
}
