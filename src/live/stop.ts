/** Stopping threads for the shortest time, by ptrace. The thread that we run on is their tracer meanwhile. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SIG } from '../abi/signals.js';
import { isErrno } from '../linux/errors.js';
import { call, tryCall } from '../linux/libc.js';
import * as ptrace from '../linux/ptrace.js';
import { go, startStopped } from '../linux/spawn.js';
import { PR_SET_PDEATHSIG } from '../linux/stub.js';
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

/** Threads that are asked to stop at one time: while one comes to its stop another is looked at. More would wait for us, standing. */
const AT_ONCE = 3;
/** Seconds in which a thread comes to a stop, unless it waits for a disk or a server that does not answer, or the machine is much too busy. */
const PATIENCE = 10;

/** One thread; waits for as long as it takes, and leaves what else we trace alone. */
export function whileStopped<T>(tid: number, use: () => T): Stop<T> {
  const since = performance.now();
  const refused = request(tid);
  if (refused !== undefined) return refused;
  const change = waitFor(tid);
  return change === undefined ? { kind: 'gone' } : standing(change, use, performance.now(), since);
}

/** Stops each of these threads, one after the other, and hands it to `use` while it stands. For who traces nothing else. */
export function stopEach<T>(tids: readonly number[], use: (tid: number) => T): Map<number, Stop<T>> {
  const done = new Map<number, Stop<T>>();
  for (let at = 0; at < tids.length; at += BETWEEN_SWEEPS) {
    sweep();
    stopSome(tids.slice(at, at + BETWEEN_SWEEPS), use, done);
  }
  return done;
}

/** Stops leave garbage behind, and a thread would stand still for as long as it is collected: that is done while none does. */
const BETWEEN_SWEEPS = 100;
let collect: ((options: { type: 'minor' }) => void) | undefined;

function sweep(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as typeof collect;
  }
  collect?.({ type: 'minor' });
}

function stopSome<T>(tids: readonly number[], use: (tid: number) => T, done: Map<number, Stop<T>>): void {
  const asked = new Map<number, number>();
  let next = 0;
  while (next < tids.length || asked.size > 0) {
    const ringing = bellOf();
    for (; next < tids.length && asked.size < AT_ONCE; next++) {
      const tid = tids[next]!;
      const refused = request(tid);
      if (refused === undefined) asked.set(tid, performance.now());
      else done.set(tid, refused);
    }
    if (asked.size === 0) continue;
    const change = waitFor(-1);
    const heard = performance.now();
    if (change === undefined || change.tid === ringing) {
      // What has not stopped by now is let be; the kernel takes our request back when we end.
      for (const tid of asked.keys()) done.set(tid, { kind: change === undefined ? 'gone' : 'stuck' });
      asked.clear();
      bell = undefined;
      continue;
    }
    const since = asked.get(change.tid);
    asked.delete(change.tid);
    done.set(change.tid, standing(change, use, heard, since ?? heard));
  }
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

let bell: { readonly pid: number; readonly since: number } | undefined;

/** One that does not ring too soon. */
function bellOf(): number {
  if (bell !== undefined && performance.now() - bell.since > (PATIENCE * 1000) / 2) {
    end(bell.pid);
    bell = undefined;
  }
  bell ??= { pid: hangBell(), since: performance.now() };
  return bell.pid;
}

/** A child that ends when our patience does: waitFor hears of it. It ends with us, too. */
function hangBell(): number {
  const seconds = new Uint8Array(new BigUint64Array([BigInt(PATIENCE), 0n]).buffer);
  const bell = startStopped(
    [process.execPath],
    [
      { name: 'prctl', arguments: [PR_SET_PDEATHSIG, SIG.SIGKILL] },
      { name: 'nanosleep', arguments: [seconds, 0] },
      { name: 'exit_group', arguments: [0] },
    ],
    {},
  );
  go(bell);
  return bell;
}

function end(child: number): void {
  call('kill', child, SIG.SIGKILL);
  waitFor(child);
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
  const victim = startStopped([process.execPath], [], {});
  try {
    for (let round = 0; round < ROUNDS; round++) whileStopped(victim, () => use(victim));
  } finally {
    end(victim);
  }
}

const ROUNDS = 100;
