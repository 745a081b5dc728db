import { RESTART } from '../../abi/errno.js';
import { NSIG, SI } from '../../abi/signals.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { altStackFlags, infoBytes, leaveHandler } from '../signal/frame.js';
import { isIgnored, makeSignal, sendSignal, takeSignal, UNBLOCKABLE } from '../signal/send.js';
import type { Process, Signal, Task } from '../state.js';
import { blocked } from '../wait.js';
import { type Call, type Calls, int, type Result } from './call.js';
import { timespec } from './time.js';

const SET_SIZE = 8n;
/** MINSIGSTKSZ. */
const SMALLEST_STACK = 2048n;
const SS_DISABLE = 2;
const SS_AUTODISARM = 0x8000_0000;

const mustBeSet = (bytes: bigint | undefined): void => {
  if (bytes !== SET_SIZE) throw new Errno('EINVAL');
};

const number = (value: bigint | undefined): number => {
  const found = int(value);
  if (found < 0 || found > NSIG) throw new Errno('EINVAL');
  return found;
};

const from = ({ task }: Call, code: number, value = 0n): Partial<Signal> => ({
  code,
  pid: task.process.pid,
  value,
});

function send(call: Call, target: Task | Process | undefined, what: number, rest: Partial<Signal>): Result {
  if (target === undefined) throw new Errno('ESRCH');
  if (what !== 0) sendSignal(call.kernel, target, makeSignal(what, rest));
  return 0;
}

function processes(kernel: Kernel, task: Task, pid: number): Process[] {
  const all = [...kernel.state.processes.values()];
  if (pid === -1) return all.filter((each) => each !== task.process && each.pid !== 1);
  if (pid > 0) return all.filter((each) => each.pid === pid);
  const group = pid === 0 ? task.process.group : -pid;
  return all.filter((each) => each.group === group);
}

export const SIGNAL_CALLS: Calls = {
  rt_sigaction: ({ task, memory, arguments: [signal, action, old, setSize] }) => {
    mustBeSet(setSize);
    const what = number(signal);
    if (what === 0) throw new Errno('EINVAL');
    const { handlers } = task.process;
    const before = handlers[what]!;
    if (action !== 0n) {
      if (((UNBLOCKABLE >> BigInt(what - 1)) & 1n) === 1n) throw new Errno('EINVAL');
      handlers[what] = {
        handler: memory.u64(action!),
        flags: Number(BigInt.asUintN(32, memory.u64(action! + 8n))),
        restorer: memory.u64(action! + 16n),
        mask: memory.u64(action! + 24n) & ~UNBLOCKABLE,
      };
      if (isIgnored(what, handlers[what])) {
        const keep = (each: Signal): boolean => each.number !== what;
        task.process.shared = task.process.shared.filter(keep);
        for (const each of task.process.tasks) each.pending = each.pending.filter(keep);
      }
    }
    if (old !== 0n) {
      memory.setU64(old!, before.handler);
      memory.setU64(old! + 8n, BigInt(before.flags));
      memory.setU64(old! + 16n, before.restorer);
      memory.setU64(old! + 24n, before.mask);
    }
    return 0;
  },
  rt_sigprocmask: ({ task, memory, arguments: [how, set, old, setSize] }) => {
    mustBeSet(setSize);
    const before = task.mask;
    if (set !== 0n) {
      const given = memory.u64(set!);
      const after = [before | given, before & ~given, given][int(how)];
      if (after === undefined) throw new Errno('EINVAL');
      task.mask = after & ~UNBLOCKABLE;
    }
    if (old !== 0n) memory.setU64(old!, before);
    return 0;
  },
  rt_sigreturn: ({ kernel, task }) => {
    leaveHandler(kernel, task);
    return undefined;
  },
  rt_sigpending: ({ task, memory, arguments: [set] }) => {
    const all = [...task.pending, ...task.process.shared];
    memory.setU64(set!, all.reduce((bits, each) => bits | (1n << BigInt(each.number - 1)), 0n) & task.mask);
    return 0;
  },
  rt_sigsuspend: ({ task, memory, arguments: args, resumed }) => {
    if (resumed !== undefined) return -RESTART.ERESTARTNOHAND;
    mustBeSet(args[1]);
    const mask = memory.u64(args[0]!);
    task.savedMask = task.mask;
    task.mask = mask & ~UNBLOCKABLE;
    return blocked(['signal'], { arguments: args });
  },
  pause: ({ arguments: args, resumed }) =>
    resumed === undefined ? blocked(['signal'], { arguments: args }) : -RESTART.ERESTARTNOHAND,
  rt_sigtimedwait: ({ kernel, task, memory, arguments: args, resumed }) => {
    const [set, info, timeout, setSize] = args as [bigint, bigint, bigint, bigint];
    mustBeSet(setSize);
    const wanted = memory.u64(set) & ~UNBLOCKABLE;
    const signal = takeSignal(task, wanted);
    if (signal !== undefined) {
      if (info !== 0n) memory.write(info, infoBytes(signal));
      return signal.number;
    }
    if (resumed?.ended === 'timeout') throw new Errno('EAGAIN');
    if (resumed?.ended === 'signal') throw new Errno('EINTR');
    const time = timeout === 0n ? undefined : timespec(memory, timeout);
    if (time === 0) throw new Errno('EAGAIN');
    const deadline = resumed?.deadline ?? (time === undefined ? undefined : kernel.state.clock + time);
    return blocked(['sigwait'], { deadline, data: { set: wanted }, arguments: args });
  },
  sigaltstack: ({ task, memory, arguments: [set, old] }) => {
    const before = { ...task.altStack, flags: altStackFlags(task) };
    if (set !== 0n) {
      const [sp, flags, length] = [memory.u64(set!), memory.u32(set! + 8n), memory.u64(set! + 16n)];
      if (before.flags === 1) throw new Errno('EPERM');
      const mode = (flags & ~SS_AUTODISARM) >>> 0;
      if (mode !== 0 && mode !== SS_DISABLE && mode !== 1) throw new Errno('EINVAL');
      if (mode !== SS_DISABLE && length < SMALLEST_STACK) throw new Errno('ENOMEM');
      task.altStack = mode === SS_DISABLE ? { sp: 0n, size: 0n, flags } : { sp, size: length, flags };
    }
    if (old !== 0n) {
      memory.setU64(old!, before.sp);
      memory.setU64(old! + 8n, BigInt(before.flags >>> 0));
      memory.setU64(old! + 16n, before.size);
    }
    return 0;
  },
  kill: (call) => {
    const what = number(call.arguments[1]);
    const targets = processes(call.kernel, call.task, int(call.arguments[0]));
    if (targets.length === 0) throw new Errno('ESRCH');
    for (const each of targets) send(call, each, what, from(call, SI.USER));
    return 0;
  },
  tkill: (call) =>
    send(
      call,
      call.kernel.state.tasks.get(int(call.arguments[0])),
      number(call.arguments[1]),
      from(call, SI.TKILL),
    ),
  tgkill: (call) => {
    const target = call.kernel.state.tasks.get(int(call.arguments[1]));
    const fits = target?.process.pid === int(call.arguments[0]);
    return send(call, fits ? target : undefined, number(call.arguments[2]), from(call, SI.TKILL));
  },
  rt_sigqueueinfo: (call) => {
    const [pid, signal, info] = call.arguments as [bigint, bigint, bigint];
    const [code, value] = [call.memory.i32(info + 8n), call.memory.u64(info + 24n)];
    return send(call, call.kernel.state.processes.get(int(pid)), number(signal), from(call, code, value));
  },
};
