import { RESTART } from '../../abi/errno.js';
import { NSIG, SA, SI, SIG } from '../../abi/signals.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { altStackFlags, SS } from '../signal/alt-stack.js';
import { framesOf } from '../signal/frame.js';
import { INFO_SIZE, infoBytes, signalOf } from '../signal/info.js';
import { dropSignals, pushMask, setMask, takeSignal, waiting } from '../signal/queue.js';
import { forceSignal, sendSignal } from '../signal/send.js';
import { bitOf, has, isIgnored, makeSignal, UNBLOCKABLE } from '../signal/sets.js';
import type { Process, Signal, Task } from '../state.js';
import { blocked } from '../wait.js';
import { type Call, type Calls, int, type Result } from './call.js';
import { timespec } from './time.js';

const SET_SIZE = 8n;
/** Flags that the kernel keeps (SA_ALL of kernel/signal.c, UAPI_SA_FLAGS): others are cleared, so that programs can find out. */
const KNOWN_FLAGS =
  (SA.NOCLDSTOP |
    SA.NOCLDWAIT |
    SA.SIGINFO |
    SA.ONSTACK |
    SA.RESTART |
    SA.NODEFER |
    SA.RESETHAND |
    SA.RESTORER |
    0x800) >>>
  0;
const ALL = (1n << 64n) - 1n;

const mustBeSet = (bytes: bigint | undefined): void => {
  if (bytes !== SET_SIZE) throw new Errno('EINVAL');
};

const isSignal = (number: number): boolean => number >= 0 && number <= NSIG;

function send(call: Call, target: Task | Process | undefined, signal: Signal): Result {
  if (target === undefined) throw new Errno('ESRCH');
  if (!isSignal(signal.number)) throw new Errno('EINVAL');
  if (signal.number !== 0) sendSignal(call.kernel, target, signal);
  return 0;
}

/** From a thread of its own will: kill(2), tgkill(2). */
const own = ({ task }: Call, number: number, code: number): Signal =>
  makeSignal(number, { code, pid: task.process.pid });

function processes(kernel: Kernel, task: Task, pid: number): Process[] {
  const all = [...kernel.state.processes.values()];
  if (pid === -1) return all.filter((each) => each !== task.process);
  if (pid > 0) {
    // Any of its threads' numbers will do.
    const process = kernel.state.tasks.get(pid)?.process;
    return process === undefined ? [] : [process];
  }
  const group = pid === 0 ? task.process.group : -pid;
  return all.filter((each) => each.group === group);
}

/** rt_sigqueueinfo(2), rt_tgsigqueueinfo(2): nobody tells another that he is the kernel. */
function described({ memory }: Call, info: bigint, number: number, toItself: boolean): Signal {
  const signal = signalOf(memory.read(info, INFO_SIZE), number);
  if ((signal.code >= 0 || signal.code === SI.TKILL) && !toItself) throw new Errno('EPERM');
  return signal;
}

/** A thread of a process (do_tkill). */
function threadOf({ kernel }: Call, pid: number, tid: number): Task | undefined {
  const target = kernel.state.tasks.get(tid);
  return pid <= 0 || target?.process.pid === pid ? target : undefined;
}

export const SIGNAL_CALLS: Calls = {
  rt_sigaction: ({ task, memory, arguments: [signal, action, old, setSize] }) => {
    mustBeSet(setSize);
    const what = int(signal);
    const given = action === 0n ? undefined : memory.read(action!, 32);
    if (what < 1 || what > NSIG || (given !== undefined && has(UNBLOCKABLE, what))) throw new Errno('EINVAL');
    const { handlers } = task.process;
    const before = handlers[what]!;
    if (given !== undefined) {
      const view = new DataView(given.buffer);
      const word = (index: number): bigint => view.getBigUint64(8 * index, true);
      handlers[what] = {
        handler: word(0),
        flags: (Number(BigInt.asUintN(32, word(1))) & KNOWN_FLAGS) >>> 0,
        restorer: word(2),
        mask: word(3) & ~UNBLOCKABLE,
      };
      if (isIgnored(what, handlers[what])) dropSignals(task, bitOf(what));
    }
    if (old !== 0n) {
      memory.setU64(old!, before.handler);
      memory.setU64(old! + 8n, BigInt(before.flags >>> 0));
      memory.setU64(old! + 16n, before.restorer);
      memory.setU64(old! + 24n, before.mask);
    }
    return 0;
  },
  rt_sigprocmask: ({ kernel, task, memory, arguments: [how, set, old, setSize] }) => {
    mustBeSet(setSize);
    const before = task.mask;
    if (set !== 0n) {
      const given = memory.u64(set!) & ~UNBLOCKABLE;
      const after = [before | given, before & ~given, given][int(how)];
      if (after === undefined) throw new Errno('EINVAL');
      setMask(kernel, task, after);
    }
    if (old !== 0n) memory.setU64(old!, before);
    return 0;
  },
  rt_sigreturn: ({ kernel, task }) => {
    try {
      framesOf(kernel).leave(kernel, task);
      return undefined;
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      forceSignal(kernel, task, { number: SIG.SIGSEGV });
      return 0;
    }
  },
  rt_sigpending: ({ task, memory, arguments: [set, setSize] }) => {
    const bytes = new Uint8Array(new BigUint64Array([waiting(task) & task.mask]).buffer);
    if (setSize! > SET_SIZE) throw new Errno('EINVAL');
    memory.write(set!, bytes.subarray(0, Number(setSize)));
    return 0;
  },
  rt_sigsuspend: ({ kernel, task, memory, arguments: args, resumed }) => {
    if (resumed !== undefined) return -RESTART.ERESTARTNOHAND;
    mustBeSet(args[1]);
    pushMask(kernel, task, memory.u64(args[0]!));
    return blocked([], { arguments: args });
  },
  pause: ({ arguments: args, resumed }) =>
    resumed === undefined ? blocked([], { arguments: args }) : -RESTART.ERESTARTNOHAND,
  rt_sigtimedwait: ({ kernel, task, memory, arguments: args, resumed }) => {
    const [set, info, timeout, setSize] = args as [bigint, bigint, bigint, bigint];
    mustBeSet(setSize);
    const wanted = memory.u64(set) & ~UNBLOCKABLE;
    const time = timeout === 0n ? undefined : timespec(memory, timeout);
    if (resumed !== undefined) {
      // Blocked signals that it waits for have counted as unblocked: now they do not any more.
      const mask = task.realBlocked;
      task.realBlocked = 0n;
      setMask(kernel, task, mask);
    }
    const taken = takeSignal(kernel, task, ALL & ~wanted);
    if (taken !== undefined) {
      if (info !== 0n) memory.write(info, infoBytes(taken.signal));
      return taken.signal.number;
    }
    if (resumed?.ended === 'signal') throw new Errno('EINTR');
    if (time === 0 || resumed !== undefined) throw new Errno('EAGAIN');
    task.realBlocked = task.mask;
    task.mask &= ~wanted;
    const deadline = time === undefined ? undefined : kernel.state.clock + time;
    return blocked([], { deadline, arguments: args });
  },
  sigaltstack: ({ kernel, task, memory, arguments: [set, old] }) => {
    const before = { ...task.altStack, flags: altStackFlags(kernel, task) };
    if (set !== 0n) {
      const [sp, flags, length] = [memory.u64(set!), memory.u32(set! + 8n), memory.u64(set! + 16n)];
      if ((before.flags & SS.ONSTACK) !== 0) throw new Errno('EPERM');
      const mode = flags & ~SS.AUTODISARM;
      if (mode !== 0 && mode !== SS.DISABLE && mode !== SS.ONSTACK) throw new Errno('EINVAL');
      if (mode !== SS.DISABLE && length < kernel.arch.signalStack.least) throw new Errno('ENOMEM');
      task.altStack = mode === SS.DISABLE ? { sp: 0n, size: 0n, flags } : { sp, size: length, flags };
    }
    if (old !== 0n) {
      memory.setU64(old!, before.sp);
      memory.setU32(old! + 8n, before.flags);
      memory.setU64(old! + 16n, before.size);
    }
    return 0;
  },
  kill: (call) => {
    const [pid, number] = [int(call.arguments[0]), int(call.arguments[1])];
    const targets = processes(call.kernel, call.task, pid);
    if (!isSignal(number) && (targets.length > 0 || pid <= 0)) throw new Errno('EINVAL');
    if (targets.length === 0) throw new Errno('ESRCH');
    for (const each of targets) send(call, each, own(call, number, SI.USER));
    return 0;
  },
  tkill: (call) => {
    const [tid, number] = [int(call.arguments[0]), int(call.arguments[1])];
    if (tid <= 0) throw new Errno('EINVAL');
    return send(call, threadOf(call, 0, tid), own(call, number, SI.TKILL));
  },
  tgkill: (call) => {
    const [pid, tid, number] = call.arguments.map(int) as [number, number, number];
    if (pid <= 0 || tid <= 0) throw new Errno('EINVAL');
    return send(call, threadOf(call, pid, tid), own(call, number, SI.TKILL));
  },
  rt_sigqueueinfo: (call) => {
    const [pid, number] = call.arguments.map(int) as [number, number];
    const signal = described(call, call.arguments[2]!, number, pid === call.task.process.pid);
    return send(call, call.kernel.state.tasks.get(pid)?.process, signal);
  },
  rt_tgsigqueueinfo: (call) => {
    const [pid, tid, number] = call.arguments.map(int) as [number, number, number];
    const signal = described(call, call.arguments[3]!, number, tid === call.task.tid);
    if (pid <= 0 || tid <= 0) throw new Errno('EINVAL');
    return send(call, threadOf(call, pid, tid), signal);
  },
};
