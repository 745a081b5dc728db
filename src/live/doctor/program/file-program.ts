import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { BinaryError } from '../../../binary/error.js';
import { readImage } from '../../../binary/read.js';
import { DEBUG_DIRECTORY, debugFile } from '../../../node/debug-file.js';
import { reason } from '../../../node/reason.js';
import { findSections } from '../../../sections/find.js';
import { shortName } from '../../process.js';
import { Refused } from '../../refused.js';
import type { ProgramFacts } from './facts.js';
import { fileFacts } from './files.js';

/** What is so of files that nobody runs. Throws Refused. */
export function filesProgram(paths: readonly string[]): ProgramFacts {
  const files = paths.flatMap((path) => {
    const bytes = contentOf(path);
    try {
      const image = readImage(bytes, path, { debugFile: () => debugFile(bytes, path, DEBUG_DIRECTORY) });
      return fileFacts(findSections(image), shortName(path)) ?? [];
    } catch (error) {
      if (error instanceof BinaryError) throw new Refused(error.message);
      throw error;
    }
  });
  return {
    name: paths.map(shortName).join(', '),
    process: undefined,
    files,
    looked: paths.length,
    notes: [],
  };
}

const WHAT = 'give a program, a library or an object';
/** O_RDONLY | O_NONBLOCK: opening a pipe without a writer must not wait. */
const NONBLOCKING = 0o4000;
/** Larger files do not fit into one buffer. */
const LARGEST = 2 ** 31 - 1;

function contentOf(path: string): Uint8Array {
  let file: number;
  try {
    file = openSync(path, NONBLOCKING);
  } catch (error) {
    throw new Refused(`cannot read ${path}: ${reason(error)}; ${WHAT}`);
  }
  try {
    const stat = fstatSync(file);
    const magic = Buffer.alloc(4);
    if (!stat.isFile() || stat.size > LARGEST)
      throw new Refused(`${path} is no file that can be judged; ${WHAT}`);
    readSync(file, magic, 0, 4, 0);
    if (magic.readUInt32BE(0) !== 0x7f454c46) throw new Refused(`${path} is not an ELF file; ${WHAT}`);
    return new Uint8Array(readFileSync(file));
  } finally {
    closeSync(file);
  }
}
