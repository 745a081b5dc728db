import { RESTART } from '../../abi/errno.js';
import { SI, SIG } from '../../abi/signals.js';
import { Errno } from '../errno.js';
import { release } from '../exit.js';
import type { Kernel } from '../kernel.js';
import { traceesOf, unlink } from '../ptrace/link.js';
import { infoBytes } from '../signal/info.js';
import { childrenKey, endInfo, endStatus, isReparented, notifyEnd } from '../signal/notify.js';
import { makeSignal } from '../signal/sets.js';
import type { Task } from '../state.js';
import type { UserMemory } from '../user.js';
import { blocked } from '../wait.js';
import { type Call, type Calls, int, type Result } from './call.js';

/** include/uapi/linux/wait.h. */
const W = {
  NOHANG: 1,
  UNTRACED: 2,
  EXITED: 4,
  CONTINUED: 8,
  NOWAIT: 0x0100_0000,
  NOTHREAD: 0x2000_0000,
  ALL: 0x4000_0000,
  CLONE: 0x8000_0000,
} as const;
const COMMON = W.NOHANG | W.CONTINUED | W.NOTHREAD | W.ALL | W.CLONE;

/** What was found: as wait4(2) and as waitid(2) tell it. */
interface Found {
  readonly task: Task;
  readonly status: number;
  readonly code: number;
  readonly detail: number;
}

interface Wanted {
  readonly kind: 'any' | 'pid' | 'group';
  readonly id: number;
  readonly options: number;
}

/** One of those that may be waited for (wait_consider_task). Sets `pending` where there may be something later. */
function consider(
  kernel: Kernel,
  caller: Task,
  { options }: Wanted,
  task: Task,
  asTracer: boolean,
  later: { pending: boolean },
): Found | undefined {
  const keep = (options & W.NOWAIT) !== 0;
  if (task.exitState === 'dead') return undefined;
  const own = task.exitSignal === SIG.SIGCHLD;
  if (!asTracer && (options & W.ALL) === 0 && own === ((options & W.CLONE) !== 0)) return undefined;
  if (task.exitState === 'trace') {
    // Its tracer will let it go.
    if (!asTracer) later.pending = true;
    return undefined;
  }
  // Traced by its own parent: that sees it as a tracer does.
  const traced =
    asTracer ||
    (task.ptrace !== undefined && task.ptrace.tracer.process === caller.process && !isReparented(task));
  if (task.exitState === 'zombie') {
    const delayed = task === task.process.tasks[0] && task.process.tasks.length > 1;
    if (!delayed && (traced || task.ptrace === undefined)) {
      if ((options & W.EXITED) === 0) return undefined;
      return zombie(kernel, task, keep);
    }
    if (!traced || (options & (W.CONTINUED | W.EXITED)) !== 0) later.pending = true;
  } else later.pending = true;
  return stopped(task, traced, options, keep) ?? continued(task, options, keep);
}

/** wait_task_zombie(). */
function zombie(kernel: Kernel, task: Task, keep: boolean): Found {
  const status = endStatus(task);
  const { code, status: detail } = endInfo(status);
  const found = { task, status, code, detail };
  if (keep) return found;
  if (isReparented(task) && task === task.process.tasks[0]) {
    // The tracer has seen it: now it is the parent's turn.
    unlink(kernel, task);
    if (notifyEnd(kernel, task, task.exitSignal)) release(kernel, task);
  } else release(kernel, task);
  return found;
}

/** wait_task_stopped(). */
function stopped(task: Task, traced: boolean, options: number, keep: boolean): Found | undefined {
  if (!traced && (options & W.UNTRACED) === 0) return undefined;
  const { stop } = task.process;
  const isStopped = traced ? task.state === 'traced' && !task.jobctl.listening : stop.stopped;
  const code = traced ? task.exitCode : stop.code;
  if (!isStopped || code === 0) return undefined;
  if (!keep) {
    if (traced) task.exitCode = 0;
    else stop.code = 0;
  }
  return { task, status: (code << 8) | 0x7f, code: traced ? SI.CLD_TRAPPED : SI.CLD_STOPPED, detail: code };
}

/** wait_task_continued(). */
function continued(task: Task, options: number, keep: boolean): Found | undefined {
  const { stop } = task.process;
  if ((options & W.CONTINUED) === 0 || !stop.continued) return undefined;
  if (!keep) stop.continued = false;
  return { task, status: 0xffff, code: SI.CLD_CONTINUED, detail: SIG.SIGCONT };
}

/** do_wait(): children first, then tracees, each in the order in which they came. */
function find(kernel: Kernel, caller: Task, wanted: Wanted): Found | 'later' | undefined {
  const { process } = caller;
  const later = { pending: false };
  const alone = (wanted.options & W.NOTHREAD) !== 0;
  const fits = (task: Task): boolean =>
    wanted.kind === 'any' || wanted.id === (wanted.kind === 'pid' ? task.tid : task.process.group);
  const children = process.children.filter(({ parentThread }) => !alone || parentThread === caller);
  for (const { tasks } of children) {
    const task = tasks[0]!;
    const found = fits(task) ? consider(kernel, caller, wanted, task, false, later) : undefined;
    if (found !== undefined) return found;
  }
  const tracers = alone ? [caller] : process.tasks;
  for (const task of tracers.flatMap((each) => traceesOf(kernel, each))) {
    const found = fits(task) ? consider(kernel, caller, wanted, task, true, later) : undefined;
    if (found !== undefined) return found;
  }
  return later.pending ? 'later' : undefined;
}

/** Waits until `tell` has something to tell; `nothing`: the result of WNOHANG. */
function wait(call: Call, wanted: Wanted, tell: (found: Found) => Result, nothing: () => Result): Result {
  const { kernel, task } = call;
  const found = find(kernel, task, wanted);
  if (found === undefined) throw new Errno('ECHILD');
  if (found !== 'later') return tell(found);
  if ((wanted.options & W.NOHANG) !== 0) return nothing();
  if (call.resumed?.ended === 'signal') return -RESTART.ERESTARTSYS;
  return blocked([childrenKey(task.process)], { arguments: call.arguments });
}

/** struct rusage: nobody counts anything here but CPU time, and that is told of the ended process alone. */
const RUSAGE = 144;
function setUsage(memory: UserMemory, address: bigint, { process }: Task): void {
  if (address === 0n) return;
  const bytes = new Uint8Array(RUSAGE);
  const view = new DataView(bytes.buffer);
  for (const [index, time] of [process.cpuTime, process.systemTime].entries()) {
    view.setBigUint64(16 * index, BigInt(Math.floor(time / 1e9)), true);
    view.setBigUint64(16 * index + 8, BigInt(Math.floor((time % 1e9) / 1000)), true);
  }
  memory.write(address, bytes);
}

const INT_MIN = -0x8000_0000;
const P = { ALL: 0, PID: 1, PGID: 2, PIDFD: 3 } as const;

/** Of waitid(2): which, and its number. */
function chosen(task: Task, which: number, id: number, options: number): Wanted {
  switch (which) {
    case P.ALL:
      return { kind: 'any', id: 0, options };
    case P.PID:
      if (id <= 0) throw new Errno('EINVAL');
      return { kind: 'pid', id, options };
    case P.PGID:
      if (id < 0) throw new Errno('EINVAL');
      return { kind: 'group', id: id === 0 ? task.process.group : id, options };
    default:
      throw new Errno(which === P.PIDFD ? 'EBADF' : 'EINVAL');
  }
}

export const WAIT_CALLS: Calls = {
  wait4: (call) => {
    const { task, memory } = call;
    const [pid, status, given, usage] = call.arguments as [bigint, bigint, bigint, bigint];
    const [id, options] = [int(pid), int(given)];
    if ((options & ~(COMMON | W.UNTRACED)) !== 0) throw new Errno('EINVAL');
    if (id === INT_MIN) throw new Errno('ESRCH');
    const kind = id === -1 ? 'any' : id > 0 ? 'pid' : 'group';
    const group = id === 0 ? task.process.group : -id;
    return wait(
      call,
      { kind, id: kind === 'group' ? group : id, options: options | W.EXITED },
      (found) => {
        if (status !== 0n) memory.setU32(status, found.status);
        setUsage(memory, usage, found.task);
        return found.task.tid;
      },
      () => 0,
    );
  },
  waitid: (call) => {
    const { task, memory } = call;
    const [which, id, info, given, usage] = call.arguments as [bigint, bigint, bigint, bigint, bigint];
    const options = int(given);
    const what = W.EXITED | W.UNTRACED | W.CONTINUED;
    if ((options & ~(COMMON | what | W.NOWAIT)) !== 0 || (options & what) === 0) throw new Errno('EINVAL');
    const wanted = chosen(task, int(which), int(id), options);
    return wait(
      call,
      wanted,
      (found) => {
        setUsage(memory, usage, found.task);
        const { code, detail: status } = found;
        // Padding between and behind its fields is left as it is.
        if (info !== 0n) {
          const bytes = infoBytes(makeSignal(SIG.SIGCHLD, { code, status, pid: found.task.tid }));
          memory.write(info, bytes.subarray(0, 12));
          memory.write(info + 16n, bytes.subarray(16, 28));
        }
        return 0;
      },
      () => {
        if (info !== 0n) {
          memory.write(info, new Uint8Array(12));
          memory.write(info + 16n, new Uint8Array(12));
        }
        return 0;
      },
    );
  },
};
