/** Stops every thread of a process, and lets it go on. */
import { ERRNO } from '../../abi/errno.js';
import { SIG } from '../../abi/signals.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { threadsOf } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import { waitFor } from '../../linux/wait.js';

/** A thread that stands still for us. */
export interface Frozen {
  readonly tid: number;
  /** It was about to get this signal, which waits no more: siginfo_t. 0: none. */
  readonly signal: number;
  readonly info: DataView | undefined;
}

/** All threads, also those that are made meanwhile; the process's first one first. Throws SystemError: EPERM, ESRCH. */
export function freeze(pid: number): Frozen[] {
  const all = new Map<number, Frozen>();
  try {
    for (let fresh = true; fresh; ) {
      fresh = false;
      for (const tid of threadsOf(pid)) {
        if (all.has(tid) || !seize(tid, tid === pid)) continue;
        fresh = true;
        ptrace.interrupt(tid);
        const frozen = standing(tid);
        if (frozen !== undefined) all.set(tid, frozen);
      }
    }
  } catch (error) {
    thaw([...all.values()]);
    throw error;
  }
  if (all.size === 0) throw new SystemError('ptrace', ERRNO.ESRCH);
  return [...all.values()].sort((a, b) => Number(b.tid === pid) - Number(a.tid === pid) || a.tid - b.tid);
}

/** False for a thread that is gone. */
function seize(tid: number, first: boolean): boolean {
  try {
    ptrace.seize(tid, ptrace.traceOptions());
    return true;
  } catch (error) {
    if (!first && isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}

function standing(tid: number): Frozen | undefined {
  const change = waitFor(tid);
  if (change === undefined || change.kind === 'exited' || change.kind === 'killed') return undefined;
  const signal = change.kind === 'signal' ? change.signal : 0;
  return { tid, signal, info: signal === 0 ? undefined : ptrace.signalInfo(tid) };
}

/** All go on, with the signals that they were about to get. */
export function thaw(threads: readonly Frozen[]): void {
  for (const { tid, signal } of threads) {
    try {
      ptrace.detach(tid, signal === SIG.SIGTRAP ? 0 : signal);
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  }
}
