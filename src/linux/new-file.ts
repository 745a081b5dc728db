/**
 * A file that gets its name when it is whole. Up to then it has none (O_TMPFILE, open(2)), so that nothing is left of it where its writer is killed. File
 * systems without that, and systems without what linkat(2) takes, get a name with `.tmp` behind it.
 */
import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs'; // biome-ignore format: a list
import { dirname } from 'node:path';
import { ERRNO } from '../abi/errno.js';
import { SystemError } from './errors.js';
import { tryCall, unavailable } from './libc.js';

/** fcntl.h of x86-64. */
const O_TMPFILE = 0o20_200_000;
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;

const temporaryOf = (path: string): string => `${path}.${process.pid}.tmp`;

/** Of its owner only. */
const MODE = 0o600;

function openUnnamed(path: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return openSync(dirname(path), O_TMPFILE | constants.O_RDWR, MODE);
  } catch {
    return undefined;
  }
}

/** A file where `path` would be, for its descriptor only. Throws errors of open(2). */
export function nameless(path: string): number {
  const unnamed = openUnnamed(path);
  if (unnamed !== undefined) return unnamed;
  const temporary = temporaryOf(path);
  const fd = openSync(temporary, 'wx+', MODE);
  unlinkSync(temporary);
  return fd;
}

export class NewFile {
  private constructor(
    private readonly path: string,
    readonly fd: number,
    /** Its name up to now. */
    private readonly temporary: string | undefined,
  ) {}

  /** Throws errors of open(2), EISDIR, and one for what is there and is no regular file: it must not be replaced. */
  static create(path: string): NewFile {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    if (there !== undefined && !there.isFile())
      throw Object.assign(new Error('it is no regular file'), { code: 'EINVAL' });
    const fd = unavailable() === undefined ? openUnnamed(path) : undefined;
    if (fd !== undefined) return new NewFile(path, fd, undefined);
    const temporary = temporaryOf(path);
    return new NewFile(path, openSync(temporary, 'wx+', MODE), temporary);
  }

  /** What has been written is there under its name, in place of what was. Throws errors of the file system. */
  publish(): void {
    fsyncSync(this.fd);
    if (this.temporary !== undefined) return renameSync(this.temporary, this.path);
    if (this.link(this.path)) return;
    // linkat(2) replaces nothing, rename(2) takes names only.
    const temporary = temporaryOf(this.path);
    rmSync(temporary, { force: true });
    this.link(temporary);
    try {
      renameSync(temporary, this.path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }

  /** Closes it; without `publish` nothing is left of it. */
  close(): void {
    closeSync(this.fd);
    if (this.temporary !== undefined) rmSync(this.temporary, { force: true });
  }

  /** False: that name is taken. */
  private link(name: string): boolean {
    const [from, to] = [`/proc/self/fd/${this.fd}`, name].map((text) =>
      new TextEncoder().encode(`${text}\0`),
    );
    const result = tryCall('linkat', AT_FDCWD, from!, AT_FDCWD, to!, AT_SYMLINK_FOLLOW);
    if (result === -ERRNO.EEXIST) return false;
    if (result < 0) throw new SystemError('linkat', -result);
    return true;
  }
}
