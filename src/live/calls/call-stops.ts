/**
 * Stops a program at the system calls that it makes at certain places. Where the place is a SYSCALL instruction for sure, a breakpoint stands there
 * (detour.ts has how the call is made all the same): all other calls are what they are without us. Where it is not, a seccomp filter over the
 * instruction pointer sends what is called from there to the tracer: all other calls of such a program pay the filter. Filters cannot be taken back, and
 * stay over fork and exec: for a new file one more is laid over the others, and what an old one still catches is let pass.
 *
 * Which places there are is looked for at exec, when the dynamic linker says that it has mapped something, when the kernel says that a program has mapped
 * code itself, and in the maps from time to time, for where it may not say so.
 */

import { hex } from '../../abi/address.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { findSyscall, type InThread, inThreadUnfiltered, withBytes } from '../../linux/inject.js';
import { threadStatus } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import {
  encodeFilter,
  fprog,
  PR_SET_NO_NEW_PRIVS,
  type Range,
  RET,
  SECCOMP_SET_MODE_FILTER,
  sectionFilter,
} from '../../linux/seccomp.js';
import { plural } from '../../report/document.js';
import { beginDetour } from '../keeper/detour.js';
import { ModulesWatch } from '../keeper/modules-watch.js';
import type { Space } from '../keeper/space.js';
import type { TracedProcess, TracedThread } from '../keeper/traced.js';
import type { Tracer } from '../keeper/tracer.js';
import type { Modules } from '../modules.js';
import { areaOf, RSEQ_CS_OFFSET } from './armed.js';
import { SYSCALL_SIZE } from './entry.js';

/** SECCOMP_FILTER_FLAG_TSYNC: for all threads of the process. */
const TSYNC = 1;
/** cs of 64-bit user code (arch/x86/include/asm/segment.h). */
const USER64 = 0x33n;

/** Milliseconds between two looks at the maps. */
export const LOOK = 200;

/** A process's memory, and what is watched of it. */
interface Watched {
  readonly process: TracedProcess;
  /** Where breakpoints stand. */
  traps: ReadonlySet<number>;
  /** Ranges that a filter has, as text. */
  readonly ranges: Set<string>;
  /** Another SYSCALL instruction. */
  through?: bigint | undefined;
  /** Ranges that wait for a thread that stands still. */
  behind: boolean;
}

/** The places of a program, at run-time addresses. */
export interface CallPlaces {
  /** Of SYSCALL instructions. */
  readonly instructions: readonly bigint[];
  /** Of the addresses behind what may be calls. */
  readonly ranges: readonly Range[];
}

export interface CallStopOptions {
  readonly places: (modules: Modules) => CallPlaces;
  /** A call from one of the places, or from where one was: before it is made. The thread goes on when this returns, unless it is held. */
  readonly onCall: (thread: TracedThread, modules: Modules) => void;
  /** The result of a call for which `toReturn` was asked. */
  readonly onReturn: (thread: TracedThread, modules: Modules) => void;
  /** A program that cannot be watched, or not as a whole. */
  readonly onLimit: (text: string) => void;
}

export class CallStops {
  private readonly watched = new Map<Space, Watched>();
  private readonly watch: ModulesWatch;
  /** Threads on a detour to their call, and in a call whose result is asked for. */
  private readonly pending = new Map<number, 'call' | 'return'>();
  /** How many filters of ours each process has. */
  private readonly filters = new Map<number, number>();
  /** Who stands still at this moment. */
  private still: TracedThread | undefined;
  /** A program has one: without somebody to answer it its calls would fail. */
  installed = false;

  constructor(
    private readonly tracer: () => Tracer,
    private readonly options: CallStopOptions,
  ) {
    this.watch = new ModulesWatch((space, modules) => this.mapped(space, modules));
  }

  onProcess(process: TracedProcess, thread: TracedThread, how: 'attach' | 'exec' | 'fork'): void {
    const { space, pid } = process;
    if (how === 'exec') this.watch.execed(process);
    this.watch.addThread(thread);
    if (this.watched.has(space)) return;
    // After fork filters are the maker's.
    const maker = how === 'fork' ? this.tracer().processes.get(parentOf(pid)) : undefined;
    const ranges = new Set(maker && this.watched.get(maker.space)?.ranges);
    if (maker !== undefined) this.filters.set(pid, this.filters.get(maker.pid) ?? 0);
    this.watched.set(space, { process, traps: new Set(), ranges, behind: false });
    this.withThread(thread, () => this.watch.add(process));
  }

  onThread(thread: TracedThread): void {
    this.watch.addThread(thread);
  }

  /** The signal to deliver, or 0. */
  onSignal(thread: TracedThread, signal: number): number {
    return this.withThread(thread, () => this.watch.signalled(thread, signal)) ? 0 : signal;
  }

  onGiveUp(thread: TracedThread): void {
    this.watch.endThread(thread);
  }

  onBreakpoint(thread: TracedThread, at: number): void {
    if (this.withThread(thread, () => this.watch.hit(thread, at))) return;
    const watched = this.watched.get(thread.process.space);
    if (watched?.traps.has(at)) this.stopped(thread, at, watched);
  }

  onInterrupted(thread: TracedThread): void {
    const { space } = thread.process;
    const modules = this.modulesOf(thread);
    if (this.watched.get(space)?.behind && modules !== undefined)
      this.withThread(thread, () => this.mapped(space, modules));
  }

  /** For what was mapped without a dynamic linker, where the kernel does not tell of it. */
  onTick(): void {
    for (const space of [...this.watched.keys()]) this.watch.look(space);
  }

  onEvent(thread: TracedThread, event: unknown): void {
    const modules = this.modulesOf(thread);
    if (event === 'SECCOMP' && modules !== undefined) this.options.onCall(thread, modules);
  }

  onSyscall(thread: TracedThread): void {
    const what = this.pending.get(thread.tid);
    const modules = this.modulesOf(thread);
    this.pending.delete(thread.tid);
    if (modules === undefined) return;
    if (what === 'call') this.options.onCall(thread, modules);
    if (what === 'return') this.options.onReturn(thread, modules);
  }

  onThreadExit(thread: TracedThread): void {
    this.watch.endThread(thread);
    this.pending.delete(thread.tid);
  }

  onMemoryGone(space: Space): void {
    this.watched.delete(space);
    this.watch.forget(space);
  }

  /** From onCall: the call is made, and its result told of. */
  toReturn(thread: TracedThread): void {
    this.pending.set(thread.tid, 'return');
    this.tracer().resumeToSyscall(thread);
  }

  modulesOf(thread: TracedThread): Modules | undefined {
    return this.watch.modulesOf(thread.process.space);
  }

  private withThread<T>(thread: TracedThread, action: () => T): T {
    this.still = thread;
    try {
      return action();
    } finally {
      this.still = undefined;
    }
  }

  /** In front of the SYSCALL instruction of a place. */
  private stopped(thread: TracedThread, at: number, watched: Watched): void {
    const { space, pid } = thread.process;
    const { through } = watched;
    if (through === undefined || !isSyscall(space.read(Number(through), 2)))
      watched.through = findSyscall(pid);
    if (watched.through === undefined) {
      space.remove(at);
      this.options.onLimit(
        `process ${pid}: calls at ${hex(at)} are not seen: it has no other SYSCALL instruction`,
      );
      return;
    }
    try {
      const area = areaOf(thread);
      beginDetour(thread, at, watched.through, area === 0 ? 0 : area + RSEQ_CS_OFFSET);
      this.pending.set(thread.tid, 'call');
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
    }
  }

  private mapped(space: Space, modules: Modules): void {
    const watched = this.watched.get(space);
    if (watched === undefined) return;
    const { instructions, ranges } = this.options.places(modules);
    // Code that is something else, or cannot be written to: a filter does it.
    const [planted, others] = partition(
      instructions.map(Number),
      (at) =>
        space.breakpoints.get(at)?.planted === true || (isSyscall(space.read(at, 2)) && space.plant(at)),
    );
    watched.traps = new Set(planted);
    this.extend(watched, [...ranges, ...others.map(behind)]);
  }

  /** A filter for what is new. */
  private extend(watched: Watched, places: readonly Range[]): void {
    const { process, ranges } = watched;
    const fresh = places.filter((range) => !ranges.has(nameOf(range)));
    watched.behind = fresh.length > 0 && this.still === undefined;
    if (fresh.length === 0) return;
    if (this.still === undefined) {
      const [thread] = process.threads.values();
      if (thread !== undefined) this.tracer().interrupt(thread);
      return;
    }
    const trouble = this.install(this.still, fresh);
    if (trouble === undefined) {
      this.installed = true;
      this.filters.set(process.pid, (this.filters.get(process.pid) ?? 0) + 1);
      for (const range of fresh) ranges.add(nameOf(range));
    } else
      this.options.onLimit(
        `process ${process.pid}: calls in ${plural(fresh.length, 'place')} are not seen: ${trouble}`,
      );
  }

  private install(thread: TracedThread, ranges: readonly Range[]): string | undefined {
    const { tid, process } = thread;
    try {
      if (ptrace.getRegisters(tid).get('cs') !== USER64) return 'it is a 32-bit program';
      const instruction = findSyscall(process.pid);
      if (instruction === undefined) return 'it has no SYSCALL instruction to install a filter with';
      const filter = encodeFilter(sectionFilter(ranges, RET.TRACE));
      const { options } = this.tracer();
      const ours = this.filters.get(process.pid) ?? 0;
      return inThreadUnfiltered(tid, instruction, { options, ours }, (call) =>
        install(process, call, filter),
      );
    } catch (error) {
      if (error instanceof RangeError) return error.message;
      if (isErrno(error, 'ESRCH')) return undefined;
      if (!(error instanceof SystemError)) throw error;
      return `${error.message}${isErrno(error, 'ENOMEM') ? ': it has as many filters as the kernel allows' : ''}`;
    }
  }
}

function install(process: TracedProcess, call: InThread, filter: Uint8Array): string | undefined {
  const flags = process.threads.size > 1 ? TSYNC : 0;
  const set = (address: bigint): bigint => call('seccomp', SECCOMP_SET_MODE_FILTER, flags, address);
  const other = withBytes(process.pid, call, fprog(filter), (address) => {
    try {
      return set(address);
    } catch (error) {
      if (!isErrno(error, 'EACCES')) throw error;
      call('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      return set(address);
    }
  });
  return other === 0n ? undefined : `thread ${other} has filters of its own`;
}

/** SYSCALL. */
const isSyscall = (bytes: Uint8Array | undefined): boolean => bytes?.[0] === 0x0f && bytes[1] === 0x05;

/** The address behind the instruction. */
const behind = (at: number): Range => ({
  start: BigInt(at) + SYSCALL_SIZE,
  end: BigInt(at) + SYSCALL_SIZE + 1n,
});

function partition<T>(all: readonly T[], test: (each: T) => boolean): [T[], T[]] {
  const both: [T[], T[]] = [[], []];
  for (const each of all) both[test(each) ? 0 : 1].push(each);
  return both;
}

const parentOf = (pid: number): number => Number(threadStatus(pid)?.get('PPid'));

const nameOf = ({ start, end }: Range): string => `${start}-${end}`;
