import type { PosixTimerImage, ProcessImage } from '../../checkpoint/image.js';
import type { Kernel } from '../kernel.js';
import { startTimer, timerNow } from '../rearm.js';
import type { PosixTimer, Process } from '../state.js';
import { clockKind } from '../syscalls/timers.js';

/** SIGEV_NONE, SIGEV_THREAD_ID. */
const [NONE, THREAD_ID] = [1, 4];
const NS = 1_000_000_000;
const NOTIFY = { signal: 0, none: NONE, thread: THREAD_ID } as const;

export const takePosixTimers = (kernel: Kernel, process: Process): PosixTimerImage[] =>
  [...process.posixTimers.values()].map((timer) => {
    const { id, clock, notify, signal, value, target, expires, interval } = timer;
    const left = expires === 0 ? 0 : Math.max(1, expires - timerNow(kernel, process, timer));
    return {
      id,
      clock,
      notify: NOTIFY[notify],
      signal,
      value,
      thread: target?.tid ?? 0,
      time: [interval, left].map((time) => [Math.floor(time / NS), time % NS] as const),
    };
  });

/** timer_create(2): what is left of them. */
export function putPosixTimers(kernel: Kernel, process: Process, { posixTimers = [] }: ProcessImage): void {
  for (const { id, clock, notify, signal, value, thread, time } of posixTimers) {
    const [interval, left] = time.map(([seconds, nanoseconds]) => seconds * NS + nanoseconds) as [
      number,
      number,
    ];
    const target = (notify & THREAD_ID) !== 0 ? kernel.state.tasks.get(thread) : undefined;
    const timer: PosixTimer = {
      id,
      clock: clockKind(clock),
      notify: target !== undefined ? 'thread' : notify === NONE ? 'none' : 'signal',
      signal,
      value,
      target,
      owner: target ?? process.tasks[0]!,
      expires: 0,
      interval,
      queued: false,
      overrun: 0,
      missed: 0,
    };
    process.posixTimers.set(id, timer);
    process.nextTimer = Math.max(process.nextTimer, id + 1);
    if (left === 0) continue;
    timer.expires = timerNow(kernel, process, timer) + left;
    startTimer(kernel, process, timer);
  }
}
