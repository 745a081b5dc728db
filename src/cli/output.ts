import { accessSync, constants, existsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { reason } from '../node/reason.js';
import { writeWhole } from '../node/write-whole.js';
import { UsageError } from './exit.js';

/** Before what takes long: where `deliver` could not write, that is said now. */
export function checkPlace(file: string | undefined, option = '-o'): void {
  if (file === undefined) return;
  try {
    if (!existsSync(file)) accessSync(`${dirname(file)}/.`, constants.W_OK);
    else if (statSync(file).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    else accessSync(file, constants.W_OK);
  } catch (error) {
    throw cannotWrite(file, error, option);
  }
}

const cannotWrite = (file: string, error: unknown, option: string): UsageError =>
  new UsageError(`cannot write ${file}: ${reason(error)}; choose another place with ${option}`);

/** Writes a result to a file or to standard output. */
export function deliver(content: string | Uint8Array, file: string | undefined, option = '-o'): void {
  if (file === undefined) {
    writeStream(1, typeof content === 'string' ? Buffer.from(content) : content);
    return;
  }
  try {
    writeWhole(file, content);
  } catch (error) {
    throw cannotWrite(file, error, option);
  }
}

/** All of it, also into a pipe that is slow; a reader that has gone away (head) is no error. */
export function writeAll(text: string): void {
  writeStream(1, Buffer.from(text));
}

/** The same with bytes, to an open file. False: its reader has gone away. */
export function writeStream(stream: number, bytes: Uint8Array): boolean {
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += writeSync(stream, bytes, offset);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return false;
      if (code !== 'EAGAIN') throw new UsageError(`cannot write the result: ${reason(error)}`);
      // A pipe that is full: look again in 5 ms.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return true;
}

/** Colour where standard output is a terminal, unless --no-color or NO_COLOR (no-color.org) says otherwise. */
export const wantsColour = (option: boolean, file: string | undefined): boolean =>
  option && file === undefined && process.stdout.isTTY === true && !process.env['NO_COLOR'];
