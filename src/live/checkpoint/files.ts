import { readdirSync, statSync } from 'node:fs';
import type { FileImage } from '../../checkpoint/image.js';
import { procLink, procText } from '../../linux/procfs.js';
import { Unsupported } from './contents.js';

/** O_CREAT, O_EXCL, O_TRUNC: they were for the first time. */
const ONCE = 0o1300;
/** Devices that hold nothing of their own. */
const DEVICES: readonly string[] = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'];

/** The open files of a process. Throws Unsupported for one that cannot be opened again. */
export function captureFiles(pid: number): FileImage[] {
  const fds = readdirSync(`/proc/${pid}/fd`).map(Number);
  return fds
    .sort((a, b) => a - b)
    .flatMap((fd) => {
      const path = procLink(`${pid}/fd/${fd}`);
      const info = procText(`${pid}/fdinfo/${fd}`);
      return path === undefined || info === undefined ? [] : [fileOf(pid, fd, path, info)];
    });
}

function fileOf(pid: number, fd: number, path: string, info: string): FileImage {
  const word = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(info)?.[1] ?? '0';
  const flags = Number.parseInt(word('flags'), 8) & ~ONCE;
  const position = Number(word('pos'));
  const regular = path.startsWith('/') && isSameFile(`/proc/${pid}/fd/${fd}`, path);
  if (regular || DEVICES.includes(path)) return { fd, kind: 'file', path, flags, position };
  if (fd <= 2) return { fd, kind: 'stream', path, flags, position: 0 };
  throw new Unsupported(
    `its descriptor ${fd} is ${path}: only regular files and the standard streams can be kept`,
  );
}

/** A regular file that its path still leads to. */
function isSameFile(link: string, path: string): boolean {
  const [open, named] = [link, path].map((name) => statSync(name, { throwIfNoEntry: false }));
  return (
    open !== undefined &&
    named !== undefined &&
    open.isFile() &&
    open.ino === named.ino &&
    open.dev === named.dev
  );
}
