import type { Kernel } from './kernel.js';
import type { PosixTimer, Process } from './state.js';
import { addTimer } from './wait.js';

/** Timers that go off more than once start again only when their signal is taken (kernel/signal.c dequeue_signal). */

/** CLOCK_REALTIME at boot, in nanoseconds: 2024-01-01. The same in every run. */
export const BOOT = 1_704_067_200 * 1e9;
export const REALTIME_CLOCKS: readonly number[] = [0, 5, 8, 11];
/** CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID. */
export const CPU_CLOCKS: readonly number[] = [2, 3];

/** A timer's own clock. */
export function timerNow(kernel: Kernel, process: Process, { clock, owner }: PosixTimer): number {
  if (clock === 2) return process.cpuTime + process.systemTime;
  if (clock === 3) return owner.cpuTime + owner.systemTime;
  return kernel.state.clock + (REALTIME_CLOCKS.includes(clock) ? BOOT : 0);
}

/** The first moment after `now` at which a periodic timer goes off, and how many it has missed (hrtimer_forward). */
export function forward(timer: { expires: number; interval: number }, now: number): number {
  if (timer.interval === 0 || timer.expires > now) return 0;
  const missed = Math.floor((now - timer.expires) / timer.interval) + 1;
  timer.expires += missed * timer.interval;
  return missed;
}

/** posixtimer_rearm_itimer(): ITIMER_REAL. */
export function rearmItimer(kernel: Kernel, process: Process): void {
  const { real } = process.itimers;
  const runs = kernel.state.timers.some((each) => each.kind === 'alarm' && each.process === process);
  if (runs || real.interval === 0) return;
  forward(real, kernel.state.clock);
  addTimer(kernel, { kind: 'alarm', at: real.expires, process });
}

/** posixtimer_rearm(): the signal is taken; it tells how often the timer has gone off besides. */
export function rearmTimer(kernel: Kernel, process: Process, timer: PosixTimer): void {
  if (!timer.queued || process.posixTimers.get(timer.id) !== timer) return;
  timer.queued = false;
  const more = timer.interval === 0 ? 0 : forward(timer, timerNow(kernel, process, timer)) - 1;
  timer.overrun = timer.missed + Math.max(0, more);
  timer.missed = 0;
  if (timer.interval === 0) timer.expires = 0;
  else startTimer(kernel, process, timer);
}

/** Puts it where it will be seen to: the clock's timers, or (CPU time) the ends of turns. */
export function startTimer(kernel: Kernel, process: Process, timer: PosixTimer): void {
  if (CPU_CLOCKS.includes(timer.clock)) return;
  const at = kernel.state.clock + timer.expires - timerNow(kernel, process, timer);
  addTimer(kernel, { kind: 'posix', at, process, timer });
}
