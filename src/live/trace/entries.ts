/** How often sections are entered: hardware breakpoints on their first instructions, counted by the kernel, which takes them back when we end. */
import type { Observed } from '../../event/observed.js';
import { sectionKey } from '../../event/observed.js';
import { isErrno } from '../../linux/errors.js';
import { BREAKPOINT, closeEvent, openEvent, readCount } from '../../linux/perf.js';
import { threadsOf } from '../../linux/procfs.js';
import type { TraceProfile } from '../../report/trace-profile.js';

/** Breakpoints that an x86-64 processor has. */
const MOST = 4;

interface Counter {
  readonly fds: readonly number[];
}

/** Counts for the sections that are aborted first, of the process in which they were. */
export class EntryCounters {
  private readonly counters = new Map<string, Counter | undefined>();
  private full = false;
  /** What stands against it; one line. */
  note: string | undefined;

  add({ event, abort, process }: Observed): void {
    if (event.kind !== 'abort' || abort === undefined || this.full) return;
    const key = sectionKey(abort, event);
    if (this.counters.has(key)) return;
    this.counters.set(key, this.open(process.pid, event.startIp));
    this.full = this.counters.size >= MOST;
  }

  /** Writes the counts so far into the profile. */
  fill(profile: TraceProfile): void {
    for (const [key, counter] of this.counters) {
      const section = profile.sections.get(key);
      if (section !== undefined && counter !== undefined)
        section.entered = counter.fds.reduce((sum, fd) => sum + readCount(fd), 0n);
    }
  }

  private open(pid: number, address: bigint): Counter | undefined {
    const fds: number[] = [];
    for (const tid of threadsOf(pid)) {
      try {
        const breakpoint = { access: BREAKPOINT.EXECUTE, address, length: 8 };
        fds.push(openEvent({ type: 'breakpoint', flags: ['inherit', 'excludeKernel'], breakpoint }, tid, -1));
      } catch (error) {
        if (isErrno(error, 'ESRCH')) continue;
        this.note = `entries cannot be counted: hardware breakpoints are not to be had (${(error as Error).message})`;
        this.full = true;
        for (const fd of fds) closeEvent(fd);
        return undefined;
      }
    }
    return { fds };
  }

  close(): void {
    for (const counter of this.counters.values()) for (const fd of counter?.fds ?? []) closeEvent(fd);
    this.counters.clear();
    this.full = true;
  }
}
