import { RESTART } from '../../abi/errno.js';
import { SIG } from '../../abi/signals.js';
import { RAX, RSP } from '../../isa/x86-64/registers.js';
import { Errno } from '../errno.js';
import { execute, executeAt } from '../exec.js';
import { exitTask, killProcess, reap } from '../exit.js';
import { copyTable } from '../files/table.js';
import { copyMm, maxProcesses } from '../mm/copy.js';
import { FS_BASE } from '../registers.js';
import { callReturns } from '../rseq/call-return.js';
import { forkRseq } from '../rseq/registration.js';
import { enqueue } from '../schedule.js';
import type { Process } from '../state.js';
import { newProcess, newTask } from '../tasks.js';
import { blocked } from '../wait.js';
import { type Call, type Calls, int, type Result, size } from './call.js';

const CLONE = {
  VM: 0x100,
  FS: 0x200,
  FILES: 0x400,
  SIGHAND: 0x800,
  VFORK: 0x4000,
  THREAD: 0x1_0000,
  SETTLS: 0x8_0000,
  PARENT_SETTID: 0x10_0000,
  CHILD_CLEARTID: 0x20_0000,
  CHILD_SETTID: 0x100_0000,
  CLEAR_SIGHAND: 0x1_0000_0000,
} as const;

interface CloneArguments {
  readonly flags: number;
  readonly exitSignal: number;
  readonly stack: bigint;
  readonly tls: bigint;
  readonly parentTid: bigint;
  readonly childTid: bigint;
}

/** kernel/fork.c copy_process(). */
function clone(call: Call, how: CloneArguments): Result {
  const { kernel, task, memory } = call;
  const has = (flag: number): boolean => Math.floor(how.flags / flag) % 2 === 1;
  if (has(CLONE.SIGHAND) && !has(CLONE.VM)) throw new Errno('EINVAL');
  if (has(CLONE.THREAD) && !has(CLONE.SIGHAND)) throw new Errno('EINVAL');
  if (kernel.state.tasks.size >= maxProcesses.tasks) throw new Errno('EAGAIN');
  if (!has(CLONE.VM) && kernel.spaces.count >= maxProcesses.spaces) throw new Errno('EAGAIN');
  const tid = kernel.state.nextPid++;
  const sharesMemory = has(CLONE.VM);
  const mm = sharesMemory ? task.mm : copyMm(kernel, task.mm);
  if (sharesMemory) mm.users++;
  const process = has(CLONE.THREAD) ? task.process : newProcess(kernel, tid, task.process);
  if (process !== task.process)
    process.handlers = has(CLONE.SIGHAND)
      ? task.process.handlers
      : task.process.handlers.map((each) => ({ ...each }));
  if (has(CLONE.FILES)) task.files.users++;
  if (has(CLONE.FS)) task.fs.users++;
  const child = newTask(kernel, tid, {
    process,
    mm,
    files: has(CLONE.FILES) ? task.files : copyTable(task.files),
    fs: has(CLONE.FS) ? task.fs : { ...task.fs, users: 1 },
    from: task,
  });
  child.exitSignal = has(CLONE.THREAD) ? -1 : how.exitSignal;
  child.registers[RAX] = 0n;
  if (how.stack !== 0n) child.registers[RSP] = how.stack;
  if (has(CLONE.SETTLS)) child.registers[FS_BASE] = how.tls;
  if (!sharesMemory || has(CLONE.VFORK)) child.altStack = { ...task.altStack };
  forkRseq(task, child, sharesMemory);
  if (has(CLONE.PARENT_SETTID)) memory.setU32(how.parentTid, tid);
  if (has(CLONE.CHILD_SETTID)) kernel.memory(mm).setU32(how.childTid, tid);
  if (has(CLONE.CHILD_CLEARTID)) child.clearChildTid = how.childTid;
  kernel.emit(child, {
    kind: 'start',
    pid: process.pid,
    parent: task.tid,
    how: has(CLONE.THREAD) ? 'thread' : 'fork',
    name: task.name,
  });
  enqueue(kernel, child);
  callReturns(kernel, child);
  if (!has(CLONE.VFORK)) return tid;
  child.vfork = true;
  return blocked([`vfork:${tid}`], { data: tid, interruptible: false, arguments: call.arguments });
}

const WNOHANG = 1;
const WUNTRACED = 2;
const WCONTINUED = 8;

function wait4(call: Call): Result {
  const { kernel, task, memory } = call;
  const [pid, status, options] = call.arguments as [bigint, bigint, bigint, bigint];
  const wanted = int(pid);
  const fits = (process: Process): boolean =>
    wanted === -1 ||
    process.pid === wanted ||
    (wanted === 0 && process.group === task.process.group) ||
    (wanted < -1 && process.group === -wanted);
  const { children } = task.process;
  const candidates = children.filter(fits);
  if (candidates.length === 0) throw new Errno('ECHILD');
  const say = (process: Process, value: number): number => {
    if (status !== 0n) memory.setU32(status, value);
    return process.pid;
  };
  const dead = candidates.find(({ zombie }) => zombie !== undefined);
  if (dead !== undefined) {
    const result = say(dead, dead.zombie!);
    reap(kernel, dead);
    return result;
  }
  const halted = candidates.find(({ stopped }) => stopped?.reported === false);
  if (halted !== undefined && (int(options) & WUNTRACED) !== 0) {
    halted.stopped!.reported = true;
    return say(halted, 0x7f | (halted.stopped!.signal << 8));
  }
  const goesOn = candidates.find(({ continued }) => continued);
  if (goesOn !== undefined && (int(options) & WCONTINUED) !== 0) {
    goesOn.continued = false;
    return say(goesOn, 0xffff);
  }
  if ((int(options) & WNOHANG) !== 0) return 0;
  if (call.resumed?.ended === 'signal') return -RESTART.ERESTARTSYS;
  return blocked([`children:${task.process.pid}`], { arguments: call.arguments });
}

const vforked = ({ resumed }: Call): Result => (resumed === undefined ? undefined : (resumed.data as number));

export const TASKS: Calls = {
  clone: (call) => {
    const [flags, stack, parentTid, childTid, tls] = call.arguments as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    if (call.resumed !== undefined) return vforked(call);
    return clone(call, {
      flags: Number(BigInt.asUintN(32, flags)) - (int(flags) & 0xff),
      exitSignal: int(flags) & 0xff,
      stack,
      tls,
      parentTid,
      childTid,
    });
  },
  clone3: (call) => {
    const { memory } = call;
    if (call.resumed !== undefined) return vforked(call);
    const [address, length] = call.arguments as [bigint, bigint];
    if (size(length) < 64) throw new Errno('EINVAL');
    const field = (index: number): bigint => memory.u64(address + BigInt(8 * index));
    const [stack, stackSize] = [field(5), field(6)];
    return clone(call, {
      flags: Number(field(0)),
      exitSignal: Number(field(4)),
      stack: stack === 0n ? 0n : stack + stackSize,
      tls: field(7),
      parentTid: field(3),
      childTid: field(2),
    });
  },
  fork: (call) =>
    clone(call, { flags: 0, exitSignal: SIG.SIGCHLD, stack: 0n, tls: 0n, parentTid: 0n, childTid: 0n }),
  vfork: (call) =>
    call.resumed !== undefined
      ? vforked(call)
      : clone(call, {
          flags: CLONE.VM | CLONE.VFORK,
          exitSignal: SIG.SIGCHLD,
          stack: 0n,
          tls: 0n,
          parentTid: 0n,
          childTid: 0n,
        }),
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
  wait4,
  set_tid_address: ({ task, arguments: [address] }) => {
    task.clearChildTid = address!;
    return task.tid;
  },
};
