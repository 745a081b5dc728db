/**
 * Sends system calls that are made from certain places of a program to its tracer, by a seccomp filter over the instruction pointer; all other calls
 * pay a few instructions of the filter. Which places there are is known when a file is mapped: so calls that map code are watched too. Filters cannot
 * be taken back, and stay over fork and exec: for a new file one more is laid over the others, and what an old one still catches is let pass.
 */
import { isErrno, SystemError } from '../../linux/errors.js';
import { findSyscall, type InThread, inThread, withBytes } from '../../linux/inject.js';
import * as ptrace from '../../linux/ptrace.js';
import {
  encodeFilter,
  fprog,
  installFilter,
  PR_SET_NO_NEW_PRIVS,
  type Range,
  RET,
  SECCOMP_SET_MODE_FILTER,
  sectionFilter,
  TRAP,
} from '../../linux/seccomp.js';
import type { FirstCall } from '../../linux/stub.js';
import type { Space } from '../keeper/space.js';
import type { TracedProcess, TracedThread, Tracer } from '../keeper/tracer.js';
import { Modules } from '../modules.js';

/** SECCOMP_FILTER_FLAG_TSYNC: for all threads of the process. */
const TSYNC = 1;
/** cs of 64-bit user code (arch/x86/include/asm/segment.h). */
const USER64 = 0x33n;

const INSIDE = RET.TRACE | TRAP.INSIDE;

/** What a program is to do before its exec, so that none of its calls is missed. */
export const firstCalls = (): FirstCall[] =>
  installFilter(encodeFilter(sectionFilter([], { inside: INSIDE, mapsCode: RET.TRACE | TRAP.MAPS_CODE })));

/** A process's memory, and what is watched of it. */
interface Watched {
  readonly modules: Modules;
  /** Ranges that a filter has, as text. */
  readonly ranges: Set<string>;
}

export interface CallFilterOptions {
  /** The places of a program, at run-time addresses: of the addresses behind SYSCALL instructions. */
  readonly ranges: (modules: Modules) => readonly Range[];
  /** A call from one of the places, or from where one was: before it is made. The thread goes on when this returns, unless it is held. */
  readonly onCall: (thread: TracedThread, modules: Modules) => void;
  /** The result of a call for which `toReturn` was asked. */
  readonly onReturn: (thread: TracedThread, modules: Modules) => void;
  /** A program that cannot be watched, or not as a whole. */
  readonly onLimit: (text: string) => void;
}

export class CallFilter {
  private readonly watched = new Map<Space, Watched>();
  /** Threads in a call that maps code, or in one whose result is asked for. */
  private readonly pending = new Map<number, 'maps' | 'asked'>();

  constructor(
    private readonly tracer: () => Tracer,
    private readonly options: CallFilterOptions,
  ) {}

  onProcess(process: TracedProcess, thread: TracedThread, how: 'attach' | 'exec' | 'fork'): void {
    const { space, pid } = process;
    if (how === 'exec') this.watched.delete(space);
    if (this.watched.has(space)) return;
    const modules = Modules.ofProcess(pid);
    const watched: Watched = { modules, ranges: new Set() };
    this.watched.set(space, watched);
    // After fork memory and filters are the maker's.
    if (how === 'fork') for (const range of this.options.ranges(modules)) watched.ranges.add(nameOf(range));
    else this.extend(thread, watched);
  }

  onEvent(thread: TracedThread, event: unknown): void {
    const watched = this.watched.get(thread.process.space);
    if (event !== 'SECCOMP' || watched === undefined) return;
    if (ptrace.eventMessage(thread.tid) === TRAP.MAPS_CODE) this.askReturn(thread, 'maps');
    else this.options.onCall(thread, watched.modules);
  }

  onSyscall(thread: TracedThread): void {
    const what = this.pending.get(thread.tid);
    const watched = this.watched.get(thread.process.space);
    this.pending.delete(thread.tid);
    if (watched === undefined) return;
    if (what === 'asked') this.options.onReturn(thread, watched.modules);
    if (what === 'maps' && watched.modules.refresh()) this.extend(thread, watched);
  }

  onThreadExit(thread: TracedThread): void {
    this.pending.delete(thread.tid);
  }

  onMemoryGone(space: Space): void {
    this.watched.delete(space);
  }

  /** From onCall: the call is made, and its result told of. */
  toReturn(thread: TracedThread): void {
    this.askReturn(thread, 'asked');
  }

  modulesOf(thread: TracedThread): Modules | undefined {
    return this.watched.get(thread.process.space)?.modules;
  }

  private askReturn(thread: TracedThread, what: 'maps' | 'asked'): void {
    this.pending.set(thread.tid, what);
    this.tracer().resumeToSyscall(thread);
  }

  /** A filter for what is new. */
  private extend(thread: TracedThread, { modules, ranges }: Watched): void {
    const fresh = this.options.ranges(modules).filter((range) => !ranges.has(nameOf(range)));
    if (fresh.length === 0) return;
    const trouble = this.install(thread, fresh);
    if (trouble === undefined) for (const range of fresh) ranges.add(nameOf(range));
    else
      this.options.onLimit(
        `process ${thread.process.pid}: calls in ${fresh.length} places are not seen: ${trouble}`,
      );
  }

  private install(thread: TracedThread, ranges: readonly Range[]): string | undefined {
    const { tid, process } = thread;
    try {
      if (ptrace.getRegisters(tid).get('cs') !== USER64) return 'it is a 32-bit program';
      const instruction = findSyscall(process.pid);
      if (instruction === undefined) return 'it has no SYSCALL instruction to install a filter with';
      const filter = encodeFilter(sectionFilter(ranges, { inside: INSIDE }));
      return inThread(tid, instruction, (call) => install(process, call, filter));
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

const nameOf = ({ start, end }: Range): string => `${start}-${end}`;
