import { RESTART } from '../../abi/errno.js';
import { Errno, failure } from '../errno.js';
import type { UserMemory } from '../user.js';
import { addTimer, blocked } from '../wait.js';
import { type Call, type Calls, int, type Result } from './call.js';

/** CLOCK_REALTIME at boot, in seconds: 2024-01-01. The same in every run. */
const BOOT = 1_704_067_200;
const NS = 1_000_000_000;

/** struct timespec as nanoseconds. EINVAL where it is none. */
export function timespec(memory: UserMemory, address: bigint): number {
  const [seconds, nanoseconds] = [memory.u64(address), memory.u64(address + 8n)];
  if (seconds >= 1n << 62n || nanoseconds >= BigInt(NS)) throw new Errno('EINVAL');
  return Number(seconds) * NS + Number(nanoseconds);
}

export function setTimespec(memory: UserMemory, address: bigint, time: number): void {
  memory.setU64(address, BigInt(Math.floor(time / NS)));
  memory.setU64(address + 8n, BigInt(Math.floor(time % NS)));
}

function setTimeval(memory: UserMemory, address: bigint, time: number): void {
  memory.setU64(address, BigInt(Math.floor(time / NS)));
  memory.setU64(address + 8n, BigInt(Math.floor((time % NS) / 1000)));
}

const timeval = (memory: UserMemory, address: bigint): number =>
  Number(memory.u64(address)) * NS + Number(memory.u64(address + 8n)) * 1000;

const REALTIME = [0, 5, 8, 11];

/** A clock's reading in nanoseconds. */
export function clockNow({ kernel, task }: Pick<Call, 'kernel' | 'task'>, clock: number): number {
  if (clock < 0 || clock > 11) {
    if (clock >= 0) throw new Errno('EINVAL');
    return task.process.cpuTime;
  }
  if (clock === 2 || clock === 3) return task.process.cpuTime;
  return kernel.state.clock + (REALTIME.includes(clock) ? BOOT * NS : 0);
}

const TIMER_ABSTIME = 1;

/** nanosleep(2), clock_nanosleep(2): what is left goes to `rest`; a signal without a handler lets it go on (ERESTART_RESTARTBLOCK). */
function sleepUntil(call: Call, deadline: number, rest: bigint, restartable: boolean): Result {
  const { kernel, task, memory, resumed } = call;
  if (resumed === undefined && deadline <= kernel.state.clock) return 0;
  if (resumed === undefined)
    return blocked([], { deadline, data: { deadline, rest, restartable }, arguments: call.arguments });
  if (resumed.ended === 'timeout') return 0;
  if (!restartable) return -RESTART.ERESTARTNOHAND;
  if (rest !== 0n) setTimespec(memory, rest, Math.max(0, deadline - kernel.state.clock));
  task.restart = { number: Number(task.call), arguments: [rest], deadline };
  return -RESTART.ERESTART_RESTARTBLOCK;
}

interface Sleeping {
  readonly deadline: number;
  readonly rest: bigint;
  readonly restartable: boolean;
}

export const TIME: Calls = {
  clock_gettime: (call) => {
    setTimespec(call.memory, call.arguments[1]!, clockNow(call, int(call.arguments[0])));
    return 0;
  },
  clock_getres: ({ memory, arguments: [, address] }) => {
    if (address !== 0n) setTimespec(memory, address!, 1);
    return 0;
  },
  gettimeofday: (call) => {
    if (call.arguments[0] !== 0n) setTimeval(call.memory, call.arguments[0]!, clockNow(call, 0));
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
    const before = resumed?.data as Sleeping | undefined;
    return sleepUntil(call, before?.deadline ?? kernel.state.clock + timespec(memory, request), rest, true);
  },
  clock_nanosleep: (call) => {
    const { kernel, memory, resumed } = call;
    const [clock, flags, request, rest] = call.arguments as [bigint, bigint, bigint, bigint];
    const before = resumed?.data as Sleeping | undefined;
    if (before !== undefined) return sleepUntil(call, before.deadline, before.rest, before.restartable);
    const time = timespec(memory, request);
    if ((int(flags) & TIMER_ABSTIME) === 0) return sleepUntil(call, kernel.state.clock + time, rest, true);
    return sleepUntil(call, time - (clockNow(call, int(clock)) - kernel.state.clock), 0n, false);
  },
  restart_syscall: (call) => {
    const { task, resumed } = call;
    const before = resumed?.data as Sleeping | undefined;
    if (before !== undefined) return sleepUntil(call, before.deadline, before.rest, true);
    if (task.restart === undefined) return failure('EINTR');
    return sleepUntil(call, task.restart.deadline, task.restart.arguments[0]!, true);
  },
  setitimer: ({ kernel, task, memory, arguments: [which, value, old] }) => {
    if (int(which) !== 0) throw new Errno('EINVAL');
    const { state } = kernel;
    const { process } = task;
    const running = state.timers.find((timer) => timer.kind === 'alarm' && timer.process === process);
    if (old !== 0n) {
      setTimeval(memory, old!, process.interval);
      setTimeval(memory, old! + 16n, running === undefined ? 0 : running.at - state.clock);
    }
    const [interval, first] = [timeval(memory, value!), timeval(memory, value! + 16n)];
    state.timers = state.timers.filter((timer) => timer !== running);
    process.interval = interval;
    if (first > 0) addTimer(kernel, { kind: 'alarm', at: state.clock + first, process });
    return 0;
  },
  alarm: ({ kernel, task, arguments: [seconds] }) => {
    const { state } = kernel;
    const { process } = task;
    const running = state.timers.find((timer) => timer.kind === 'alarm' && timer.process === process);
    state.timers = state.timers.filter((timer) => timer !== running);
    process.interval = 0;
    if (int(seconds) > 0) addTimer(kernel, { kind: 'alarm', at: state.clock + int(seconds) * NS, process });
    return running === undefined ? 0 : Math.ceil((running.at - state.clock) / NS);
  },
};
