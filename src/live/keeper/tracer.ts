/**
 * Traces processes, all their threads, and what they start: by PTRACE_SEIZE, so that it can be stopped and begun at any moment without a trace.
 * It waits for the next event, tells its handler, and lets the thread go on. Signals and group stops (SIGSTOP) are what they would be without a tracer.
 */
import { closeSync, openSync } from 'node:fs';
import { type EVENT, PTRACE } from '../../abi/ptrace-requests.js';
import { SIG } from '../../abi/signals.js';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { isErrno } from '../../linux/errors.js';
import { addressOf, fastCall, tryCall } from '../../linux/libc.js';
import { hasEnded, threadStatus, threadsOf } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import { type Change, waitFor } from '../../linux/wait.js';
import { endDetour } from './detour.js';
import { Space } from './space.js';
import type { TracedProcess, TracedThread, TraceHandler } from './traced.js';

/** siginfo_t.si_code of int3, of a step (include/uapi/asm-generic/siginfo.h). */
const SI_KERNEL = 0x80;
/** ... of a step that was a system call (arch/x86/kernel/ptrace.c, user_single_step_report). */
const TRAP_BRKPT = 1;
const TRAP_TRACE = 2;
const TRAP_HWBKPT = 4;
/** Byte offset of rip in struct user: USER_REGISTERS.indexOf('rip') * 8. */
const RIP = 128;
/** kcmp(2): the same memory? */
const KCMP_VM = 1;

const waitForAny = (): Change | undefined => waitFor(-1);

export class Tracer {
  readonly processes = new Map<number, TracedProcess>();
  readonly threads = new Map<number, TracedThread>();
  /** New tracees whose maker has not told of them yet. */
  private readonly strays = new Set<number>();
  private releasing = false;
  /** Kept free for a release that is made because there are no more descriptors. */
  private readonly spare = openSync('/dev/null', 'r');
  /** While all is given up: whose breakpoints copies of memory may hold. */
  private memories: readonly Space[] = [];
  /** PTRACE_O_* of every tracee. */
  readonly options: number;
  /** The next event of any thread; for who does some of the work himself. */
  wait: () => Change | undefined = waitForAny;

  constructor(
    private readonly handler: TraceHandler,
    events: readonly (keyof typeof EVENT)[] = [],
  ) {
    this.options = ptrace.traceOptions('CLONE', 'FORK', 'VFORK', 'EXEC', ...events);
  }

  /** A process of startStopped, in front of its exec: onProcess is told then. */
  begin(pid: number): void {
    ptrace.seize(pid, this.options);
    this.addThread(this.addProcess(pid, new Space(pid)), pid);
  }

  /** All threads of a process that runs; it goes on. Throws SystemError: EPERM, ESRCH. */
  attach(pid: number): TracedProcess {
    let process: TracedProcess | undefined;
    // A thread that is not seized yet may start another one meanwhile: until none is new.
    for (let fresh = true; fresh; ) {
      fresh = false;
      for (const tid of threadsOf(pid)) {
        if (this.threads.has(tid)) continue;
        if (!this.seize(tid, process)) continue;
        process ??= this.addProcess(pid, new Space(tid));
        this.addThread(process, tid);
        fresh = true;
      }
    }
    if (process === undefined) throw Object.assign(new Error(), { code: 'ESRCH' });
    return process;
  }

  /** False for a thread that is gone, or that a traced thread has made, which is ours already. */
  private seize(tid: number, process: TracedProcess | undefined): boolean {
    try {
      ptrace.seize(tid, this.options);
      return true;
    } catch (error) {
      const status = threadStatus(tid);
      const ours = Number(status?.get('TracerPid')) === globalThis.process.pid;
      const gone = status === undefined || hasEnded(status.get('State'));
      if (isErrno(error, 'ESRCH') || (isErrno(error, 'EPERM') && (ours || gone))) return false;
      // Half a process is none.
      if (process !== undefined) this.release();
      throw error;
    }
  }

  /** Until every tracee is gone, or has been released. */
  run(): void {
    while (this.threads.size > 0) {
      const change = this.wait();
      if (change === undefined) return;
      try {
        this.take(change);
      } catch (error) {
        // It was killed while a handler looked at it, which another event tells. Else it goes on.
        const thread = this.threads.get(change.tid);
        if (!isErrno(error, 'ESRCH', 'ENOENT')) throw error;
        if (thread === undefined) continue;
        thread.held = false;
        this.goOn(thread, 0);
      }
    }
  }

  /** Lets a held thread go on. */
  resume(thread: TracedThread, signal = 0): void {
    if (thread.state !== 'stopped') return;
    thread.held = false;
    thread.state = 'running';
    // Where it fails the thread is gone, and another event tells of it.
    ask(thread.toSyscall ? PTRACE.SYSCALL : PTRACE.CONT, thread.tid, 0, signal);
  }

  /** ... by one instruction: onStep. */
  step(thread: TracedThread): void {
    thread.held = false;
    thread.state = 'running';
    thread.stepping = true;
    attempt(() => ptrace.singleStep(thread.tid));
  }

  /** ... to its next system call's beginning or end: onSyscall. */
  resumeToSyscall(thread: TracedThread): void {
    thread.toSyscall = true;
    this.resume(thread);
  }

  /** A thread that runs is to stop: onInterrupted. */
  interrupt(thread: TracedThread): void {
    attempt(() => ptrace.interrupt(thread.tid));
  }

  /** Takes all breakpoints back and gives every thread up, each as it is. Waits until that is done. */
  release(): void {
    if (!this.releasing) closeSync(this.spare);
    this.releasing = true;
    this.wait = waitForAny;
    this.memories = [...this.memories, ...[...this.processes.values()].map(({ space }) => space)];
    for (const { space } of this.processes.values()) space.removeAll();
    for (const thread of [...this.threads.values()]) {
      if (thread.state === 'stopped') this.giveUp(thread, 0);
      // A thread that waits for the child of its vfork hears of it when that one goes on.
      else attempt(() => ptrace.interrupt(thread.tid));
    }
    this.run();
    for (const tid of this.strays) this.cleanStray(tid);
    this.strays.clear();
  }

  /** All threads of a process are the caller's from now on, as they are: traced, and in memory without breakpoints. */
  handOver(process: TracedProcess): void {
    process.space.removeAll();
    for (const thread of [...process.threads.values()]) this.forget(thread);
  }

  private take(change: Change): void {
    const thread = this.threads.get(change.tid);
    if (thread === undefined) return this.takeUnknown(change);
    if (change.kind === 'exited' || change.kind === 'killed') return this.gone(thread, change);
    thread.state = 'stopped';
    const { detour } = thread;
    if (detour !== undefined) attempt(() => endDetour(thread, detour));
    switch (change.kind) {
      case 'event':
        return this.takeEvent(thread, change);
      case 'syscall':
        thread.toSyscall = false;
        if (!this.releasing) this.handler.onSyscall?.(thread);
        return this.goOn(thread, 0);
      default:
        return this.takeSignal(thread, change.signal);
    }
  }

  private takeUnknown(change: Change): void {
    if (change.kind === 'event' && change.event === 'STOP') {
      const status = threadStatus(change.tid);
      const process = this.processes.get(Number(status?.get('Tgid')));
      if (process !== undefined) this.settle(this.addThread(process, change.tid, true));
      else if (this.releasing) this.cleanStray(change.tid);
      else this.strays.add(change.tid);
    } else if (change.kind === 'exited' || change.kind === 'killed') {
      this.strays.delete(change.tid);
      this.handler.onOther?.(change);
    } else this.handler.onOther?.(change);
  }

  private takeEvent(thread: TracedThread, change: Extract<Change, { kind: 'event' }>): void {
    switch (change.event) {
      case 'CLONE':
      case 'FORK':
      case 'VFORK':
        this.born(thread, change.event);
        return this.goOn(thread, 0);
      case 'EXEC':
        return this.execed(thread);
      case 'STOP':
        return this.stopped(thread, change.signal);
      default:
        if (!this.releasing) this.handler.onEvent?.(thread, change.event);
        return this.goOn(thread, 0);
    }
  }

  private stopped(thread: TracedThread, signal: number): void {
    if (signal === SIG.SIGTRAP) {
      // Its own trap may wait behind ours: without a tracer it would kill.
      if (this.releasing && hasPendingTrap(thread)) return this.resume(thread);
      if (!this.releasing) this.handler.onInterrupted?.(thread);
      return this.goOn(thread, 0);
    }
    if (this.releasing) return this.giveUp(thread, 0);
    thread.state = 'listening';
    attempt(() => ptrace.listen(thread.tid));
  }

  private takeSignal(thread: TracedThread, signal: number): void {
    if (signal !== SIG.SIGTRAP) {
      const deliver = this.releasing ? signal : (this.handler.onSignal?.(thread, signal) ?? signal);
      return this.goOn(thread, deliver);
    }
    const code = codeOf(thread);
    if (code === undefined) return this.goOn(thread, 0);
    if (code === SI_KERNEL) {
      const at = ipOf(thread) - 1;
      const breakpoint = thread.process.space.breakpoints.get(at);
      if (breakpoint !== undefined && !thread.process.space.isOwn(breakpoint)) {
        setIp(thread, at);
        if (!this.releasing) this.handler.onBreakpoint?.(thread, breakpoint);
        return this.goOn(thread, 0);
      }
    } else if (code === TRAP_TRACE || code === TRAP_HWBKPT || code === TRAP_BRKPT) {
      const ours = thread.stepping === true || code === TRAP_HWBKPT;
      thread.stepping = false;
      if (!this.releasing) this.handler.onStep?.(thread);
      // A program that has set the trap flag itself is to hear of each step.
      return this.goOn(thread, ours ? 0 : signal);
    }
    this.goOn(thread, signal);
  }

  /** After an event: on it goes, or away. */
  private goOn(thread: TracedThread, signal: number): void {
    // A handler that asked for an end has given it up already.
    if (this.threads.get(thread.tid) !== thread) return;
    if (this.releasing) this.giveUp(thread, signal);
    else if (!thread.held && thread.state === 'stopped') this.resume(thread, signal);
  }

  private giveUp(thread: TracedThread, signal: number): void {
    this.handler.onGiveUp?.(thread);
    attempt(() => ptrace.detach(thread.tid, signal));
    this.forget(thread);
  }

  private born(thread: TracedThread, event: 'CLONE' | 'FORK' | 'VFORK'): void {
    let tid = 0;
    attempt(() => {
      tid = ptrace.eventMessage(thread.tid);
    });
    if (tid === 0 || this.threads.has(tid)) return;
    const status = threadStatus(tid);
    const known = this.strays.delete(tid);
    if (status === undefined) return;
    if (Number(status.get('Tgid')) === thread.process.pid) {
      const made = this.addThread(thread.process, tid, known);
      if (known) this.settle(made);
      return;
    }
    let space: Space;
    try {
      space = this.spaceOfChild(thread, tid, event);
    } catch (error) {
      this.strays.add(tid);
      throw error;
    }
    const child = this.addProcess(tid, space);
    const made = this.addThread(child, tid, known);
    if (!this.releasing) this.handler.onProcess?.(child, made, 'fork');
    if (known) this.settle(made);
  }

  /** The memory of a new process: its maker's, or a copy. */
  private spaceOfChild(parent: TracedThread, tid: number, event: 'CLONE' | 'FORK' | 'VFORK'): Space {
    const same = tryCall('kcmp', parent.tid, tid, KCMP_VM, 0, 0);
    // Kernels without kcmp: vfork shares, fork copies.
    if (same === 0 || (same < 0 && event !== 'FORK')) return parent.process.space;
    const space = new Space(tid);
    parent.process.space.copyTo(space);
    return space;
  }

  /** A new thread or process has come to its first stop. */
  private settle(thread: TracedThread): void {
    thread.state = 'stopped';
    if (!this.releasing) this.handler.onInterrupted?.(thread);
    this.goOn(thread, 0);
  }

  /** While all is given up: a child that was made in the meantime, whose maker is gone. Its memory holds what its maker's held. */
  private cleanStray(tid: number): void {
    attempt(() => {
      const space = new Space(tid);
      for (const other of this.memories) other.copyTo(space);
      space.removeAll();
      space.close();
    });
    this.handler.onTask?.(tid);
    attempt(() => ptrace.detach(tid));
  }

  private execed(thread: TracedThread): void {
    const { process } = thread;
    for (const other of [...process.threads.values()]) if (other !== thread) this.forget(other, true);
    attempt(() => {
      const space = new Space(thread.tid);
      this.leave(process.space);
      process.space = space;
      space.users++;
    });
    thread.area = undefined;
    thread.toSyscall = false;
    if (!this.releasing) this.handler.onProcess?.(process, thread, 'exec');
    this.goOn(thread, 0);
  }

  private gone(thread: TracedThread, change: Extract<Change, { kind: 'exited' | 'killed' }>): void {
    const { process } = thread;
    if (!this.releasing) this.handler.onThreadExit?.(thread);
    const last = process.threads.size === 1;
    if (last && !this.releasing) this.handler.onExit?.(process, change);
    // It came to its end while it was given up.
    else if (this.releasing) this.handler.onOther?.(change);
    this.forget(thread);
    // Whoever made a stray is perhaps among the dead, and will not tell of it.
    if (last && !this.releasing) for (const tid of [...this.strays]) this.adopt(tid, process);
  }

  private adopt(tid: number, parent: TracedProcess): void {
    if (this.processes.has(Number(threadStatus(tid)?.get('PPid')))) return;
    this.strays.delete(tid);
    attempt(() => {
      const space = new Space(tid);
      parent.space.copyTo(space);
      this.settle(this.addThread(this.addProcess(tid, space), tid, true));
    });
  }

  private addProcess(pid: number, space: Space): TracedProcess {
    const process: TracedProcess = { pid, space, threads: new Map() };
    space.users++;
    this.processes.set(pid, process);
    if (this.releasing) space.removeAll();
    return process;
  }

  /** `stopped`: it has come to its first stop already. */
  private addThread(process: TracedProcess, tid: number, stopped = false): TracedThread {
    const state = stopped ? 'stopped' : 'running';
    const thread: TracedThread = { tid, process, state, held: false, toSyscall: false };
    const first = process.threads.size === 0;
    process.threads.set(tid, thread);
    this.threads.set(tid, thread);
    this.handler.onTask?.(tid);
    if (!this.releasing && !first) this.handler.onThread?.(thread);
    return thread;
  }

  private forget(thread: TracedThread, keepProcess = false): void {
    const { process } = thread;
    process.threads.delete(thread.tid);
    if (this.threads.get(thread.tid) === thread) this.threads.delete(thread.tid);
    if (process.threads.size > 0 || keepProcess) return;
    this.processes.delete(process.pid);
    this.leave(process.space);
  }

  private leave(space: Space): void {
    if (--space.users > 0) return;
    this.handler.onMemoryGone?.(space);
    space.close();
  }
}

/** What fails where the thread is gone meanwhile (SIGKILL), which another event will tell. */
function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!isErrno(error, 'ESRCH', 'ENOENT')) throw error;
  }
}

/** What is asked at every stop goes through memory whose address is known. */
const asked = new BigUint64Array(16);
let askedAddress = 0;
const ask = (request: number, tid: number, address: number, data: number): boolean =>
  fastCall(SYSCALLS_X86_64['ptrace']!, request, tid, address, data) !== -1;
const room = (): number => {
  askedAddress ||= Number(addressOf(asked));
  return askedAddress;
};

/** si_code of a stop by a signal; undefined: the thread is gone. */
const codeOf = ({ tid }: TracedThread): number | undefined =>
  ask(PTRACE.GETSIGINFO, tid, 0, room()) ? Number(BigInt.asIntN(32, asked[1]!)) : undefined;

/** 0: the thread is gone. */
export const ipOf = ({ tid }: TracedThread): number =>
  ask(PTRACE.PEEKUSER, tid, RIP, room()) ? Number(asked[0]) : 0;

/** Nothing happens where the thread is gone. */
export const setIp = ({ tid }: TracedThread, ip: number): boolean => ask(PTRACE.POKEUSER, tid, RIP, ip);

function hasPendingTrap({ tid, process }: TracedThread): boolean {
  const pending = threadStatus(process.pid, tid)?.get('SigPnd');
  return pending !== undefined && (BigInt(`0x${pending}`) & (1n << BigInt(SIG.SIGTRAP - 1))) !== 0n;
}
