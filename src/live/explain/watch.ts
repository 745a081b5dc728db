/**
 * Watches processes until they end, by ptrace, and explains every signal and every refused rseq(2). All stops are such that a tracee lives on
 * unharmed if we are killed: at signals, events and system calls; nothing is planted in it.
 */
import { ERRNO } from '../../abi/errno.js';
import { SIG, signalDefault } from '../../abi/signals.js';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { isErrno } from '../../linux/errors.js';
import type { RunningKernel } from '../../linux/kernel.js';
import { threadStatus, threadsOf } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import { go, startStopped } from '../../linux/spawn.js';
import { type Change, waitFor } from '../../linux/wait.js';
import { rseqState } from '../../process/rseq.js';
import type { ExplainDocument, Explanation } from '../../report/explain-document.js';
import { type Glibc, glibcOf } from '../glibc.js';
import { ownerOf } from '../inspect/owner.js';
import { LiveProcess } from '../process.js';
import { Refused } from '../refused.js';
import { explainSignal, signalName } from './cause.js';
import { Mappings } from './mappings.js';
import { type BegunCall, begunCall, explainRefusal } from './refused.js';

export interface Watched {
  readonly end: ExplainDocument['end'];
  readonly findings: readonly Explanation[];
}

interface Tracee {
  readonly pid: number;
  /** Between a system call's beginning and its end. */
  inCall: boolean;
  /** The rseq(2) that it is in. */
  call: BegunCall | undefined;
}

const RSEQ = BigInt(SYSCALLS_X86_64['rseq']!);
const STOPS: readonly number[] = [SIG.SIGSTOP, SIG.SIGTSTP, SIG.SIGTTIN, SIG.SIGTTOU];
const EVENTS = ['FORK', 'VFORK', 'CLONE', 'EXEC'] as const;
/** More findings than this are the same one again. */
const MOST = 20;

/** Starts a command and watches it to its end. `calls`: rseq(2) too, for which every system call stops. Throws SystemError. */
export function watchCommand(command: readonly string[], calls: boolean, kernel: RunningKernel): Watched {
  const pid = startStopped(command);
  const watch = new Watch(pid, calls, kernel);
  watch.seize(pid, pid);
  watch.mappings = new Mappings([pid], false, pid);
  go(pid);
  return watch.run();
}

/** Watches a process that runs. It is not stopped for that. Throws Refused. */
export function watchProcess(pid: number, calls: boolean, kernel: RunningKernel): Watched {
  const target = new LiveProcess(pid);
  if (target.tracer !== undefined)
    throw new Refused(
      `process ${pid} (${target.name}) is traced by process ${target.tracer.pid} (${target.tracer.name}): end that first`,
    );
  const watch = new Watch(pid, calls, kernel);
  watch.mappings = new Mappings(threadsOf(pid), true, pid);
  watch.seizeAll(pid);
  return watch.run();
}

class Watch {
  private readonly tracees = new Map<number, Tracee>();
  private readonly findings: Explanation[] = [];
  /** Fatal if the process dies of them, by process. */
  private readonly pending = new Map<number, Explanation>();
  private end: ExplainDocument['end'] = null;
  mappings: Mappings | undefined;

  constructor(
    /** Whose end is told. */
    private readonly main: number,
    private readonly calls: boolean,
    private readonly kernel: RunningKernel,
  ) {}

  seize(pid: number, tid: number): void {
    ptrace.seize(tid, ptrace.traceOptions(...EVENTS));
    this.tracees.set(tid, { pid, inCall: false, call: undefined });
  }

  seizeAll(pid: number): void {
    for (
      let fresh = threadsOf(pid);
      fresh.length > 0;
      fresh = threadsOf(pid).filter((tid) => !this.tracees.has(tid))
    )
      for (const tid of fresh) {
        const there = attempt(() => this.seize(pid, tid));
        if (!there) this.tracees.set(tid, { pid, inCall: false, call: undefined });
        // Only a thread that has stopped once can be told to stop at system calls.
        if (there && this.calls) attempt(() => ptrace.interrupt(tid));
      }
  }

  run(): Watched {
    for (let change = waitFor(-1); change !== undefined; change = waitFor(-1)) {
      this.mappings?.drain();
      this.take(change);
    }
    this.mappings?.close();
    return { end: this.end, findings: this.findings };
  }

  private take(change: Change): void {
    const { tid } = change;
    const tracee = this.traceeOf(tid);
    switch (change.kind) {
      case 'exited':
      case 'killed':
        this.gone(change, tracee);
        return;
      case 'syscall':
        attempt(() => this.syscall(tid, tracee));
        this.resume(tid);
        return;
      case 'event':
        if (change.event === 'EXEC') this.tracees.set(tid, { pid: tid, inCall: true, call: undefined });
        if (change.event === 'STOP' && STOPS.includes(change.signal)) attempt(() => ptrace.listen(tid));
        else this.resume(tid);
        return;
      case 'signal':
        attempt(() => this.struck(tid, tracee, change.signal));
        this.resume(tid, change.signal);
    }
  }

  /** A thread may be heard of before the event of its birth. */
  private traceeOf(tid: number): Tracee {
    let tracee = this.tracees.get(tid);
    if (tracee === undefined) {
      const pid = Number(threadStatus(tid, tid)?.get('Tgid') ?? tid);
      tracee = { pid, inCall: false, call: undefined };
      this.tracees.set(tid, tracee);
    }
    return tracee;
  }

  private resume(tid: number, signal = 0): void {
    attempt(() => (this.calls ? ptrace.contToSyscall(tid, signal) : ptrace.cont(tid, signal)));
  }

  private gone(change: Extract<Change, { kind: 'exited' | 'killed' }>, { pid }: Tracee): void {
    this.tracees.delete(change.tid);
    if (change.tid !== pid) return;
    const cause = this.pending.get(pid);
    this.pending.delete(pid);
    if (change.kind === 'killed' && cause !== undefined) this.found(cause);
    else if (cause?.kind === 'violation') this.found({ ...cause, handled: true });
    if (pid !== this.main) return;
    this.end =
      change.kind === 'exited'
        ? { kind: 'exited', status: change.status }
        : { kind: 'killed', signal: signalName(change.signal) };
  }

  private found(explanation: Explanation): void {
    if (this.findings.length < MOST) this.findings.push(explanation);
  }

  private syscall(tid: number, tracee: Tracee): void {
    tracee.inCall = !tracee.inCall;
    const registers = ptrace.getRegisters(tid);
    if (registers.get('orig_rax') !== RSEQ) return;
    if (tracee.inCall) {
      const args = ['rdi', 'rsi', 'rdx', 'r10'].map((name) => registers.get(name));
      tracee.call = begunCall(
        new LiveProcess(tracee.pid),
        args,
        ptrace.rseqConfiguration(tid),
        registers.get('rip'),
      );
      return;
    }
    const { call } = tracee;
    tracee.call = undefined;
    const result = Number(BigInt.asIntN(64, registers.get('rax')));
    // ERESTART*: the call begins again.
    if (call === undefined || result >= 0 || result <= -512) return;
    this.found(explainRefusal(new LiveProcess(tracee.pid), tid, call, -result, this.kernel));
  }

  private struck(tid: number, { pid }: Tracee, signal: number): void {
    // The default of the others does no harm, or they are sent to end it.
    if (!['core', 'terminate'].includes(signalDefault(signal)) || QUIET.includes(signal)) return;
    // The second of two is the kernel's answer to the first: it found the same again while it delivered it.
    const before = this.pending.get(pid);
    if (before?.kind === 'violation' && before.tid === tid && signal === SIG.SIGSEGV) return;
    const info = ptrace.signalInfo(tid);
    const registers = ptrace.getRegisters(tid);
    const target = new LiveProcess(pid);
    const configuration = configurationOf(tid);
    const ip = registers.get('rip');
    const explanation = explainSignal(
      {
        target,
        tid,
        signal,
        code: info.getInt32(8, true),
        address: info.getBigUint64(16, true),
        ip,
        configuration,
        state: rseqState(target, { rseq: configuration, registers: { ip } }),
        owner:
          configuration &&
          ownerOf(target, this.glibc(target), configuration.address, registers.get('fs_base')).text,
        before: (address) => this.mappings?.at(pid, address),
      },
      this.kernel,
    );
    this.pending.set(pid, explanation);
  }

  private glibc(target: LiveProcess): Glibc | undefined {
    return glibcOf(target.modules, (address, size) => target.read(address, size));
  }
}

/** Sent by people and programs to each other: why is their business. */
const QUIET: readonly number[] = [SIG.SIGINT, SIG.SIGTERM, SIG.SIGHUP, SIG.SIGALRM, SIG.SIGUSR1, SIG.SIGUSR2, SIG.SIGPIPE, SIG.SIGPROF, SIG.SIGVTALRM, SIG.SIGKILL]; // biome-ignore format: one row

function configurationOf(tid: number): ReturnType<typeof ptrace.rseqConfiguration> {
  try {
    return ptrace.rseqConfiguration(tid);
  } catch (error) {
    if (isErrno(error, 'EIO', 'EINVAL')) return undefined;
    throw error;
  }
}

/** What fails because the thread, or its process, is gone meanwhile. */
function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (isErrno(error, 'ESRCH') || (error instanceof Refused && error.nothingToSee)) return false;
    if (isErrno(error, 'EPERM'))
      throw new Refused(`ptrace is not permitted (errno ${ERRNO.EPERM}); run as root or with CAP_SYS_PTRACE`);
    throw error;
  }
}
