import { RESTART } from '../../abi/errno.js';
import { clockNow, clockOf } from '../clocks.js';
import { Errno } from '../errno.js';
import { blocked } from '../wait.js';
import { type Call, type Calls, int, type Result } from './call.js';
import { setTimespec, setTimeval, timespec } from './timespec.js';

export { clockNow } from '../clocks.js';
export { setTimespec, timespec } from './timespec.js';

const NS = 1_000_000_000;
const TIMER_ABSTIME = 1;
const CLOCK_PROCESS_CPUTIME = 2;

/** A sleep: until the clock says so, or the process has run so long. */
interface Sleeping {
  readonly deadline: number;
  /** Where to tell what is left; 0: nowhere. */
  readonly rest: bigint;
  /** Goes on after a signal without a handler with what is left; an absolute one simply begins anew. */
  readonly relative: boolean;
}

/** nanosleep(2), clock_nanosleep(2) (hrtimer_nanosleep). */
function sleep(call: Call, sleeping: Sleeping): Result {
  const { kernel, task, memory, resumed } = call;
  const { deadline, rest, relative } = sleeping;
  if (resumed?.ended === 'timeout' || deadline <= kernel.state.clock) return 0;
  if (resumed?.ended !== 'signal')
    return blocked([], { deadline, data: sleeping, arguments: call.arguments });
  if (!relative) return -RESTART.ERESTARTNOHAND;
  if (rest !== 0n) setTimespec(memory, rest, deadline - kernel.state.clock);
  task.restart = { call: 'nanosleep', data: sleeping };
  return -RESTART.ERESTART_RESTARTBLOCK;
}

/** After a signal without a handler. */
export function goOnSleeping(call: Call, data: unknown): Result {
  return sleep(call, data as Sleeping);
}

/** Sleeps by CPU time: looked at again each time that somebody of the process has run (do_cpu_nanosleep). */
export const cpuKey = (pid: number): string => `cpu-time:${pid}`;

function sleepByCpuTime(call: Call, until: number): Result {
  const { task, kernel } = call;
  if (call.resumed?.ended === 'signal') throw new Errno('EINTR');
  if (clockNow({ kernel, task }, CLOCK_PROCESS_CPUTIME) >= until) return 0;
  return blocked([cpuKey(task.process.pid)], { data: until, arguments: call.arguments });
}

export const TIME: Calls = {
  clock_gettime: (call) => {
    setTimespec(call.memory, call.arguments[1]!, clockNow(call, int(call.arguments[0])));
    return 0;
  },
  clock_getres: ({ kernel, task, memory, arguments: [id, address] }) => {
    const { clock } = clockOf(kernel, task, int(id));
    if (address !== 0n) setTimespec(memory, address!, clock.resolution);
    return 0;
  },
  /** Time is the simulation's. */
  clock_settime: ({ kernel, task, arguments: [id] }) => {
    clockOf(kernel, task, int(id));
    throw new Errno('EPERM');
  },
  gettimeofday: (call) => {
    const [time, zone] = call.arguments as [bigint, bigint];
    if (time !== 0n) setTimeval(call.memory, time, clockNow(call, 0));
    if (zone !== 0n) call.memory.setU64(zone, 0n);
    return 0;
  },
  time: (call) => {
    const seconds = Math.floor(clockNow(call, 0) / NS);
    if (call.arguments[0] !== 0n) call.memory.setU64(call.arguments[0]!, BigInt(seconds));
    return seconds;
  },
  nanosleep: (call) => {
    const { kernel, memory, resumed } = call;
    const [request, rest] = call.arguments as [bigint, bigint];
    if (resumed !== undefined) return sleep(call, resumed.data as Sleeping);
    return sleep(call, { deadline: kernel.state.clock + timespec(memory, request), rest, relative: true });
  },
  clock_nanosleep: (call) => {
    const { kernel, task, memory, resumed } = call;
    const [id, flags, request, rest] = call.arguments as [bigint, bigint, bigint, bigint];
    if (typeof resumed?.data === 'number') return sleepByCpuTime(call, resumed.data);
    if (resumed !== undefined) return sleep(call, resumed.data as Sleeping);
    const { clock, owner } = clockOf(kernel, task, int(id));
    if (!clock.sleep) throw new Errno('EOPNOTSUPP');
    const time = timespec(memory, request);
    const absolute = (int(flags) & TIMER_ABSTIME) !== 0;
    const now = clock.now(kernel, owner);
    if (int(id) === CLOCK_PROCESS_CPUTIME) return sleepByCpuTime(call, absolute ? time : now + time);
    const deadline = absolute ? kernel.state.clock + time - now : kernel.state.clock + time;
    return sleep(call, { deadline, rest: absolute ? 0n : rest, relative: !absolute });
  },
};
