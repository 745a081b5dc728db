import { PTRACE } from '../../abi/ptrace-requests.js';
import { Errno } from '../errno.js';
import { attach, traceMe } from '../ptrace/link.js';
import { ANYTIME, OF_USER_AREA, REQUESTS } from '../ptrace/requests.js';
import { trappingKey } from '../ptrace/stop.js';
import { isOwnTracee, tracerRequest } from '../scenario/tracer.js';
import type { Task } from '../state.js';
import { blocked } from '../wait.js';
import { type Call, type Calls, int, type Result, size } from './call.js';

/** Requests as sys_ptrace() takes them: a long. */
const NO_THREAD: bigint = BigInt(PTRACE.TRACEME);
const ATTACH: readonly bigint[] = [BigInt(PTRACE.ATTACH), BigInt(PTRACE.SEIZE)];

/** kernel/ptrace.c SYSCALL_DEFINE4(ptrace). */
function ptrace(call: Call): Result {
  const { kernel, task: caller, resumed } = call;
  const [request, pid, address, data] = call.arguments as [bigint, bigint, bigint, bigint];
  if (resumed !== undefined) return waitForTrap(call, resumed.data as Task);
  if (request === NO_THREAD) {
    traceMe(caller);
    return 0;
  }
  if (isOwnTracee(caller, int(pid))) return tracerRequest(call);
  const task = kernel.state.tasks.get(int(pid));
  if (task === undefined) throw new Errno('ESRCH');
  if (ATTACH.includes(request)) {
    const seize = request === BigInt(PTRACE.SEIZE);
    if (seize && address !== 0n) throw new Errno('EIO');
    return attach(kernel, caller, task, seize, data) ? waitForTrap(call, task) : 0;
  }
  // ptrace_check_attach()
  const number = Number(request);
  const mine = task.ptrace !== undefined && task.ptrace.tracer === caller;
  const stopped = task.state === 'traced' && !task.jobctl.listening && task.killed === undefined;
  if (!mine || !(stopped || ANYTIME.includes(number))) throw new Errno('ESRCH');
  const handler = REQUESTS.get(number);
  if (handler === undefined || (!kernel.arch.hasUserArea && OF_USER_AREA.has(number))) throw new Errno('EIO');
  return handler({ call, task, address, data });
}

/** A thread that was stopped already is on its way into a stop for its tracer (wait_on_bit(JOBCTL_TRAPPING)). */
function waitForTrap(call: Call, task: Task): Result {
  if (!task.jobctl.trapping) return 0;
  return blocked([trappingKey(task)], { data: task, interruptible: false, arguments: call.arguments });
}

/** UIO_MAXIOV, and as much as one call moves. */
const MOST_PARTS = 1024;
const MOST_BYTES = 1 << 26;

interface Part {
  readonly base: bigint;
  readonly length: number;
}

function parts({ memory }: Call, address: bigint, count: bigint): Part[] {
  if (count > BigInt(MOST_PARTS)) throw new Errno('EINVAL');
  return Array.from({ length: Number(count) }, (_, index) => {
    const at = address + BigInt(16 * index);
    return { base: memory.u64(at), length: size(memory.u64(at + 8n)) };
  });
}

/** process_vm_readv(2), process_vm_writev(2) (mm/process_vm_access.c): between two processes, up to the first place that one cannot give. */
function transfer(call: Call, write: boolean): Result {
  const { kernel, memory } = call;
  const [pid, local, localCount, remote, remoteCount, flags] = call.arguments as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  if (flags !== 0n) throw new Errno('EINVAL');
  const here = parts(call, local, localCount);
  const most = Math.min(
    MOST_BYTES,
    here.reduce((sum, { length }) => sum + length, 0),
  );
  if (most === 0) return 0;
  const there = parts(call, remote, remoteCount);
  const task = kernel.state.tasks.get(int(pid));
  if (task === undefined || task.state === 'dead') throw new Errno('ESRCH');
  // Permissions count: this is no debugger's access.
  const other = kernel.memory(task.mm);
  let done = 0;
  try {
    for (const step of steps(here, there, most)) {
      if (write) other.write(step.there, memory.read(step.here, step.length));
      else memory.write(step.here, other.read(step.there, step.length));
      done += step.length;
    }
  } catch (error) {
    if (!(error instanceof Errno) || done === 0) throw error;
  }
  return done;
}

/** Pieces that lie within one part on either side, and within one page on the other, so that what is given is given up to the last page. */
function* steps(here: readonly Part[], there: readonly Part[], most: number) {
  let [left, h, t, hAt, tAt] = [most, 0, 0, 0, 0];
  while (left > 0 && h < here.length && t < there.length) {
    const [a, b] = [here[h]!, there[t]!];
    const from = b.base + BigInt(tAt);
    const length = Math.min(left, a.length - hAt, b.length - tAt, 4096 - Number(from % 4096n));
    if (length > 0) yield { here: a.base + BigInt(hAt), there: from, length };
    left -= length;
    hAt += length;
    tAt += length;
    if (hAt === a.length) [h, hAt] = [h + 1, 0];
    if (tAt === b.length) [t, tAt] = [t + 1, 0];
  }
}

export const PTRACE_CALLS: Calls = {
  ptrace,
  process_vm_readv: (call) => transfer(call, false),
  process_vm_writev: (call) => transfer(call, true),
};
