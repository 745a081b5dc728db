/**
 * ptrace(2), one function a request. All of them are for the thread that seized the tracee: a tracer lives on one thread of ours (a Worker).
 * Every function throws SystemError; ESRCH: the thread is gone, or is not stopped.
 */
import { PTRACE_RSEQ_CONFIGURATION } from '../abi/ptrace.js';
import { EVENT, OPTION, PTRACE } from '../abi/ptrace-requests.js';
import { USER_REGISTERS } from '../abi/user-registers.js';
import type { RseqConfiguration } from '../process/process.js';
import { type Argument, addressOf, call, tryCall } from './libc.js';

const request = (name: keyof typeof PTRACE, tid: number, address: Argument = 0, data: Argument = 0): number =>
  call('ptrace', PTRACE[name], tid, address, data);

/** PTRACE_O_* for events, as PTRACE_SEIZE takes them: bit n asks for event n. */
export const traceOptions = (...events: readonly (keyof typeof EVENT)[]): number =>
  events.reduce<number>((bits, name) => bits | (1 << EVENT[name]), OPTION.TRACESYSGOOD);

/** The thread becomes a tracee; it goes on running. EPERM: not allowed, or it has a tracer. */
export const seize = (tid: number, options: number): number => request('SEIZE', tid, 0, options);
/** The options of a stopped tracee, anew. */
export const setOptions = (tid: number, options: number): number => request('SETOPTIONS', tid, 0, options);
/** For options: the tracee is killed when its tracer ends. */
export const EXITKILL: number = OPTION.EXITKILL;
/** ... its seccomp filters do not apply: for who has CAP_SYS_ADMIN, and none himself. */
export const SUSPEND_SECCOMP: number = OPTION.SUSPEND_SECCOMP;
/** The thread will stop (EVENT.STOP), if it is not stopped yet. */
export const interrupt = (tid: number): number => request('INTERRUPT', tid);
/** Lets a stopped thread go on, with a signal or 0. */
export const cont = (tid: number, signal = 0): number => request('CONT', tid, 0, signal);
/** ... up to its next system call's beginning or end. */
export const contToSyscall = (tid: number, signal = 0): number => request('SYSCALL', tid, 0, signal);
/** ... by one instruction. */
export const singleStep = (tid: number, signal = 0): number => request('SINGLESTEP', tid, 0, signal);
/** A thread in a group stop stays in it, and the tracer hears of its end. */
export const listen = (tid: number): number => request('LISTEN', tid);
/** Gives up a stopped tracee, which goes on, with a signal or 0. */
export const detach = (tid: number, signal = 0): number => request('DETACH', tid, 0, signal);

/** PTRACE_GETEVENTMSG: the new thread's id, the exit status ... */
export function eventMessage(tid: number): number {
  const word = new BigUint64Array(1);
  request('GETEVENTMSG', tid, 0, word);
  return Number(word[0]);
}

/** siginfo_t, 128 bytes: si_signo, si_errno and si_code are its first three words. EINVAL: it is a group stop. */
export function signalInfo(tid: number): DataView {
  const bytes = new Uint8Array(128);
  request('GETSIGINFO', tid, 0, bytes);
  return new DataView(bytes.buffer);
}

/** What the thread has registered; undefined for nothing. EINVAL, EIO: this kernel (before 5.13) cannot tell. */
export function rseqConfiguration(tid: number): RseqConfiguration | undefined {
  const bytes = new Uint8Array(PTRACE_RSEQ_CONFIGURATION.size);
  request('GET_RSEQ_CONFIGURATION', tid, bytes.length, bytes);
  const { rseq_abi_pointer, rseq_abi_size, signature, flags } = PTRACE_RSEQ_CONFIGURATION.read(bytes);
  if (rseq_abi_pointer === 0n) return undefined;
  return { address: rseq_abi_pointer, length: rseq_abi_size, signature, flags };
}

export { USER_REGISTERS };

const INDEX: ReadonlyMap<string, number> = new Map(USER_REGISTERS.map((name, index) => [name, index]));

/** The general registers of a stopped thread, to read, change and write back. */
export class UserRegisters {
  constructor(readonly words: BigUint64Array = new BigUint64Array(USER_REGISTERS.length)) {}

  get(name: string): bigint {
    return this.words[INDEX.get(name)!]!;
  }

  set(name: string, value: bigint): void {
    this.words[INDEX.get(name)!] = value;
  }
}

/** PTRACE_GETREGS. A thread of a 32-bit program gives the same form, with `cs` 0x23. */
export function getRegisters(tid: number, into = new UserRegisters()): UserRegisters {
  request('GETREGS', tid, 0, into.words);
  return into;
}

export const setRegisters = (tid: number, registers: UserRegisters): number =>
  request('SETREGS', tid, 0, registers.words);

/** Another register set, as PTRACE_GETREGSET gives it: NT_PRFPREG 2, NT_X86_XSTATE 0x202. */
export function getRegisterSet(tid: number, type: number, limit = 16384): Uint8Array {
  const bytes = new Uint8Array(limit);
  const vector = new BigUint64Array([addressOf(bytes), BigInt(limit)]);
  request('GETREGSET', tid, type, vector);
  return bytes.subarray(0, Number(vector[1]));
}

export function setRegisterSet(tid: number, type: number, bytes: Uint8Array): void {
  request('SETREGSET', tid, type, new BigUint64Array([addressOf(bytes), BigInt(bytes.length)]));
}

/** The 64-bit set of blocked signals. */
export function getSignalMask(tid: number): bigint {
  const word = new BigUint64Array(1);
  request('GETSIGMASK', tid, 8, word);
  return word[0]!;
}

export const setSignalMask = (tid: number, mask: bigint): number =>
  request('SETSIGMASK', tid, 8, new BigUint64Array([mask]));

/** PTRACE_PEEKSIGINFO: siginfo_t of each signal that waits for the thread, or (`shared`) for its process. */
export function pendingSignals(tid: number, shared: boolean): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (;;) {
    const info = new Uint8Array(128);
    // struct ptrace_peeksiginfo_args: the first one, PTRACE_PEEKSIGINFO_SHARED, how many.
    const args = new Uint8Array(16);
    const view = new DataView(args.buffer);
    view.setBigUint64(0, BigInt(found.length), true);
    view.setUint32(8, shared ? 1 : 0, true);
    view.setInt32(12, 1, true);
    if (request('PEEKSIGINFO', tid, args, info) === 0) return found;
    found.push(info);
  }
}

/** tgkill(2). False where the thread is gone. */
export const signalThread = (pid: number, tid: number, signal: number): boolean =>
  tryCall('tgkill', pid, tid, signal) === 0;
