import { compareVersions } from '../../abi/kernel-rules.js';
import { PTRACE_GET_RSEQ_CONFIGURATION, PTRACE_RSEQ_CONFIGURATION } from '../../abi/ptrace.js';
import { EVENT, PTRACE } from '../../abi/ptrace-requests.js';
import { RSEQ_ORIG_SIZE } from '../../abi/rseq.js';
import { NSIG, SI, SIG } from '../../abi/signals.js';
import { FX_SIZE, readFx, writeFx } from '../arch/x86-64-fx.js';
import { getRegisters, peekUser, pokeUser, REGS_SIZE, setRegisters } from '../arch/x86-64-user.js';
import { Errno } from '../errno.js';
import { release } from '../exit.js';
import { readForced, writeForced } from '../mm/forced.js';
import { RIP } from '../registers.js';
import { INFO_SIZE, infoBytes, signalOf } from '../signal/info.js';
import { resumeStopped, setPending, wakeTracee } from '../signal/job-control.js';
import { setMask } from '../signal/queue.js';
import { sendSignal } from '../signal/send.js';
import { makeSignal, UNBLOCKABLE } from '../signal/sets.js';
import type { Task } from '../state.js';
import type { Call } from '../syscalls/call.js';
import { checkOptions, detach } from './link.js';

/** A request about a thread that is the caller's and, but for those of ANYTIME, stopped. */
export interface Request {
  readonly call: Call;
  readonly task: Task;
  readonly address: bigint;
  readonly data: bigint;
}

/** Requests that a tracee need not be stopped for. */
export const ANYTIME: readonly number[] = [PTRACE.KILL, PTRACE.INTERRUPT];

/** Requests that newer architectures never had: PTRACE_GETREGSET and SETREGSET do the same. */
export const OF_USER_AREA: ReadonlySet<number> = new Set([
  PTRACE.PEEKUSER,
  PTRACE.POKEUSER,
  PTRACE.GETREGS,
  PTRACE.SETREGS,
  PTRACE.GETFPREGS,
  PTRACE.SETFPREGS,
  PTRACE.OLDSETOPTIONS,
]);

const isSignal = (data: bigint): boolean => data <= BigInt(NSIG);

/** ptrace_resume(). */
function resume(
  { call, task, data }: Request,
  how: { syscalls?: boolean; step?: boolean; emulate?: boolean },
): number {
  if (!isSignal(data)) throw new Errno('EIO');
  Object.assign(task.ptrace!, { syscalls: false, step: false, emulate: false, ...how });
  task.exitCode = Number(data);
  resumeStopped(call.kernel, task);
  return 0;
}

function peek({ call, task, address, data }: Request): number {
  const word = readForced(call.kernel, task.mm, Number(address), 8);
  if (word.length < 8) throw new Errno('EIO');
  call.memory.write(data, word);
  return 0;
}

function poke({ call, task, address, data }: Request): number {
  const word = new Uint8Array(new BigUint64Array([data]).buffer);
  if (writeForced(call.kernel, task.mm, Number(address), word) < 8) throw new Errno('EIO');
  return 0;
}

/** PTRACE_GETREGSET and SETREGSET: `data` is a struct iovec, whose length says how much was done. */
function regset({ call: { memory, kernel }, task, address, data }: Request, write: boolean): number {
  const set = kernel.arch.registerSets[Number(address)];
  const [base, length] = [memory.u64(data), memory.u64(data + 8n)];
  if (set === undefined || length % BigInt(set.unit) !== 0n) throw new Errno('EINVAL');
  const now = set.get(task);
  const size = Math.min(Number(length), now.length);
  if (write) set.set(task, memory.read(base, size));
  else memory.write(base, now.subarray(0, size));
  memory.setU64(data + 8n, BigInt(size));
  return 0;
}

function interrupt({ call, task }: Request): number {
  if (!task.ptrace!.seized) throw new Errno('EIO');
  if (setPending(task, { trap: true })) wakeTracee(call.kernel, task, task.jobctl.listening);
  return 0;
}

function listen({ call, task }: Request): number {
  const info = task.stopInfo;
  if (!task.ptrace!.seized || info === undefined || info.code >> 8 !== EVENT.STOP) throw new Errno('EIO');
  task.jobctl.listening = true;
  // What it is to hear has happened since it stopped.
  if (task.jobctl.notify) wakeTracee(call.kernel, task, true);
  return 0;
}

function detachFrom({ call: { kernel, task: tracer }, task, data }: Request): number {
  if (!isSignal(data)) throw new Errno('EIO');
  task.exitCode = Number(data);
  if (detach(kernel, tracer, task)) release(kernel, task);
  return 0;
}

/** Since 5.13 (90f093fa8ea4). */
function rseqConfiguration({ call, task, address, data }: Request): number {
  if (compareVersions(call.kernel.options.version, '5.13') < 0) throw new Errno('EIO');
  const { pointer, length, signature } = task.rseq;
  const bytes = PTRACE_RSEQ_CONFIGURATION.write({
    rseq_abi_pointer: pointer,
    // Before 6.3 a constant, registered or not (seen on 6.1).
    rseq_abi_size:
      pointer !== 0n ? length : call.kernel.rules.lengthRule === 'exactly-32' ? RSEQ_ORIG_SIZE : 0,
    signature: pointer === 0n ? 0 : signature >>> 0,
    flags: 0,
    pad: 0,
  });
  const size = address < BigInt(bytes.length) ? Number(address) : bytes.length;
  call.memory.write(data, bytes.subarray(0, size));
  return bytes.length;
}

/** struct ptrace_syscall_info (include/uapi/linux/ptrace.h): its head, and what entry and exit have besides. */
const INFO = { head: 24, entry: 80, exit: 33 } as const;
const ENTRY = 1;
const EXIT = 2;

function syscallInfo({ call, task, address, data }: Request): number {
  const { arch } = call.kernel;
  const bytes = new Uint8Array(INFO.entry);
  const view = new DataView(bytes.buffer);
  const code = task.stopInfo?.code;
  const inCall = code === (SIG.SIGTRAP | 0x80) || code === SIG.SIGTRAP;
  const op = inCall ? Number(task.ptrace!.message) : 0;
  const kind = op === ENTRY || op === EXIT ? op : 0;
  view.setUint8(0, kind);
  view.setUint32(4, arch.audit, true);
  view.setBigUint64(8, task.registers[RIP]!, true);
  view.setBigUint64(16, task.registers[arch.stackPointer]!, true);
  let size: number = INFO.head;
  if (kind === ENTRY) {
    size = INFO.entry;
    view.setBigUint64(24, BigInt.asUintN(64, task.call), true);
    for (const [index, register] of arch.arguments.entries())
      view.setBigUint64(32 + 8 * index, task.registers[register]!, true);
  } else if (kind === EXIT) {
    size = INFO.exit;
    const value = task.registers[arch.result]!;
    view.setBigUint64(24, value, true);
    const signed = BigInt.asIntN(64, value);
    view.setUint8(32, signed < 0n && signed >= -4095n ? 1 : 0);
  }
  call.memory.write(data, bytes.subarray(0, Math.min(size, Number(address))));
  return size;
}

/** ptrace_peek_siginfo(): struct ptrace_peeksiginfo_args is offset, flags, count. */
const MOST_PEEKED = 1024;
function peekSiginfo({ call: { memory }, task, address, data }: Request): number {
  const [offset, flags, count] = [memory.u64(address), memory.u32(address + 8n), memory.i32(address + 12n)];
  if ((flags & ~1) !== 0 || count < 0) throw new Errno('EINVAL');
  const queue = (flags & 1) !== 0 ? task.process.shared : task.pending;
  const from = offset > BigInt(MOST_PEEKED * 64) ? queue.length : Number(offset);
  const found = queue.slice(from, from + count);
  for (const [index, each] of found.entries())
    memory.write(data + BigInt(INFO_SIZE * index), infoBytes(each));
  return found.length;
}

function setOptions({ task, data }: Request): number {
  task.ptrace!.options = checkOptions(data);
  return 0;
}

/** Requests by number (kernel/ptrace.c ptrace_request, arch/x86/kernel/ptrace.c arch_ptrace). */
export const REQUESTS: ReadonlyMap<number, (request: Request) => number> = new Map([
  [PTRACE.PEEKTEXT, peek],
  [PTRACE.PEEKDATA, peek],
  [PTRACE.POKETEXT, poke],
  [PTRACE.POKEDATA, poke],
  [
    PTRACE.PEEKUSER,
    ({ call, task, address, data }) => {
      call.memory.setU64(data, peekUser(task, address));
      return 0;
    },
  ],
  [
    PTRACE.POKEUSER,
    ({ task, address, data }) => {
      pokeUser(task, address, data);
      return 0;
    },
  ],
  [PTRACE.CONT, (request) => resume(request, {})],
  [PTRACE.SYSCALL, (request) => resume(request, { syscalls: true })],
  [PTRACE.SINGLESTEP, (request) => resume(request, { step: true })],
  [PTRACE.SYSEMU, (request) => resume(request, { emulate: true })],
  [PTRACE.SYSEMU_SINGLESTEP, (request) => resume(request, { emulate: true, step: true })],
  [
    PTRACE.KILL,
    ({ call, task }) => {
      sendSignal(call.kernel, task, makeSignal(SIG.SIGKILL, { code: SI.USER }));
      return 0;
    },
  ],
  [
    PTRACE.GETREGS,
    ({ call, task, data }) => {
      call.memory.write(data, getRegisters(task));
      return 0;
    },
  ],
  [
    PTRACE.SETREGS,
    ({ call, task, data }) => {
      setRegisters(task, call.memory.read(data, REGS_SIZE));
      return 0;
    },
  ],
  [
    PTRACE.GETFPREGS,
    ({ call, task, data }) => {
      call.memory.write(data, writeFx(task.registers));
      return 0;
    },
  ],
  [
    PTRACE.SETFPREGS,
    ({ call, task, data }) => {
      readFx(task.registers, call.memory.read(data, FX_SIZE));
      return 0;
    },
  ],
  [PTRACE.DETACH, detachFrom],
  [PTRACE.OLDSETOPTIONS, setOptions],
  [PTRACE.SETOPTIONS, setOptions],
  [
    PTRACE.GETEVENTMSG,
    ({ call, task, data }) => {
      call.memory.setU64(data, task.ptrace!.message);
      return 0;
    },
  ],
  [
    PTRACE.GETSIGINFO,
    ({ call, task, data }) => {
      if (task.stopInfo === undefined) throw new Errno('EINVAL');
      call.memory.write(data, infoBytes(task.stopInfo));
      return 0;
    },
  ],
  [
    PTRACE.SETSIGINFO,
    ({ call, task, data }) => {
      const bytes = call.memory.read(data, INFO_SIZE);
      if (task.stopInfo === undefined) throw new Errno('EINVAL');
      task.stopInfo = signalOf(bytes, new DataView(bytes.buffer).getInt32(0, true));
      return 0;
    },
  ],
  [PTRACE.GETREGSET, (request) => regset(request, false)],
  [PTRACE.SETREGSET, (request) => regset(request, true)],
  [PTRACE.INTERRUPT, interrupt],
  [PTRACE.LISTEN, listen],
  [PTRACE.PEEKSIGINFO, peekSiginfo],
  [
    PTRACE.GETSIGMASK,
    ({ call, task, address, data }) => {
      if (address !== 8n) throw new Errno('EINVAL');
      call.memory.setU64(data, task.savedMask ?? task.mask);
      return 0;
    },
  ],
  [
    PTRACE.SETSIGMASK,
    ({ call, task, address, data }) => {
      if (address !== 8n) throw new Errno('EINVAL');
      const mask = call.memory.u64(data) & ~UNBLOCKABLE;
      task.savedMask = undefined;
      setMask(call.kernel, task, mask);
      return 0;
    },
  ],
  [PTRACE.GET_SYSCALL_INFO, syscallInfo],
  [PTRACE_GET_RSEQ_CONFIGURATION, rseqConfiguration],
]);
