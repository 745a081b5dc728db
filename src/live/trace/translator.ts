/** Facts of perf become events of the common vocabulary (src/event), with what was found out about them. */

import { RSEQ_FLAG_UNREGISTER } from '../../abi/rseq.js';
import { signalName } from '../../abi/signals.js';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import type { Happening, MemoryPiece } from '../../event/event.js';
import type { Observed, ObservedAbort, ObservedCall, Observer } from '../../event/observed.js';
import { threadStat, threadsOf } from '../../linux/procfs.js';
import type { RseqConfiguration } from '../../process/process.js';
import { type Interruptions, inferCause } from './cause.js';
import { CodePlaces } from './code-places.js';
import type { Fact } from './facts.js';
import { isOfRseq } from './forced.js';
import { errnoName, reasonOf, requestOf, rseqMemory } from './registrations.js';

/** A thread that is watched. */
interface Thread extends Interruptions {
  readonly process: Process;
  name: string;
  /** The rseq call that it is in. */
  observer: Observer | undefined;
  call:
    | {
        readonly time: number;
        readonly arguments: readonly bigint[];
        readonly data: readonly MemoryPiece[];
        readonly age: number;
      }
    | undefined;
  registered: RseqConfiguration | undefined | 'unknown';
}

interface Process {
  readonly pid: number;
  places: CodePlaces;
  threads: number;
  /** It has called exec, and what it executes is still to be told. */
  executing: boolean;
  barrier?: number;
  /** When its last thread ended. */
  end?: { readonly time: number; readonly cpu: number };
}

/** Processes that are gone whose code is still known. */
const REMEMBERED = 256;

export interface TranslatorOptions {
  /** What is known of threads that were there before us. */
  readonly before: 'nothing' | 'unknown';
  /** Processes whose events are wanted; undefined: all. Their children come in by themselves. */
  readonly pids?: readonly number[];
  readonly onEvent: (observed: Observed) => void;
  /** A thread has registered struct rseq. */
  readonly onRegister?: (pid: number, tid: number, configuration: RseqConfiguration) => void;
}

export class Translator {
  private readonly threads = new Map<number, Thread>();
  private readonly processes = new Map<number, Process>();
  private readonly wanted: Set<number> | undefined;

  constructor(private readonly options: TranslatorOptions) {
    if (options.pids === undefined) return;
    this.wanted = new Set(options.pids);
    if (options.before === 'unknown')
      for (const pid of options.pids) for (const tid of threadsOf(pid)) this.thread(pid, tid);
  }

  /** Of processes that are or were watched. */
  placesOf(pid: number): CodePlaces | undefined {
    return this.processes.get(pid)?.places;
  }

  /** When and where a process ended; undefined: it has not, or that was not told. */
  endOf(pid: number): { readonly time: number; readonly cpu: number } | undefined {
    return this.processes.get(pid)?.end;
  }

  get pids(): readonly number[] {
    return [...this.processes.keys()];
  }

  /** Threads that are known to be there. */
  get tids(): readonly { readonly pid: number; readonly tid: number }[] {
    return [...this.threads].map(([tid, { process }]) => ({ pid: process.pid, tid }));
  }

  /** Facts come in the order of their time. `now`: nanoseconds of the same clock. `data`: memory that a call found, where it was read then. */
  add(fact: Fact, now: number, data?: readonly MemoryPiece[]): void {
    if (fact.kind === 'lost') return;
    if (fact.kind === 'fork') return this.fork(fact);
    if (this.wanted !== undefined && !this.wanted.has(fact.pid)) return;
    // Of threads of which nothing else is known, switches say nothing.
    if (
      (fact.kind === 'in' || fact.kind === 'out') &&
      this.options.pids === undefined &&
      !this.threads.has(fact.tid)
    )
      return;
    // The idle thread of each CPU.
    if (fact.tid <= 0) return;
    const thread = this.thread(fact.pid, fact.tid);
    switch (fact.kind) {
      case 'fixup':
        return this.abort(fact, thread);
      case 'out':
        thread.out = { time: fact.time, cpu: fact.cpu, preempted: fact.preempted };
        if (fact.next !== undefined) {
          thread.next = {
            name: this.threads.get(fact.next)?.name ?? nameOf(fact.next),
            tid: fact.next,
            state: 0,
          };
          this.emit(fact, thread, {
            kind: 'switch',
            from: fact.tid,
            to: fact.next,
            voluntary: !fact.preempted,
          });
        }
        return;
      case 'next': {
        const { next: tid, name, state } = fact;
        thread.next = { name, tid, state };
        const TASK_REPORT_MAX = 0x100;
        const voluntary = (state & (TASK_REPORT_MAX - 1)) !== 0;
        return this.emit(fact, thread, { kind: 'switch', from: fact.tid, to: tid, voluntary });
      }
      case 'in':
        thread.in = { time: fact.time, cpu: fact.cpu };
        if (thread.out !== undefined && thread.out.cpu !== fact.cpu)
          this.emit(fact, thread, { kind: 'migrate', from: thread.out.cpu, to: fact.cpu });
        return;
      case 'signal': {
        thread.signal = { time: fact.time, number: fact.signal };
        const action = fact.handler === 0n ? 'default' : fact.handler === 1n ? 'ignored' : 'handler';
        const signal = signalName(fact.signal);
        return this.emit(fact, thread, {
          kind: 'signal',
          signal,
          action,
          ip: 0n,
          code: fact.code,
          address: 0n,
        });
      }
      case 'forced':
        if (isOfRseq(fact.chain) !== true) return;
        return this.emit(fact, thread, {
          kind: 'violation',
          rule: 'unknown',
          message:
            "SIGSEGV, inferred to be for a broken rule: the kernel's code for rseq sends it; rseqlab explain -- COMMAND says which",
          ip: fact.ip,
          rseqCs: 0n,
        });
      case 'update':
        return this.emit(fact, thread, {
          kind: 'rseq-update',
          cpuId: fact.cpuId,
          nodeId: fact.nodeId,
          mmCid: fact.mmCid,
        });
      case 'barrier':
        thread.process.barrier = fact.time;
        return this.emit(fact, thread, {
          kind: 'syscall',
          number: SYSCALLS_X86_64['membarrier']!,
          name: 'membarrier',
          arguments: fact.arguments,
        });
      case 'enter':
        thread.call = {
          time: fact.time,
          arguments: fact.arguments,
          data: data ?? rseqMemory(fact.pid, fact.arguments),
          age: now - fact.time,
        };
        return this.emit(fact, thread, {
          kind: 'syscall',
          number: SYSCALLS_X86_64['rseq']!,
          name: 'rseq',
          arguments: fact.arguments,
          ...(thread.call.data.length > 0 && { data: thread.call.data }),
        });
      case 'leave':
        return this.leave(fact, thread);
      case 'name':
        thread.name = fact.name;
        if (!fact.exec) return;
        thread.registered = undefined;
        thread.process.places = new CodePlaces(fact.pid);
        thread.process.executing = true;
        return;
      case 'map':
        thread.process.places.map(fact);
        if (!thread.process.executing) return;
        thread.process.executing = false;
        return this.emit(fact, thread, { kind: 'exec', path: fact.path });
      case 'exit':
        this.threads.delete(fact.tid);
        if (--thread.process.threads > 0) return;
        thread.process.end = { time: fact.time, cpu: fact.cpu };
        this.gone.push(fact.pid);
        this.forgetGone();
        return;
      case 'moved':
      case 'store':
        return;
    }
  }

  /** What a thread has registered, where one could ask. */
  known(pid: number, tid: number, configuration: RseqConfiguration | undefined): void {
    this.thread(pid, tid).registered = configuration;
    if (configuration !== undefined) this.options.onRegister?.(pid, tid, configuration);
  }

  private readonly gone: number[] = [];

  /** Of processes that are gone the code is still asked for, at the end: only when there are many the first are forgotten. */
  private forgetGone(): void {
    while (this.gone.length > REMEMBERED) {
      const pid = this.gone.shift()!;
      if (this.processes.get(pid)?.threads === 0) this.processes.delete(pid);
    }
  }

  private fork(fact: Extract<Fact, { kind: 'fork' }>): void {
    const { pid, tid, parentPid, parentTid } = fact;
    if (this.wanted !== undefined) {
      if (!this.wanted.has(parentPid)) return;
      this.wanted.add(pid);
    }
    const parent = this.threads.get(parentTid);
    // A number may be used again.
    this.threads.delete(tid);
    let process = this.processes.get(pid);
    if (process === undefined || (pid === tid && process.threads <= 0)) {
      const places = this.processes.get(parentPid)?.places.fork(pid) ?? CodePlaces.ofProcess(pid);
      process = { pid, places, threads: 0, executing: false };
      this.processes.set(pid, process);
    }
    process.threads++;
    const name = parent?.name ?? nameOf(tid);
    // include/linux/rseq.h rseq_fork(): with CLONE_VM there is no registration. A new process is taken for a fork; vfork and posix_spawn exec at once.
    const registered = pid === parentPid ? undefined : parent?.registered;
    const thread: Thread = { process, name, registered, ...nothingSeen() };
    this.threads.set(tid, thread);
    this.emit(fact, thread, {
      kind: 'start',
      pid,
      parent: parentPid,
      how: pid === parentPid ? 'thread' : 'fork',
      name,
    });
  }

  private thread(pid: number, tid: number): Thread {
    let thread = this.threads.get(tid);
    if (thread !== undefined && thread.process.pid === pid) return thread;
    let process = this.processes.get(pid);
    if (process === undefined) {
      process = { pid, places: CodePlaces.ofProcess(pid), threads: 0, executing: false };
      this.processes.set(pid, process);
    }
    process.threads++;
    const registered = this.options.before === 'unknown' ? 'unknown' : undefined;
    thread = { process, name: nameOf(tid, pid), registered, ...nothingSeen() };
    this.threads.set(tid, thread);
    return thread;
  }

  private abort(fact: Extract<Fact, { kind: 'fixup' }>, thread: Thread): void {
    const { time, ip, startIp, postCommitOffset, abortIp } = fact;
    const { barrier } = thread.process;
    if (barrier !== undefined) thread.barrier = barrier;
    const { causes, guess, by, lost } = inferCause(time, thread);
    thread.out = undefined;
    thread.in = undefined;
    thread.signal = undefined;
    const { places } = thread.process;
    const abort: ObservedAbort = { section: places.at(startIp), at: places.at(ip), guess, by, lost };
    const { cpu, tid } = fact;
    this.options.onEvent({
      event: { time, cpu, tid, kind: 'abort', ip, causes, startIp, postCommitOffset, abortIp },
      process: observerOf(thread),
      abort,
    });
  }

  private leave(fact: Extract<Fact, { kind: 'leave' }>, thread: Thread): void {
    const { call } = thread;
    thread.call = undefined;
    const { value } = fact;
    const failed = value < 0n && value > -4096n;
    const errno = failed ? Number(-value) : 0;
    let more: ObservedCall | undefined;
    if (call !== undefined) {
      const reason = failed ? reasonOf(fact.pid, call.arguments, errno, thread.registered) : undefined;
      more = { arguments: call.arguments, data: call.data, age: call.age, reason };
      if (!failed) this.registered(fact, thread, call.arguments);
    }
    this.emit(
      fact,
      thread,
      {
        kind: 'return',
        name: 'rseq',
        value,
        ...(failed && { error: errnoName(errno) }),
      },
      more && { call: more },
    );
  }

  private registered(fact: Fact, thread: Thread, args: readonly bigint[]): void {
    const request = requestOf(args);
    const off = (request.flags & RSEQ_FLAG_UNREGISTER) !== 0;
    thread.registered = off ? undefined : request;
    this.emit(fact, thread, { kind: off ? 'unregister' : 'register', ...request });
    if (!off) this.options.onRegister?.(fact.pid, fact.tid, request);
  }

  private emit(
    { time, cpu, tid }: Fact,
    thread: Thread,
    happening: Happening,
    more?: Pick<Observed, 'abort' | 'call'>,
  ): void {
    const event = { time, cpu, tid, ...happening };
    this.options.onEvent({ event, process: observerOf(thread), ...more });
  }
}

/** Of a thread, as its events carry it: the same object each time. */
function observerOf(thread: Thread): Observer {
  if (thread.observer?.name !== thread.name) thread.observer = { pid: thread.process.pid, name: thread.name };
  return thread.observer;
}

const nothingSeen = () => ({
  out: undefined,
  next: undefined,
  in: undefined,
  signal: undefined,
  barrier: undefined,
  call: undefined,
  observer: undefined,
});

/** comm of a thread; '' where it is gone. */
const nameOf = (tid: number, pid = tid): string => {
  try {
    return threadStat(pid, tid)?.name ?? '';
  } catch {
    return '';
  }
};
