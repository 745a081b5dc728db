import { Errno } from './errno.js';
import type { Kernel } from './kernel.js';
import { BOOT } from './rearm.js';
import type { Task } from './state.js';

/** CONFIG_HZ 250: what CLOCK_REALTIME_COARSE and CLOCK_MONOTONIC_COARSE count in. */
const TICK = 4_000_000;

/** One of clock_gettime(2)'s clocks. `sleep`, `timer`: whether it can be slept on, and have timers (kernel/time/posix-timers.c posix_clocks). */
interface Clock {
  readonly now: (kernel: Kernel, task: Task) => number;
  readonly resolution: number;
  readonly sleep: boolean;
  readonly timer: boolean;
}

const sinceBoot = ({ state }: Kernel): number => state.clock;
const ofProcess = (_: Kernel, { process }: Task): number => process.cpuTime + process.systemTime;
const ofThread = (_: Kernel, { cpuTime, systemTime }: Task): number => cpuTime + systemTime;
const realtime = ({ state }: Kernel): number => state.clock + BOOT;
const coarse =
  (of: (kernel: Kernel) => number) =>
  (kernel: Kernel): number =>
    Math.floor(of(kernel) / TICK) * TICK;

const row = (now: Clock['now'], sleep: boolean, timer: boolean, resolution = 1): Clock => ({
  now,
  resolution,
  sleep,
  timer,
});

/** By their numbers; the alarm clocks (8, 9) want a hardware clock, which there is none. */
const CLOCKS: readonly (Clock | undefined)[] = [
  row(realtime, true, true),
  row(sinceBoot, true, true),
  row(ofProcess, true, true),
  row(ofThread, false, true),
  row(sinceBoot, false, false),
  row(coarse(realtime), false, false, TICK),
  row(coarse(sinceBoot), false, false, TICK),
  row(sinceBoot, true, true),
  undefined,
  undefined,
  undefined,
  row(realtime, true, true),
];

/** A clock id below 0 names a process or thread (include/linux/posix-timers_types.h): ~pid << 3, whether a thread, and what is counted. */
const PER_THREAD = 4;

/** The clock of a number, and whose it is. EINVAL where there is none. */
export function clockOf(kernel: Kernel, task: Task, id: number): { clock: Clock; owner: Task } {
  if (id >= 0) {
    const clock = CLOCKS[id];
    if (clock === undefined) throw new Errno('EINVAL');
    return { clock, owner: task };
  }
  const pid = ~(id >> 3);
  const thread = (id & PER_THREAD) !== 0;
  const owner = pid === 0 ? task : kernel.state.tasks.get(pid);
  if ((id & 3) === 3 || owner === undefined) throw new Errno('EINVAL');
  if (thread ? owner.process !== task.process : owner.tid !== owner.process.pid && pid !== 0)
    throw new Errno('EINVAL');
  return { clock: CLOCKS[thread ? 3 : 2]!, owner };
}

/** A clock's reading in nanoseconds. */
export function clockNow({ kernel, task }: { kernel: Kernel; task: Task }, id: number): number {
  const { clock, owner } = clockOf(kernel, task, id);
  return clock.now(kernel, owner);
}
