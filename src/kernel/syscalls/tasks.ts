import { RESTART } from '../../abi/errno.js';
import { EVENT } from '../../abi/ptrace-requests.js';
import { NSIG, SIG } from '../../abi/signals.js';
import type { Arch } from '../arch/arch.js';
import { Errno } from '../errno.js';
import { execute, executeAt } from '../exec.js';
import { exitTask, killProcess, setParent } from '../exit.js';
import { copyTable } from '../files/table.js';
import type { Kernel } from '../kernel.js';
import { copyMm, maxProcesses } from '../mm/copy.js';
import { traceChild } from '../ptrace/link.js';
import { cloneEvent, ptraceEvent } from '../ptrace/stop.js';
import { FS_BASE } from '../registers.js';
import { callReturns } from '../rseq/call-return.js';
import { forkRseq } from '../rseq/registration.js';
import { enqueue } from '../schedule.js';
import { leaderOf } from '../signal/notify.js';
import { recalculate } from '../signal/queue.js';
import type { Handler, Process, Task } from '../state.js';
import { newProcess, newTask } from '../tasks.js';
import type { UserMemory } from '../user.js';
import { blocked } from '../wait.js';
import { type Call, type Calls, int, type Result, size } from './call.js';

/** include/uapi/linux/sched.h. */
const CLONE = {
  VM: 0x100n,
  FS: 0x200n,
  FILES: 0x400n,
  SIGHAND: 0x800n,
  PIDFD: 0x1000n,
  PTRACE: 0x2000n,
  VFORK: 0x4000n,
  PARENT: 0x8000n,
  THREAD: 0x1_0000n,
  SETTLS: 0x8_0000n,
  PARENT_SETTID: 0x10_0000n,
  CHILD_CLEARTID: 0x20_0000n,
  DETACHED: 0x40_0000n,
  UNTRACED: 0x80_0000n,
  CHILD_SETTID: 0x100_0000n,
  CLEAR_SIGHAND: 0x1_0000_0000n,
} as const;
/** CLONE_NEW* and CLONE_PIDFD, CLONE_INTO_CGROUP: there are no namespaces, no pidfds and no cgroups here. */
const MISSING = 0x7e02_0080n | 0x2_0000_0000n | CLONE.PIDFD;
const CSIGNAL = 0xffn;
const LEGACY = 0xffff_ffffn;

interface CloneArguments {
  readonly flags: bigint;
  readonly exitSignal: number;
  readonly stack: bigint;
  readonly tls: bigint;
  readonly parentTid: bigint;
  readonly childTid: bigint;
}

const FORK: CloneArguments = {
  flags: 0n,
  exitSignal: SIG.SIGCHLD,
  stack: 0n,
  tls: 0n,
  parentTid: 0n,
  childTid: 0n,
};

/** What a clone waits for: its tracer has seen it; its child has gone (vfork); its tracer has seen that. */
interface Cloning {
  readonly phase: 'event' | 'vfork' | 'done';
  readonly child: Task;
  readonly tid: number;
  readonly vfork: boolean;
}

/** kernel/fork.c kernel_clone(): in several steps, where a tracer or the child must be waited for. */
function clone(call: Call, how: () => CloneArguments): Result {
  const { kernel, task, resumed } = call;
  let state = resumed?.data as Cloning | undefined;
  if (state === undefined) {
    const given = how();
    const vfork = (given.flags & CLONE.VFORK) !== 0n;
    const event =
      (given.flags & CLONE.UNTRACED) === 0n ? cloneEvent(task, vfork, given.exitSignal) : undefined;
    const child = copyProcess(call, given, event !== undefined || (given.flags & CLONE.PTRACE) !== 0n);
    if (typeof child === 'number') return child;
    state = { phase: 'event', child, tid: child.tid, vfork };
    if (event !== undefined && ptraceEvent(kernel, task, event, BigInt(child.tid)))
      return blocked([], { data: state, arguments: call.arguments });
  }
  const { child, tid, vfork } = state;
  if (!vfork || state.phase === 'done') return tid;
  // wait_for_vfork_done(): only a fatal signal ends it before.
  if (child.vfork) {
    const data: Cloning = { ...state, phase: 'vfork' };
    return blocked([`vfork:${tid}`], { data, interruptible: false, arguments: call.arguments });
  }
  if (ptraceEvent(kernel, task, EVENT.VFORK_DONE, BigInt(tid)))
    return blocked([], { data: { ...state, phase: 'done' }, arguments: call.arguments });
  return tid;
}

/** copy_process(). A number: it is to be called again, after signals. */
function copyProcess(call: Call, how: CloneArguments, traced: boolean): Task | number {
  const { kernel, task, memory } = call;
  const has = (flag: bigint): boolean => (how.flags & flag) !== 0n;
  if (has(CLONE.THREAD) && !has(CLONE.SIGHAND)) throw new Errno('EINVAL');
  if (has(CLONE.SIGHAND) && !has(CLONE.VM)) throw new Errno('EINVAL');
  if (has(MISSING)) throw new Errno('EINVAL');
  const { threadPointerLimit } = kernel.arch;
  if (has(CLONE.SETTLS) && threadPointerLimit !== undefined && how.tls >= threadPointerLimit)
    throw new Errno('EPERM');
  // Signals that were sent before the child is there are for the parent alone.
  if (recalculate(task)) return -RESTART.ERESTARTNOINTR;
  if (kernel.state.tasks.size >= maxProcesses.tasks) throw new Errno('EAGAIN');
  if (!has(CLONE.VM) && kernel.spaces.count >= maxProcesses.spaces) throw new Errno('EAGAIN');
  const tid = kernel.state.nextPid++;
  const mm = has(CLONE.VM) ? task.mm : copyMm(kernel, task.mm);
  if (has(CLONE.VM)) mm.users++;
  const process = has(CLONE.THREAD) ? task.process : childProcess(kernel, task, tid, how);
  if (has(CLONE.FILES)) task.files.users++;
  if (has(CLONE.FS)) task.fs.users++;
  const child = newTask(kernel, tid, {
    process,
    mm,
    files: has(CLONE.FILES) ? task.files : copyTable(task.files),
    fs: has(CLONE.FS) ? task.fs : { ...task.fs, users: 1 },
    from: task,
  });
  // CLONE_PARENT: a brother, not a child.
  child.parentExecs = has(CLONE.PARENT | CLONE.THREAD) ? task.parentExecs : task.process.execs;
  child.exitSignal = has(CLONE.THREAD) ? -1 : has(CLONE.PARENT) ? leaderOf(task).exitSignal : how.exitSignal;
  if (task.policy.resetOnFork) child.policy = { id: 0, priority: 0, resetOnFork: false };
  child.call = task.call;
  child.argument = task.argument;
  child.registers[kernel.arch.result] = 0n;
  if (how.stack !== 0n) child.registers[kernel.arch.stackPointer] = how.stack;
  if (has(CLONE.SETTLS)) child.registers[FS_BASE] = how.tls;
  if (!has(CLONE.VM) || has(CLONE.VFORK)) child.altStack = { ...task.altStack };
  forkRseq(task, child, has(CLONE.VM));
  if (traced) traceChild(task, child);
  if (has(CLONE.PARENT_SETTID)) tryToSet(memory, how.parentTid, tid);
  if (has(CLONE.CHILD_SETTID)) tryToSet(kernel.memory(mm), how.childTid, tid);
  if (has(CLONE.CHILD_CLEARTID)) child.clearChildTid = how.childTid;
  child.vfork = has(CLONE.VFORK);
  kernel.emit(child, {
    kind: 'start',
    pid: process.pid,
    parent: task.tid,
    how: has(CLONE.THREAD) ? 'thread' : 'fork',
    name: task.name,
  });
  enqueue(kernel, child);
  callReturns(kernel, child);
  return child;
}

function childProcess(kernel: Kernel, task: Task, pid: number, how: CloneArguments): Process {
  const own = task.process;
  const parent = (how.flags & CLONE.PARENT) !== 0n ? own.parentThread : task;
  const child = newProcess(kernel, pid, own);
  setParent(child, parent);
  if ((how.flags & CLONE.SIGHAND) !== 0n) child.handlers = own.handlers;
  else
    child.handlers = own.handlers.map((each) =>
      (how.flags & CLONE.CLEAR_SIGHAND) !== 0n && each.handler !== 1n ? NO_HANDLER : { ...each },
    );
  return child;
}

const NO_HANDLER: Handler = { handler: 0n, flags: 0, restorer: 0n, mask: 0n };

/** Thread numbers for programs: where they cannot be written, nobody says so (put_user() without a look at its result). */
function tryToSet(memory: UserMemory, address: bigint, value: number): void {
  try {
    memory.setU32(address, value);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

/** sizeof(struct clone_args): the first published, the newest known, and the most that is looked at. */
const CLONE_ARGS = { first: 64, known: 88, most: 4096 } as const;

/** copy_clone_args_from_user(), clone3_args_valid(). */
function clone3Arguments({ memory, arguments: [address, length] }: Call): CloneArguments {
  const bytes = size(length);
  if (bytes > CLONE_ARGS.most) throw new Errno('E2BIG');
  if (bytes < CLONE_ARGS.first) throw new Errno('EINVAL');
  if (memory.read(address!, bytes).subarray(CLONE_ARGS.known).some(Boolean)) throw new Errno('E2BIG');
  const field = (index: number): bigint =>
    8 * index < bytes ? memory.u64(address! + BigInt(8 * index)) : 0n;
  const [flags, , childTid, parentTid, exitSignal, stack, stackSize, tls, setTid, setTidSize] = Array.from(
    { length: 10 },
    (_, index) => field(index),
  ) as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];
  const known = LEGACY | CLONE.CLEAR_SIGHAND;
  const both = CLONE.SIGHAND | CLONE.CLEAR_SIGHAND;
  const wrong =
    setTid !== 0n ||
    setTidSize !== 0n ||
    exitSignal > BigInt(NSIG) ||
    (flags & ~known) !== 0n ||
    (flags & (CLONE.DETACHED | CSIGNAL)) !== 0n ||
    (flags & both) === both ||
    ((flags & (CLONE.THREAD | CLONE.PARENT)) !== 0n && exitSignal !== 0n) ||
    (stack === 0n) !== (stackSize === 0n);
  if (wrong) throw new Errno('EINVAL');
  return {
    flags,
    exitSignal: Number(exitSignal),
    stack: stack + stackSize,
    tls,
    parentTid,
    childTid,
  };
}

export const TASKS: Calls = {
  clone: (call) =>
    clone(call, () => {
      const given = (what: Arch['cloneArguments'][number]): bigint =>
        call.arguments[call.kernel.arch.cloneArguments.indexOf(what)]!;
      const flags = given('flags');
      return {
        flags: flags & LEGACY & ~CSIGNAL,
        exitSignal: Number(flags & CSIGNAL),
        stack: given('stack'),
        tls: given('tls'),
        parentTid: given('parentTid'),
        childTid: given('childTid'),
      };
    }),
  clone3: (call) => clone(call, () => clone3Arguments(call)),
  fork: (call) => clone(call, () => FORK),
  vfork: (call) => clone(call, () => ({ ...FORK, flags: CLONE.VM | CLONE.VFORK })),
  execve: execute,
  execveat: executeAt,
  exit: ({ kernel, task, arguments: [status] }) => {
    exitTask(kernel, task, (int(status) & 0xff) << 8);
    return undefined;
  },
  exit_group: ({ kernel, task, arguments: [status] }) => {
    killProcess(kernel, task.process, (int(status) & 0xff) << 8);
    return undefined;
  },
  set_tid_address: ({ task, arguments: [address] }) => {
    task.clearChildTid = address!;
    return task.tid;
  },
};
