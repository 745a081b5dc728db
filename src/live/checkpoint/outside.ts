/** What is not the process's alone: the image would hold one side of it. */
import { readdirSync } from 'node:fs';
import { printable } from '../../binary/printable.js';
import { isErrno } from '../../linux/errors.js';
import { allProcesses, commandLine, mapsOf, procLink, threadStat } from '../../linux/procfs.js';
import { sameDescription } from './suitable.js';

interface Holder {
  readonly pid: number;
  readonly fd: number;
}

/** All other processes, looked at once; what was found to be nobody else's is not asked for again. */
export class Outside {
  private readonly alone = new Set<string>();
  private open: Map<string, Holder[]> | undefined;
  private mapped: Map<string, number> | undefined;

  constructor(private readonly pid: number) {}

  /** Another process with this pipe open, in words. `link`: `pipe:[1234]`. */
  holderOfPipe(link: string): string | undefined {
    return this.once(link, () => this.holders(link)[0]?.pid);
  }

  /** ... with this open file, whatever it is of. */
  holderOfDescription(fd: number, link: string): string | undefined {
    return this.once(`${fd} ${link}`, () => this.holders(link).find((other) => sameDescription(this.pid, fd, other.pid, other.fd))?.pid); // biome-ignore format: one step
  }

  /** ... with this memory, mapped or open. `key`: `00:01 1234`, as in /proc/PID/maps; `link`: what its descriptors lead to. */
  holderOfMemory(key: string, link: string, keyOf: (path: string) => string): string | undefined {
    return this.once(key, () => {
      this.mapped ??= new Map(others(this.pid, (pid) => mapsOf(pid).filter(({ inode }) => inode !== 0).map(({ device, inode }) => [`${device} ${inode}`, pid] as const))); // biome-ignore format: one step
      return this.mapped.get(key) ?? this.holders(link).find(({ pid, fd }) => keyOf(`/proc/${pid}/fd/${fd}`) === key)?.pid; // biome-ignore format: one step
    });
  }

  /** What was seen of others is old from now on. */
  refresh(): void {
    this.open = undefined;
    this.mapped = undefined;
  }

  private once(name: string, find: () => number | undefined): string | undefined {
    if (this.alone.has(name)) return undefined;
    const pid = find();
    if (pid === undefined) {
      this.alone.add(name);
      return undefined;
    }
    return `process ${pid} (${printable(commandLine(pid)[0] ?? threadStat(pid)?.name ?? 'which has ended')})`;
  }

  private holders(link: string): readonly Holder[] {
    if (this.open === undefined) {
      this.open = new Map();
      for (const [name, holder] of others(this.pid, openOf))
        this.open.set(name, [...(this.open.get(name) ?? []), holder]);
    }
    return this.open.get(link) ?? [];
  }
}

/** Files of file systems are left out. */
const openOf = (pid: number): (readonly [string, Holder])[] =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const link = procLink(`${pid}/fd/${fd}`);
    return link === undefined || (link.startsWith('/') && !link.startsWith('/memfd:'))
      ? []
      : [[link, { pid, fd: Number(fd) }] as const];
  });

function others<T>(pid: number, look: (other: number) => readonly T[]): T[] {
  return allProcesses().flatMap((other) => {
    if (other === pid || other === process.pid) return [];
    try {
      return look(other);
    } catch (error) {
      // Gone, or not ours to look at: whoever shares with this one is mostly its user's.
      if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return [];
      throw error;
    }
  });
}
