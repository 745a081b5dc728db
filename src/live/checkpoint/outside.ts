/** What is not the process's alone: the image would hold one side of it. */

import { readdirSync } from 'node:fs';
import { printable } from '../../binary/printable.js';
import { isErrno } from '../../linux/errors.js';
import { allProcesses, commandLine, mapsOf, procLink, threadStat } from '../../linux/procfs.js';
import { sameDescription } from './suitable.js';

/** `pipe:[1234]` */
type Link = string;

/** Another process with this pipe open, in words. */
export const holderOfPipe = (pid: number, link: Link): string | undefined =>
  holder(pid, (other, fd) => procLink(`${other}/fd/${fd}`) === link);

/** ... with this open file, whatever it is of. */
export const holderOfDescription = (pid: number, fd: number, link: Link): string | undefined =>
  holder(
    pid,
    (other, at) => procLink(`${other}/fd/${at}`) === link && sameDescription(pid, fd, other, Number(at)),
  );

/** ... with this memory, mapped or open: `00:01 1234`, as in /proc/PID/maps. `link`: what its descriptors lead to. */
export const holderOfMemory = (
  pid: number,
  key: string,
  link: Link,
  isSame: (other: string) => boolean,
): string | undefined =>
  holder(
    pid,
    (other, fd) => procLink(`${other}/fd/${fd}`) === link && isSame(`/proc/${other}/fd/${fd}`),
    (other) => mapsOf(other).some(({ device, inode }) => `${device} ${inode}` === key),
  );

function holder(
  pid: number,
  hasOpen: (other: number, fd: string) => boolean,
  hasMapped: (other: number) => boolean = () => false,
): string | undefined {
  for (const other of allProcesses()) {
    if (other === pid || other === process.pid) continue;
    try {
      const found = hasMapped(other) || readdirSync(`/proc/${other}/fd`).some((fd) => hasOpen(other, fd));
      if (found)
        return `process ${other} (${printable(commandLine(other)[0] ?? threadStat(other)?.name ?? '')})`;
    } catch (error) {
      // Gone, or not ours to look at: whoever shares with this one is mostly its user's.
      if (!isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) throw error;
    }
  }
  return undefined;
}
