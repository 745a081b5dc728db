import { Errno } from '../errno.js';
import { lookup, type Place } from '../files/lookup.js';
import { fileOf } from '../files/table.js';
import { type Call, int } from './call.js';

export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  /** AT_EACCESS for faccessat2(2), AT_REMOVEDIR for unlinkat(2). */
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  NO_AUTOMOUNT: 0x800,
  EMPTY_PATH: 0x1000,
} as const;

/** The directory that a relative path starts from. EBADF, ENOTDIR. */
export function baseOf({ task }: Call, directory: bigint | undefined, path: string): string {
  if (path.startsWith('/') || directory === undefined || int(directory) === AT.FDCWD) return task.fs.cwd;
  const file = fileOf(task, int(directory));
  if (file.inode.kind !== 'directory' && file.inode.kind !== 'listing') throw new Errno('ENOTDIR');
  return file.path;
}

/** Follows the path at an address. */
export function placeAt(call: Call, directory: bigint | undefined, address: bigint, follow = true): Place {
  const path = call.memory.text(address);
  return lookup(call.kernel, call.task, baseOf(call, directory, path), path, follow);
}

/** The same; ENOENT where nothing is there. */
export function existing(
  call: Call,
  directory: bigint | undefined,
  address: bigint,
  follow = true,
): Place & { readonly what: NonNullable<Place['what']> } {
  const place = placeAt(call, directory, address, follow);
  const { what } = place;
  if (what === undefined) throw new Errno('ENOENT');
  const isDirectory = what.kind === 'directory' || what.kind === 'listing';
  if (place.mustBeDirectory && !isDirectory) throw new Errno('ENOTDIR');
  return { ...place, what };
}
