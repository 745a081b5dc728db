import { realpathSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { UsageError } from './exit.js';

/** Writes a result to a file or to standard output. */
export function deliver(content: string | Uint8Array, file: string | undefined, option = '-o'): void {
  if (file === undefined) {
    writeStream(1, typeof content === 'string' ? Buffer.from(content) : content);
    return;
  }
  try {
    const target = targetOf(file);
    if (target === undefined) writeFileSync(file, content);
    else replace(target, content);
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${reason(error)}; choose another place with ${option}`);
  }
}

/** The file to replace, behind symbolic links; undefined for what must not be replaced: /dev/null, a pipe. */
function targetOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return file;
  if (stat.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
  return stat.isFile() ? realpathSync(file) : undefined;
}

/** Under a temporary name first, then renamed: whoever reads the file sees the old or the new one, never a half. */
function replace(file: string, content: string | Uint8Array): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, content);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
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

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is no directory',
  ENOSPC: 'no space left on the device',
  EROFS: 'the file system is read-only',
  ELOOP: 'too many symbolic links',
};

/** An error of the file system in words. */
export const reason = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && REASONS[code]) ?? message;
};

/** Colour where standard output is a terminal, unless --no-color or NO_COLOR (no-color.org) says otherwise. */
export const wantsColour = (option: boolean, file: string | undefined): boolean =>
  option && file === undefined && process.stdout.isTTY === true && !process.env['NO_COLOR'];
