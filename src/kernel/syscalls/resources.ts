import { Errno } from '../errno.js';
import { residentOf } from '../mm/charge.js';
import type { Process } from '../state.js';
import { type Call, type Calls, int, unsigned } from './call.js';

const INFINITE = (1n << 64n) - 1n;
/** RLIM_NLIMITS. */
const LIMITS = 16;
const RLIMIT_NOFILE = 7;
const NR_OPEN = 1_048_576n;
/** Clock ticks of user space: USER_HZ is 100. */
const TICK = 10_000_000;

function getLimit({ memory }: Call, { limits }: Process, resource: number, address: bigint): void {
  const [soft, hard] = limits.get(resource) ?? [INFINITE, INFINITE];
  memory.setU64(address, soft);
  memory.setU64(address + 8n, hard);
}

function limitAt({ memory }: Call, resource: number, address: bigint): [soft: bigint, hard: bigint] {
  const [soft, hard] = [memory.u64(address), memory.u64(address + 8n)];
  if (soft > hard) throw new Errno('EINVAL');
  if (resource === RLIMIT_NOFILE && hard > NR_OPEN) throw new Errno('EPERM');
  return [soft, hard];
}

const resourceOf = (value: bigint | undefined): number => {
  const resource = unsigned(value);
  if (resource >= LIMITS) throw new Errno('EINVAL');
  return resource;
};

/** struct rusage: user time, system time, 14 longs, of which the first is the most memory in kB. */
function usage({ task, memory, arguments: [who, address] }: Call): number {
  const which = int(who);
  if (![-1, 0, 1].includes(which)) throw new Errno('EINVAL');
  const time = which === -1 ? 0 : task.process.cpuTime;
  const words = new BigUint64Array(18);
  words[0] = BigInt(Math.floor(time / 1e9));
  words[1] = BigInt(Math.floor((time % 1e9) / 1000));
  words[4] = which === -1 ? 0n : BigInt(residentOf(task.mm) * 4);
  memory.write(address!, new Uint8Array(words.buffer));
  return 0;
}

export const RESOURCES: Calls = {
  prlimit64: (call) => {
    const { kernel, task } = call;
    const [pid, , newLimit, oldLimit] = call.arguments as [bigint, bigint, bigint, bigint];
    const resource = resourceOf(call.arguments[1]);
    const process = int(pid) === 0 ? task.process : kernel.state.tasks.get(int(pid))?.process;
    if (process === undefined) throw new Errno('ESRCH');
    const wanted = newLimit === 0n ? undefined : limitAt(call, resource, newLimit);
    if (oldLimit !== 0n) getLimit(call, process, resource, oldLimit);
    if (wanted !== undefined) process.limits.set(resource, wanted);
    return 0;
  },
  getrlimit: (call) => {
    getLimit(call, call.task.process, resourceOf(call.arguments[0]), call.arguments[1]!);
    return 0;
  },
  setrlimit: (call) => {
    const resource = resourceOf(call.arguments[0]);
    call.task.process.limits.set(resource, limitAt(call, resource, call.arguments[1]!));
    return 0;
  },
  getrusage: usage,
  times: ({ kernel, task, memory, arguments: [address] }) => {
    const ticks = BigInt(Math.floor(task.process.cpuTime / TICK));
    if (address !== 0n)
      memory.write(address!, new Uint8Array(new BigUint64Array([ticks, 0n, 0n, 0n]).buffer));
    return Math.floor(kernel.state.clock / TICK);
  },
  // struct sysinfo: seconds, three loads, memory in bytes, processes, bytes of a unit.
  sysinfo: ({ kernel, memory, arguments: [address] }) => {
    const { state, options } = kernel;
    const bytes = new Uint8Array(112);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(Math.floor(state.clock / 1e9)), true);
    view.setBigUint64(32, BigInt(options.memoryLimit) * 4096n, true);
    view.setBigUint64(40, BigInt(Math.max(0, options.memoryLimit - state.resident)) * 4096n, true);
    view.setUint16(80, state.tasks.size, true);
    view.setUint32(104, 1, true);
    memory.write(address!, bytes);
    return 0;
  },
  personality: ({ task, arguments: [wanted] }) => {
    const before = task.process.personality;
    if (unsigned(wanted) !== 0xffff_ffff) task.process.personality = unsigned(wanted);
    return before;
  },
};
