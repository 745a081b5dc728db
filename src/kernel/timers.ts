import { SI, SIG } from '../abi/signals.js';
import type { Kernel } from './kernel.js';
import { CPU_CLOCKS, forward, rearmTimer, timerNow } from './rearm.js';
import { sendSignal } from './signal/send.js';
import { makeSignal } from './signal/sets.js';
import type { PosixTimer, Process, Task } from './state.js';
import { cpuKey } from './syscalls/time.js';
import { wake } from './wait.js';

/** it_real_fn(): it starts again when its signal is taken. */
export function fireAlarm(kernel: Kernel, process: Process): void {
  if (process.itimers.real.interval === 0) process.itimers.real.expires = 0;
  sendSignal(kernel, process, makeSignal(SIG.SIGALRM));
}

/** posix_timer_fn(): while its signal waits to be taken, the timer only counts. */
export function firePosix(kernel: Kernel, process: Process, timer: PosixTimer): void {
  if (timer.notify === 'none') return;
  if (timer.queued) {
    timer.missed++;
    return;
  }
  const signal = makeSignal(timer.signal, { code: SI.TIMER, value: timer.value, timer });
  const target = timer.target ?? process;
  timer.queued = true;
  sendSignal(kernel, target, signal);
  const waits = [...process.shared, ...process.tasks.flatMap(({ pending }) => pending)].some(
    (each) => each.timer === timer,
  );
  // The signal is ignored: nobody will take it, and the timer goes on by itself.
  if (!waits) rearmTimer(kernel, process, timer);
}

/** Of a thread that has run: what it is told by, and what goes off by it (run_posix_cpu_timers). */
export function spend(kernel: Kernel, task: Task, instructions: number): void {
  const { process } = task;
  task.cpuTime += instructions;
  process.cpuTime += instructions;
  const { virtual, prof } = process.itimers;
  if (virtual.expires > 0 && process.cpuTime >= virtual.expires)
    expire(kernel, process, virtual, process.cpuTime, SIG.SIGVTALRM);
  const all = process.cpuTime + process.systemTime;
  if (prof.expires > 0 && all >= prof.expires) expire(kernel, process, prof, all, SIG.SIGPROF);
  if (kernel.state.waiters.has(cpuKey(process.pid)))
    wake(kernel, cpuKey(process.pid), undefined, (_, { data }) => all >= (data as number));
  for (const timer of process.posixTimers.values())
    if (CPU_CLOCKS.includes(timer.clock) && timer.expires > 0 && !timer.queued)
      if (timerNow(kernel, process, timer) >= timer.expires) firePosix(kernel, process, timer);
}

/** Instructions that a thread may run before one of its timers is due: so that those are exact. */
export function untilTimer(task: Task): number {
  const { process } = task;
  const { virtual, prof } = process.itimers;
  const all = process.cpuTime + process.systemTime;
  let least = Number.POSITIVE_INFINITY;
  if (virtual.expires > 0) least = Math.min(least, virtual.expires - process.cpuTime);
  if (prof.expires > 0) least = Math.min(least, prof.expires - all);
  for (const { clock, expires, queued, owner } of process.posixTimers.values()) {
    if (!CPU_CLOCKS.includes(clock) || expires === 0 || queued) continue;
    least = Math.min(least, expires - (clock === 2 ? all : owner.cpuTime + owner.systemTime));
  }
  return Math.max(1, least);
}

/** ITIMER_VIRTUAL, ITIMER_PROF (check_cpu_itimer). */
function expire(
  kernel: Kernel,
  process: Process,
  timer: { expires: number; interval: number },
  now: number,
  number: number,
): void {
  if (timer.interval === 0) timer.expires = 0;
  else forward(timer, now);
  sendSignal(kernel, process, makeSignal(number));
}
