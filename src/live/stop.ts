/** Stopping one thread for the shortest time, by ptrace. The thread that we run on is its tracer meanwhile. */
import { SIG } from '../abi/signals.js';
import { isErrno } from '../linux/errors.js';
import { call, tryCall } from '../linux/libc.js';
import * as ptrace from '../linux/ptrace.js';
import { startStopped } from '../linux/spawn.js';
import { waitFor } from '../linux/wait.js';

/**
 *   stopped   `value` is what `use` made of it; `held` microseconds from when we heard that it stands until it went on, `asked` from the request
 *             to stop on: it stood still for no less than the one and no more than the other
 *   gone      it has ended
 *   denied    it has another tracer, or we are not allowed to
 */
export type Stop<T> =
  | { readonly kind: 'stopped'; readonly value: T; readonly held: number; readonly asked: number }
  | { readonly kind: 'gone' | 'denied' };

/**
 * Not for a thread in an uninterruptible wait (state D): it would come to a stop only when that is over, and we with it. To wait for the change is
 * the quickest way to hear of it: who polls is asleep, or in the way, when it comes.
 */
export function whileStopped<T>(tid: number, use: () => T): Stop<T> {
  try {
    ptrace.seize(tid, 0);
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return { kind: 'gone' };
    if (isErrno(error, 'EPERM')) return { kind: 'denied' };
    throw error;
  }
  const begun = performance.now();
  try {
    ptrace.interrupt(tid);
    const change = waitFor(tid);
    const heard = performance.now();
    if (change === undefined || change.kind === 'exited' || change.kind === 'killed') return { kind: 'gone' };
    let value: T;
    try {
      value = use();
    } finally {
      // A signal that came first is delivered as if nobody had been here.
      ptrace.detach(tid, change.kind === 'signal' ? change.signal : 0);
    }
    const done = performance.now();
    return { kind: 'stopped', value, held: (done - heard) * 1000, asked: (done - begun) * 1000 };
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

/** The first stops would be the longest, since everything in them runs for the first time: they are practised on a process of ours. */
export function practise(use: (tid: number) => unknown): void {
  const victim = startStopped([process.execPath]);
  try {
    for (let round = 0; round < ROUNDS; round++) whileStopped(victim, () => use(victim));
  } finally {
    call('kill', victim, SIG.SIGKILL);
    waitFor(victim);
  }
}

const ROUNDS = 50;
