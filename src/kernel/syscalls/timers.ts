import { NSIG, SIG } from '../../abi/signals.js';
import { clockOf } from '../clocks.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { forward, startTimer, timerNow } from '../rearm.js';
import type { PosixTimer, Process, Task } from '../state.js';
import type { UserMemory } from '../user.js';
import { addTimer } from '../wait.js';
import { type Call, type Calls, int } from './call.js';
import { setTimespec, setTimeval, timespec, timeval } from './timespec.js';

const NS = 1_000_000_000;
const ITIMERS = ['real', 'virtual', 'prof'] as const;

/** What an interval timer counts in. */
const countOf = ({ state }: Kernel, process: Process, which: (typeof ITIMERS)[number]): number =>
  ({
    real: state.clock,
    virtual: process.cpuTime,
    prof: process.cpuTime + process.systemTime,
  })[which];

function itimerOf(which: bigint | undefined): (typeof ITIMERS)[number] {
  const name = ITIMERS[int(which)];
  if (name === undefined) throw new Errno('EINVAL');
  return name;
}

/** How long until it goes off: one that is late is about to. 0: it is not running. */
export function left(kernel: Kernel, process: Process, which: (typeof ITIMERS)[number]): number {
  const { expires } = process.itimers[which];
  const { timers } = kernel.state;
  const runs =
    which === 'real' ? timers.some((each) => each.kind === 'alarm' && each.process === process) : expires > 0;
  return runs ? Math.max(1000, expires - countOf(kernel, process, which)) : 0;
}

export function setItimer(
  kernel: Kernel,
  process: Process,
  which: (typeof ITIMERS)[number],
  first: number,
  interval: number,
): void {
  const { state } = kernel;
  const expires = first === 0 ? 0 : countOf(kernel, process, which) + first;
  process.itimers[which] = { expires, interval: first === 0 ? 0 : interval };
  if (which !== 'real') return;
  state.timers = state.timers.filter((each) => each.kind !== 'alarm' || each.process !== process);
  if (first > 0) addTimer(kernel, { kind: 'alarm', at: expires, process });
}

function writeItimer(memory: UserMemory, address: bigint, interval: number, value: number): void {
  setTimeval(memory, address, interval);
  setTimeval(memory, address + 16n, value);
}

/** sigevent(7): value, signo, notify, thread id. */
const SIGEV = { SIGNAL: 0, NONE: 1, THREAD: 2, THREAD_ID: 4 } as const;
const ABSOLUTE = 1;

function createTimer(call: Call): number {
  const { kernel, task, memory } = call;
  const [clock, event, id] = call.arguments as [bigint, bigint, bigint];
  const { process } = task;
  const { clock: found, owner } = clockOf(kernel, task, int(clock));
  if (!found.timer) throw new Errno('EOPNOTSUPP');
  const number = process.nextTimer;
  let parts: Pick<PosixTimer, 'notify' | 'signal' | 'value' | 'target'> = {
    notify: 'signal',
    signal: SIG.SIGALRM,
    value: BigInt(number),
    target: undefined,
  };
  if (event !== 0n) parts = eventOf(call, event);
  process.nextTimer++;
  memory.setU32(id, number);
  process.posixTimers.set(number, {
    id: number,
    clock: clockKind(int(clock)),
    ...parts,
    owner,
    expires: 0,
    interval: 0,
    queued: false,
    overrun: 0,
    missed: 0,
  });
  return 0;
}

/** A clock of a process or thread by its number (below 0) as one of the two that there are. */
export const clockKind = (clock: number): number => (clock >= 0 ? clock : (clock & 4) !== 0 ? 3 : 2);

function eventOf(
  { kernel, task, memory }: Call,
  address: bigint,
): Pick<PosixTimer, 'notify' | 'signal' | 'value' | 'target'> {
  const bytes = memory.read(address, 64);
  const view = new DataView(bytes.buffer);
  const [value, signal, notify, tid] = [
    view.getBigUint64(0, true),
    view.getInt32(8, true),
    view.getInt32(12, true),
    view.getInt32(16, true),
  ];
  const byThread = (notify & SIGEV.THREAD_ID) !== 0;
  const way = notify & ~SIGEV.THREAD_ID;
  let target: Task | undefined;
  if (byThread) {
    target = kernel.state.tasks.get(tid);
    if (target === undefined || target.process !== task.process) throw new Errno('EINVAL');
  }
  if (way !== SIGEV.SIGNAL && way !== SIGEV.NONE && way !== SIGEV.THREAD) throw new Errno('EINVAL');
  if ((way !== SIGEV.NONE || byThread) && (signal < 1 || signal > NSIG)) throw new Errno('EINVAL');
  return {
    notify: way === SIGEV.NONE ? 'none' : byThread ? 'thread' : 'signal',
    signal,
    value,
    target,
  };
}

function timerOf({ task, arguments: [id] }: Call): PosixTimer {
  const timer = task.process.posixTimers.get(int(id));
  if (timer === undefined) throw new Errno('EINVAL');
  return timer;
}

/** common_timer_get(): how long until it goes off next, also where its signal is still under way. */
function writePosix(call: Call, timer: PosixTimer, address: bigint): void {
  const { kernel, task, memory } = call;
  const now = timerNow(kernel, task.process, timer);
  let value = 0;
  if (timer.expires > 0) {
    const next = { ...timer };
    if (timer.queued || timer.notify === 'none') forward(next, now);
    // One that is due and only waits to be seen to has not gone off yet.
    value = next.expires > now ? next.expires - now : timer.notify === 'none' ? 0 : 1;
  }
  setTimespec(memory, address, timer.interval);
  setTimespec(memory, address + 16n, value);
}

function stopTimer({ state }: Kernel, timer: PosixTimer): void {
  state.timers = state.timers.filter((each) => each.kind !== 'posix' || each.timer !== timer);
}

export const TIMERS: Calls = {
  getitimer: ({ kernel, task, memory, arguments: [which, value] }) => {
    const name = itimerOf(which);
    const { process } = task;
    writeItimer(memory, value!, process.itimers[name].interval, left(kernel, process, name));
    return 0;
  },
  setitimer: ({ kernel, task, memory, arguments: [which, value, old] }) => {
    // Without a new value the timer is stopped: an old habit of the call's.
    const [interval, first] =
      value === 0n ? [0, 0] : [timeval(memory, value!), timeval(memory, value! + 16n)];
    const name = itimerOf(which);
    const { process } = task;
    const before = [process.itimers[name].interval, left(kernel, process, name)] as const;
    setItimer(kernel, process, name, first, interval);
    if (old !== 0n) writeItimer(memory, old!, ...before);
    return 0;
  },
  alarm: ({ kernel, task, arguments: [seconds] }) => {
    const before = left(kernel, task.process, 'real');
    setItimer(kernel, task.process, 'real', Number(BigInt.asUintN(32, seconds!)) * NS, 0);
    // Rounded to the nearest second, but never down to none (alarm_setitimer).
    return before === 0 ? 0 : Math.max(1, Math.round(before / NS));
  },
  timer_create: createTimer,
  timer_settime: (call) => {
    const { kernel, task, memory } = call;
    const [, flags, value, old] = call.arguments as [bigint, bigint, bigint, bigint];
    if (value === 0n) throw new Errno('EINVAL');
    const [interval, first] = [timespec(memory, value), timespec(memory, value + 16n)];
    const timer = timerOf(call);
    if (old !== 0n) writePosix(call, timer, old);
    stopTimer(kernel, timer);
    const now = timerNow(kernel, task.process, timer);
    const absolute = (int(flags) & ABSOLUTE) !== 0;
    timer.expires = first === 0 ? 0 : absolute ? first : now + first;
    timer.interval = first === 0 ? 0 : interval;
    timer.queued = false;
    timer.missed = timer.overrun = 0;
    // A signal of its that is still waiting belongs to what it was before (posixtimer_sig_ignore, it_signal_seq).
    const keep = (each: { timer?: PosixTimer }): boolean => each.timer !== timer;
    task.process.shared = task.process.shared.filter(keep);
    for (const each of task.process.tasks) each.pending = each.pending.filter(keep);
    if (timer.expires > 0) startTimer(kernel, task.process, timer);
    return 0;
  },
  timer_gettime: (call) => {
    writePosix(call, timerOf(call), call.arguments[1]!);
    return 0;
  },
  timer_getoverrun: (call) => timerOf(call).overrun,
  timer_delete: (call) => {
    const timer = timerOf(call);
    stopTimer(call.kernel, timer);
    call.task.process.posixTimers.delete(timer.id);
    return 0;
  },
};
