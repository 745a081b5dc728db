/** What a tracer traces, and what it tells of it. */
import type { EVENT } from '../../abi/ptrace-requests.js';
import type { Change } from '../../linux/wait.js';
import type { Detour } from './detour.js';
import type { Breakpoint, Space } from './space.js';

export interface TracedProcess {
  readonly pid: number;
  space: Space;
  readonly threads: Map<number, TracedThread>;
}

export interface TracedThread {
  readonly tid: number;
  readonly process: TracedProcess;
  state: 'running' | 'stopped' | 'listening';
  /** Set it to keep a stopped thread where it is, until `resume`. */
  held: boolean;
  /** It goes on to the end of a system call (`resumeToSyscall`), whatever comes in between: the birth of a child, a group stop. */
  toSyscall: boolean;
  /** It was told to make one step, and its trap has not come yet. */
  stepping?: boolean;
  /** It makes a call by another instruction than its own. */
  detour?: Detour | undefined;
  /** Of its struct rseq; undefined: not asked for yet. */
  area?: number | undefined;
}

/** What a tracer tells of. The thread is stopped meanwhile, and goes on afterwards, unless it is held. */
export interface TraceHandler {
  /** A process is traced from now on, or has become another program. */
  onProcess?(process: TracedProcess, thread: TracedThread, how: 'attach' | 'exec' | 'fork'): void;
  onThread?(thread: TracedThread): void;
  /** Every thread, also the first of a process, and while all is given up: before it does anything. */
  onTask?(tid: number): void;
  /** A thread stands at a breakpoint, in front of its instruction; the breakpoint is still there unless somebody has removed it meanwhile. */
  onBreakpoint?(thread: TracedThread, breakpoint: Breakpoint): void;
  /** A signal is about to be delivered: the one to deliver, or 0. */
  onSignal?(thread: TracedThread, signal: number): number;
  /** A step is done (`step`, or one of the program's own), or a debug register has stopped it. */
  onStep?(thread: TracedThread): void;
  /** PTRACE_EVENT_SECCOMP, and whatever else the options ask for. */
  onEvent?(thread: TracedThread, event: keyof typeof EVENT | number): void;
  onSyscall?(thread: TracedThread): void;
  /** A stop without a cause of its own: what was asked for by `interrupt`, and a thread's first. */
  onInterrupted?(thread: TracedThread): void;
  /** It is about to be detached from. */
  onGiveUp?(thread: TracedThread): void;
  /** The last thread of a process is gone. */
  onExit?(process: TracedProcess, how: Extract<Change, { kind: 'exited' | 'killed' }>): void;
  onThreadExit?(thread: TracedThread): void;
  /** Nobody has this memory any more (exit, exec). */
  onMemoryGone?(space: Space): void;
  /** A child that is no tracee has changed: a bell. */
  onOther?(change: Change): void;
}
