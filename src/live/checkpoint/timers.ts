/** Timers of a process: of setitimer(2), and of timer_create(2) with their ids. */
import type { PosixTimerImage, ProcessImage } from '../../checkpoint/image.js';
import { isErrno } from '../../linux/errors.js';
import { type InThread, withBytes } from '../../linux/inject.js';
import { readForced } from '../../linux/memory.js';
import { procText } from '../../linux/procfs.js';
import { Unsupported } from './refusal.js';

/** struct itimerval, struct itimerspec. */
const TIMER = 32;
/** getitimer(2): ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF. */
const INTERVAL_TIMERS = [0, 1, 2];

export function intervalTimersOf(pid: number, call: InThread): [number, number][] {
  return withBytes(
    pid,
    call,
    () => new Uint8Array(TIMER),
    (address) =>
      INTERVAL_TIMERS.map((which): [number, number] => {
        call('getitimer', which, address);
        const view = new DataView(readForced(pid, address, TIMER)!.buffer);
        const time = (at: number): number =>
          Number(view.getBigInt64(at, true)) * 1_000_000 + Number(view.getBigInt64(at + 8, true));
        return [time(0), time(16)];
      }),
  );
}

export function setIntervalTimers(pid: number, call: InThread, timers: ProcessImage['timers']): void {
  for (const [which, [interval, left]] of timers.entries()) {
    if (left === 0) continue;
    const time = (value: number): bigint[] => [BigInt(Math.floor(value / 1e6)), BigInt(value % 1e6)];
    const bytes = new Uint8Array(new BigInt64Array([...time(interval), ...time(left)]).buffer);
    withBytes(
      pid,
      call,
      () => bytes,
      (at) => call('setitimer', which, at, 0),
    );
  }
}

/** struct sigevent.sigev_notify (include/uapi/asm-generic/siginfo.h), by the words of /proc/PID/timers (proc_pid_timers(5)). */
const NOTIFY: Readonly<Record<string, number>> = { signal: 0, none: 1, thread: 2 };
const SIGEV_THREAD_ID = 4;

/** Of /proc/PID/timers; the time is asked for in the process. */
export function posixTimersOf(pid: number, call: InThread): PosixTimerImage[] {
  const listed = [...(procText(`${pid}/timers`) ?? '').matchAll(/ID: (\d+)\nsignal: (-?\d+)\/([0-9a-f]+)\nnotify: (\w+)\/(tid|pid)\.(\d+)\nClockID: (-?\d+)/g)]; // biome-ignore format: one form
  if (listed.length === 0) return [];
  return withBytes(
    pid,
    call,
    () => new Uint8Array(TIMER),
    (address) =>
      listed.map(([, id, signal, value, notify, how, target, clock]) => {
        call('timer_gettime', Number(id), address);
        const view = new DataView(readForced(pid, address, TIMER)!.buffer);
        const time = (at: number): [number, number] => [
          Number(view.getBigInt64(at, true)),
          Number(view.getBigInt64(at + 8, true)),
        ];
        return {
          id: Number(id),
          clock: Number(clock),
          notify: NOTIFY[notify!]! | (how === 'tid' ? SIGEV_THREAD_ID : 0),
          signal: Number(signal),
          value: BigInt(`0x${value}`),
          thread: Number(target),
          time: [time(0), time(16)],
        };
      }),
  );
}

const PR_TIMER_CREATE_RESTORE_IDS = 77;
/** struct sigevent, and behind it the id. */
const SIGEVENT = 64;

/** Kernels from 6.15 on take the id (Documentation of prctl(2)); those before count up, so that timers are made until it comes. Throws Unsupported. */
export function setPosixTimers(pid: number, call: InThread, timers: readonly PosixTimerImage[]): void {
  if (timers.length === 0) return;
  const byId = attempt(() => call('prctl', PR_TIMER_CREATE_RESTORE_IDS, 1, 0, 0, 0));
  for (const timer of [...timers].sort((a, b) => a.id - b.id)) {
    for (let id = create(pid, call, timer); id !== timer.id; id = create(pid, call, timer)) {
      call('timer_delete', id);
      if (id > timer.id || byId)
        throw new Unsupported(`its timer ${timer.id} cannot get its id again: this kernel gave ${id}`);
    }
    const bytes = new Uint8Array(new BigInt64Array(timer.time.flat().map(BigInt)).buffer);
    withBytes(
      pid,
      call,
      () => bytes,
      (at) => call('timer_settime', timer.id, 0, at, 0),
    );
  }
  if (byId) call('prctl', PR_TIMER_CREATE_RESTORE_IDS, 0, 0, 0, 0);
}

function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (isErrno(error, 'EINVAL')) return false;
    throw error;
  }
}

function create(
  pid: number,
  call: InThread,
  { id, clock, notify, signal, value, thread }: PosixTimerImage,
): number {
  const bytes = new Uint8Array(SIGEVENT + 4);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, value, true);
  view.setInt32(8, signal, true);
  view.setInt32(12, notify, true);
  view.setInt32(16, thread, true);
  view.setInt32(SIGEVENT, id, true);
  return withBytes(
    pid,
    call,
    () => bytes,
    (at) => {
      call('timer_create', clock, at, at + BigInt(SIGEVENT));
      return new DataView(readForced(pid, at + BigInt(SIGEVENT), 4)!.buffer).getInt32(0, true);
    },
  );
}
