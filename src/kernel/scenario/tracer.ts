import type { Addr } from '../../abi/address.js';
import { PTRACE_GET_RSEQ_CONFIGURATION } from '../../abi/ptrace.js';
import { PTRACE } from '../../abi/ptrace-requests.js';
import { SA, SIG } from '../../abi/signals.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { REQUESTS } from '../ptrace/requests.js';
import { migrated, switchedIn, switchedOut } from '../rseq/events.js';
import { newRseq } from '../rseq/registration.js';
import { framesOf } from '../signal/frame.js';
import { makeSignal } from '../signal/sets.js';
import type { Task } from '../state.js';
import type { Call } from '../syscalls/call.js';

/**
 * RSEQLAB_TRACER: a tracer stops a task of the scenario, does to it what ptrace(2) lets it do, and lets it go on. While the task stands still it does nothing, so the
 * tracer runs in its place: on its stack, below what the task has there, without a registration of its own. As in a stop (kernel/signal.c ptrace_stop) the
 * kernel looks at the section only when the task goes on, with the registers and the rseq_cs that it then has.
 */

/** The task stops, and its tracer begins. */
export function enterTracer(kernel: Kernel, task: Task, start: Addr): void {
  switchedOut(kernel, task);
  const { rseq, cpu, mmCid } = task;
  const handler = {
    handler: BigInt(start),
    flags: SA.RESTORER,
    restorer: BigInt(kernel.state.scenario!.released),
    mask: 0n,
  };
  framesOf(kernel).enter(kernel, task, makeSignal(SIG.SIGTRAP), handler, task.mask);
  task.rseq = newRseq();
  task.traced = { rseq, cpu, mmCid, frame: task.registers[kernel.arch.stackPointer]! };
  task.registers[kernel.arch.arguments[0]!] = BigInt(task.tid);
}

/** The tracer is done: the task goes on as it has left it. It was off its CPU all the time. */
export function leaveTracer(kernel: Kernel, task: Task): void {
  const { rseq } = task.traced!;
  framesOf(kernel).leave(kernel, task);
  task.rseq = rseq;
  task.traced = undefined;
}

/** The same on a CPU, perhaps another one than it stopped on. */
export function released({ kernel, task }: Call): undefined {
  if (task.traced === undefined) throw new Errno('EINVAL');
  const { cpu, mmCid } = task.traced;
  leaveTracer(kernel, task);
  switchedOut(kernel, task);
  task.mmCid = mmCid;
  if (task.cpu !== cpu) migrated(kernel, task);
  switchedIn(kernel, task);
  return undefined;
}

/** Whether a task asks for what a tracer asks of the task in whose place it runs. */
export const isOwnTracee = ({ traced, tid }: Task, pid: number): boolean =>
  traced !== undefined && pid === tid;

const READS: ReadonlySet<number> = new Set([PTRACE.PEEKTEXT, PTRACE.PEEKDATA]);
const WRITES: ReadonlySet<number> = new Set([PTRACE.POKETEXT, PTRACE.POKEDATA]);
/** Of registers and of what the kernel keeps; true: they change registers. */
const OTHERS: ReadonlyMap<number, boolean> = new Map([
  [PTRACE.PEEKUSER, false],
  [PTRACE.GETREGS, false],
  [PTRACE.GETFPREGS, false],
  [PTRACE.GETREGSET, false],
  [PTRACE_GET_RSEQ_CONFIGURATION, false],
  [PTRACE.POKEUSER, true],
  [PTRACE.SETREGS, true],
  [PTRACE.SETFPREGS, true],
  [PTRACE.SETREGSET, true],
]);

/** ptrace(2) as the tracer of a scenario may use it. EIO for what lets a thread go on: that is what the end of the tracer's function does. */
export function tracerRequest(call: Call): number {
  const { kernel, task, memory, arguments: args } = call;
  const [request, , address, data] = args as [bigint, bigint, bigint, bigint];
  const number = Number(request);
  try {
    if (READS.has(number)) memory.setU64(data, memory.u64(address));
    if (WRITES.has(number)) memory.setU64(address, data);
  } catch (error) {
    throw error instanceof Errno ? new Errno('EIO') : error;
  }
  if (READS.has(number) || WRITES.has(number)) return 0;
  const changes = OTHERS.get(number);
  if (changes === undefined) throw new Errno('EIO');
  const stopped = asStopped(kernel, task);
  const result = REQUESTS.get(number)!({ call, task: stopped, address, data });
  if (changes) framesOf(kernel).rewrite(kernel, stopped, task.traced!.frame);
  return result;
}

/** The task as it stopped: a copy, whose registers are those of the frame. */
function asStopped(kernel: Kernel, task: Task): Task {
  const { rseq, frame } = task.traced!;
  const stopped: Task = { ...task, rseq, registers: task.registers.slice(), traced: undefined };
  const { stackPointer, convention } = kernel.arch;
  stopped.registers[stackPointer] = frame + BigInt(convention.returnSlot);
  framesOf(kernel).leave(kernel, stopped);
  return stopped;
}
