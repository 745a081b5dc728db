import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { newObject, truncate } from '../mm/objects.js';
import type { Task } from '../state.js';
import type { Inode, OpenFile } from './file.js';
import { O } from './flags.js';
import { lookup, type Place } from './lookup.js';
import { newFile } from './table.js';
import { createFile, newRegular } from './tree.js';
import type { What } from './what.js';

/** Flags that matter only while a file is opened. */
const OPENING = O.CREAT | O.EXCL | O.TRUNC | O.CLOEXEC | O.NOFOLLOW;

/** open(2) from a directory. Files of the host can only be read (EROFS), those of /proc and /sys too (EACCES). */
export function openFile(
  kernel: Kernel,
  task: Task,
  base: string,
  path: string,
  flags: number,
  mode = 0,
): OpenFile {
  if ((flags & O.TMPFILE) === O.TMPFILE) return openNameless(kernel, task, base, path, flags, mode);
  const creates = (flags & O.CREAT) !== 0;
  const exclusive = creates && (flags & O.EXCL) !== 0;
  const place = lookup(kernel, task, base, path, !exclusive && (flags & O.NOFOLLOW) === 0);
  if (place.what === undefined) return create(kernel, task, place, flags, mode);
  if (exclusive) throw new Errno('EEXIST');
  return openPlace(kernel, place, flags);
}

function create(kernel: Kernel, task: Task, place: Place, flags: number, mode: number): OpenFile {
  if ((flags & O.CREAT) === 0) throw new Errno('ENOENT');
  if (place.mustBeDirectory) throw new Errno('EISDIR');
  if (place.parent === undefined) throw new Errno(place.path.startsWith('/proc/') ? 'ENOENT' : 'EROFS');
  const node = createFile(kernel, place.parent, place.path, place.name, mode & 0o7777 & ~task.fs.umask);
  return newFile(kernel, node, flags & ~OPENING, place.path);
}

/** open(2) of what is there. */
function openPlace(kernel: Kernel, { what, path, mustBeDirectory }: Place, flags: number): OpenFile {
  const writes = (flags & O.ACCMODE) !== 0;
  const isDirectory = what!.kind === 'directory' || what!.kind === 'listing';
  if (isDirectory && (writes || (flags & O.CREAT) !== 0)) throw new Errno('EISDIR');
  if (!isDirectory && ((flags & O.DIRECTORY) !== 0 || mustBeDirectory)) throw new Errno('ENOTDIR');
  if (what!.kind === 'link' || (what!.kind === 'magic' && what!.file === undefined)) throw new Errno('ELOOP');
  const isOpen = what!.kind === 'magic' ? what!.file : undefined;
  const inode = isOpen?.inode ?? inodeOf(what!);
  if ((flags & O.PATH) === 0 && writes) mayWrite(inode);
  if ((flags & O.TRUNC) !== 0 && inode.kind === 'regular' && writes) truncate(kernel, inode.object, 0);
  if (inode.kind === 'pipe') return reopenPipe(kernel, inode, path, flags);
  return newFile(kernel, inode, flags & ~OPENING, isOpen?.path ?? path);
}

function reopenPipe(
  kernel: Kernel,
  { pipe }: Extract<Inode, { kind: 'pipe' }>,
  path: string,
  flags: number,
): OpenFile {
  const end = (flags & O.ACCMODE) === 0 ? 'read' : 'write';
  if (end === 'read') pipe.readers++;
  else pipe.writers++;
  return newFile(kernel, { kind: 'pipe', pipe, end }, flags & ~OPENING, path);
}

function mayWrite(inode: Inode): void {
  if (inode.kind === 'text') throw new Errno('EACCES');
  if (inode.kind === 'regular' && inode.object.constant) throw new Errno('EROFS');
}

function inodeOf(what: What): Inode {
  switch (what.kind) {
    case 'made':
      return { kind: 'text', content: what.content(), mode: what.mode };
    case 'listing':
      return { kind: 'listing', entries: what.entries() };
    case 'device':
      return { kind: what.device };
    case 'regular':
    case 'directory':
      return what;
    default:
      throw new Errno('ELOOP');
  }
}

/** O_TMPFILE: a file without a name in a directory. */
function openNameless(
  kernel: Kernel,
  task: Task,
  base: string,
  path: string,
  flags: number,
  mode: number,
): OpenFile {
  const { what, path: full } = lookup(kernel, task, base, path);
  if ((flags & O.ACCMODE) === 0) throw new Errno('EINVAL');
  if (what === undefined) throw new Errno('ENOENT');
  if (what.kind !== 'directory') throw new Errno(what.kind === 'listing' ? 'EROFS' : 'ENOTDIR');
  const node = newRegular(
    kernel,
    mode & 0o7777 & ~task.fs.umask,
    newObject(kernel, `${full}/#tmp (deleted)`),
  );
  node.facts.links = 0;
  return newFile(kernel, node, flags & ~(OPENING | O.TMPFILE), `${full}/#tmp (deleted)`);
}
