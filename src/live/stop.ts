/** Stopping threads for the shortest time, by ptrace. The thread that we run on is their tracer meanwhile. */
import { isErrno } from '../linux/errors.js';
import { tryCall } from '../linux/libc.js';
import * as ptrace from '../linux/ptrace.js';
import { type Change, waitFor } from '../linux/wait.js';

/**
 *   stopped   `value` is what `use` made of it; `held` microseconds from when we heard that it stands until it went on, `asked` from the request
 *             to stop on: it stood still for no less than the one and no more than the other
 *   gone      it has ended
 *   denied    it has another tracer, or we are not allowed to
 *   stuck     it has not come out of the kernel: it goes on as soon as it does
 */
export type Stop<T> =
  | { readonly kind: 'stopped'; readonly value: T; readonly held: number; readonly asked: number }
  | { readonly kind: 'gone' | 'denied' | 'stuck' };

/** One thread; waits for as long as it takes, and leaves what else we trace alone. */
export function whileStopped<T>(tid: number, use: () => T): Stop<T> {
  const since = performance.now();
  const refused = request(tid);
  if (refused !== undefined) return refused;
  const change = waitFor(tid);
  return change === undefined ? { kind: 'gone' } : standing(change, use, performance.now(), since);
}

function request(tid: number): Stop<never> | undefined {
  try {
    ptrace.seize(tid, 0);
    ptrace.interrupt(tid);
    return undefined;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return { kind: 'gone' };
    if (isErrno(error, 'EPERM')) return { kind: 'denied' };
    throw error;
  }
}

function standing<T>(change: Change, use: (tid: number) => T, heard: number, since: number): Stop<T> {
  if (change.kind === 'exited' || change.kind === 'killed') return { kind: 'gone' };
  const { tid } = change;
  try {
    let value: T;
    try {
      value = use(tid);
    } finally {
      // A signal that came first is delivered as if nobody had been here.
      ptrace.detach(tid, change.kind === 'signal' ? change.signal : 0);
    }
    const over = performance.now();
    return { kind: 'stopped', value, held: (over - heard) * 1000, asked: (over - since) * 1000 };
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return { kind: 'gone' };
    throw error;
  }
}

const SCHED_FIFO = 1;
const SCHED_RESET_ON_FORK = 0x4000_0000;

/** On a machine with much to do a thread would stand still until it is our turn: meanwhile we come first, where we may (CAP_SYS_NICE). */
export function hurried<T>(action: () => T): T {
  const before = tryCall('sched_getscheduler', 0);
  const set = (policy: number, priority: number): number =>
    tryCall('sched_setscheduler', 0, policy, new Uint8Array(new Int32Array([priority]).buffer));
  if (before !== 0 || set(SCHED_FIFO | SCHED_RESET_ON_FORK, 1) < 0) return action();
  try {
    return action();
  } finally {
    set(before, 0);
  }
}
