/** Stops every thread of a process, and lets it go on. */
import { ERRNO } from '../../abi/errno.js';
import { SIG } from '../../abi/signals.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { threadStat, threadStatus, threadsOf } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import { type Change, waitFor } from '../../linux/wait.js';

/** A thread that stands still for us. */
export interface Frozen {
  readonly tid: number;
  /** It stood still before, by a signal such as SIGSTOP, and will afterwards. */
  readonly stopped: boolean;
}

/** Threads that are traced by us already. */
export interface Meeting {
  /** This one stands still. */
  readonly tid: number;
  /** Told of what others do instead of the stop that was asked for: true where that will do. */
  isThere(tid: number, change: Change): boolean;
}

/** All threads, also those that are made meanwhile; the process's first one first. Throws SystemError: EPERM, ESRCH. */
export function freeze(pid: number, met?: Meeting): Frozen[] {
  const all = new Map<number, Frozen>(met && [[met.tid, { tid: met.tid, stopped: false }]]);
  const gone = new Set<number>();
  try {
    // Threads that are not stopped yet may make others.
    for (let fresh = true; fresh; ) {
      const found = threadsOf(pid).filter((tid) => !all.has(tid) && !gone.has(tid));
      fresh = found.length > 0;
      const seized = found.filter((tid) => seize(pid, tid) || !gone.add(tid));
      for (const tid of seized) interrupt(tid);
      for (const tid of seized) {
        const frozen = standing(tid, met);
        if (frozen === undefined) gone.add(tid);
        else all.set(tid, frozen);
      }
    }
  } catch (error) {
    thaw([...all.values()]);
    throw error;
  }
  if (!all.has(pid)) {
    thaw([...all.values()]);
    throw new SystemError('ptrace', ERRNO.ESRCH);
  }
  return [...all.values()].sort((a, b) => Number(b.tid === pid) - Number(a.tid === pid) || a.tid - b.tid);
}

/** One thread of a process that runs; undefined where it is gone, or cannot be had. */
export function freezeOne(pid: number, tid: number): Frozen | undefined {
  try {
    if (!seize(pid, tid)) return undefined;
  } catch (error) {
    if (isErrno(error, 'EPERM', 'ESRCH')) return undefined;
    throw error;
  }
  interrupt(tid);
  return standing(tid);
}

/** False for a thread that is gone, or is going. */
function seize(pid: number, tid: number): boolean {
  try {
    ptrace.seize(tid, ptrace.traceOptions());
    return true;
  } catch (error) {
    if (!isErrno(error, 'ESRCH', 'EPERM')) throw error;
    if (isErrno(error, 'EPERM') && isOurs(tid)) return true;
    const state = threadStat(pid, tid)?.state ?? 'X';
    if (tid !== pid && (isErrno(error, 'ESRCH') || state === 'Z' || state === 'X')) return false;
    throw error;
  }
}

const isOurs = (tid: number): boolean => Number(threadStatus(tid)?.get('TracerPid') ?? 0) === process.pid;

function interrupt(tid: number): void {
  try {
    ptrace.interrupt(tid);
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

/**
 * Waits until a thread that was interrupted stands still. A signal that it is about to get is delivered first: it would be lost in what we make the
 * thread do. Undefined: it has ended.
 */
function standing(tid: number, met?: Meeting): Frozen | undefined {
  for (;;) {
    const change = waitFor(tid);
    if (change === undefined || change.kind === 'exited' || change.kind === 'killed') return undefined;
    if (change.kind === 'event' && change.event === 'STOP')
      return { tid, stopped: change.signal !== SIG.SIGTRAP };
    if (met?.isThere(tid, change) === true) return { tid, stopped: false };
    // Any stop takes the place of the one that was asked for (ptrace_stop).
    interrupt(tid);
    try {
      ptrace.cont(tid, change.kind === 'signal' ? change.signal : 0);
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  }
}

/** All go on; those that a signal had stopped stay so. */
export function thaw(threads: readonly Frozen[]): void {
  for (const { tid } of threads) {
    try {
      ptrace.detach(tid);
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  }
}
