import { readFileSync } from 'node:fs';
import { release, version } from 'node:os';
import { call, unavailable } from '../../src/linux/libc.js';
import { closeEvent, DUMMY, openEvent } from '../../src/linux/perf.js';
import { PerfRing } from '../../src/linux/perf-ring.js';
import * as ptrace from '../../src/linux/ptrace.js';
import { startStopped } from '../../src/linux/spawn.js';
import { waitFor } from '../../src/linux/wait.js';

/** Containers may forbid it (seccomp). */
function untraceable(): string | undefined {
  let pid: number | undefined;
  try {
    pid = startStopped([process.execPath]);
    ptrace.seize(pid, 0);
    return undefined;
  } catch (error) {
    return `processes cannot be traced here (${(error as Error).message})`;
  } finally {
    if (pid !== undefined) {
      process.kill(pid, 'SIGKILL');
      for (let change = waitFor(pid); change !== undefined && change.kind !== 'killed'; )
        change = waitFor(pid);
    }
  }
}

function scope(): string | undefined {
  try {
    const value = readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'latin1').trim();
    return value === '0' || process.getuid?.() === 0 ? undefined : `kernel.yama.ptrace_scope is ${value}`;
  } catch {
    return undefined;
  }
}

/** Why real processes cannot be worked on here: the title of what is skipped then. */
export const reason = unavailable() ?? untraceable();
/** The same for processes that somebody else has started. */
export const reasonToAttach = reason ?? scope();
export const title = (text: string, why = reason): string => (why === undefined ? text : `${text}: ${why}`);

/** Why the kernel does not tell of mappings here. */
export function untoldMappings(): string | undefined {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 10)) return 'this kernel sends no signals for mappings';
  if (version().includes('PREEMPT_RT')) return 'on this kernel signals for mappings may come later';
  try {
    const flags = ['mmap', 'excludeKernel'] as const;
    const fd = openEvent({ type: 'software', config: DUMMY, period: 0, flags }, process.pid, -1);
    try {
      new PerfRing(fd, 8192).close();
    } finally {
      closeEvent(fd);
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What `action` starts stays on one CPU: children begin where the thread that makes them may run (sched_setaffinity(2)). */
export function onOneCpu<T>(action: () => T): T {
  const before = new Uint8Array(128);
  call('sched_getaffinity', 0, before.length, before);
  const first = before.findIndex((byte) => byte !== 0);
  const one = new Uint8Array(before.length);
  one[first] = before[first]! & -before[first]!;
  call('sched_setaffinity', 0, one.length, one);
  try {
    return action();
  } finally {
    call('sched_setaffinity', 0, before.length, before);
  }
}
