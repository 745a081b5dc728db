/**
 * The tracer by ptrace(2), a process of its own: it waits in wait4(2) for whatever its tracees do, and tells the tool through descriptor 3. When the tool
 * closes that, or dies, it lets go of processes that ran before; a command that was started goes on to be served, in silence, since the
 * filter in it (seccomp) wants a tracer for rseq(2) until its end. Of a command there are two such processes: the other takes over where this one is killed.
 */
import { closeSync, writeSync } from 'node:fs';
import { ERRNO } from '../../abi/errno.js';
import { SIG } from '../../abi/signals.js';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { isErrno } from '../../linux/errors.js';
import { tryCall } from '../../linux/libc.js';
import { executableOf, threadStat, threadStatus, threadsOf } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import { callFilter, encodeFilter, installFilter } from '../../linux/seccomp.js';
import { go, startStopped } from '../../linux/spawn.js';
import { PR_SET_PDEATHSIG } from '../../linux/stub.js';
import { type Change, waitFor } from '../../linux/wait.js';
import type { Fact, FactBody } from './facts.js';
import { adopt, guard } from './guard.js';
import { rseqMemory } from './registrations.js';
import { encodeMessage, type TracerMessage, type TracerTask } from './tracer-messages.js';

const TOOL = 3;
const F_SETFD = 2;
const RSEQ = SYSCALLS_X86_64['rseq']!;
const STOPS: readonly number[] = [SIG.SIGSTOP, SIG.SIGTSTP, SIG.SIGTTIN, SIG.SIGTTOU];

interface Tracee {
  readonly pid: number;
  /** In a rseq call: its end is awaited. */
  calling: boolean;
  /** Between a call's beginning and its end, where every call stops. */
  inCall: boolean;
}

const tracees = new Map<number, Tracee>();
/** Threads that have stopped before the event of their birth. */
let silent = false;
let leaving = false;

function tell(message: TracerMessage): void {
  if (silent) return;
  const bytes = Buffer.from(encodeMessage(message));
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(TOOL, bytes, at);
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) {
        silent = true;
        return;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}

function fact(tid: number, body: FactBody, data?: ReturnType<typeof rseqMemory>): void {
  const pid = tracees.get(tid)?.pid ?? tid;
  const time = Number(process.hrtime.bigint());
  const cpu = threadStat(pid, tid)?.cpu ?? 0;
  tell({ kind: 'fact', fact: { time, cpu, pid, tid, ...body } as Fact, ...(data && { data }) });
}

/** What fails because a thread is gone meanwhile. */
function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}

const EVENTS = ['FORK', 'VFORK', 'CLONE', 'EXEC'] as const;

const OF_COMMAND = ptrace.traceOptions(...EVENTS, 'SECCOMP');

/** A child of ours that ends when the tool closes its end, or dies: waitFor hears of it. */
function hangBell(): number {
  tryCall('fcntl', TOOL, F_SETFD, 0);
  const bell = startStopped(
    [process.execPath],
    [
      { name: 'setpgid', arguments: [0, 0] },
      // Else the tool would not hear that we are gone.
      { name: 'prctl', arguments: [PR_SET_PDEATHSIG, SIG.SIGKILL] },
      { name: 'read', arguments: [TOOL, new Uint8Array(8), 1] },
      { name: 'exit_group', arguments: [0] },
    ],
    {},
  );
  tryCall('fcntl', TOOL, F_SETFD, 1);
  go(bell);
  return bell;
}

function begin({ args, pids = [] }: TracerTask): number | undefined {
  if (args !== undefined) {
    const filter = encodeFilter(callFilter([RSEQ]));
    const pid = startStopped(args, installFilter(filter));
    ptrace.seize(pid, OF_COMMAND);
    tracees.set(pid, { pid, calling: false, inCall: false });
    tell({ kind: 'ready', pid });
    go(pid);
    return pid;
  }
  for (const pid of pids)
    for (let fresh = threadsOf(pid); fresh.length > 0; ) {
      for (const tid of fresh) {
        tracees.set(tid, { pid, calling: false, inCall: false });
        const there = attempt(() => {
          ptrace.seize(tid, ptrace.traceOptions(...EVENTS));
          ptrace.interrupt(tid);
        });
        if (!there) tracees.delete(tid);
      }
      fresh = threadsOf(pid).filter((tid) => !tracees.has(tid));
    }
  tell({ kind: 'ready' });
  return undefined;
}

/** Whether every call stops: of processes into which no filter can be put. */
let everyCall = false;

function resume(tid: number, signal = 0): void {
  const tracee = tracees.get(tid);
  attempt(() => {
    if (leaving && !everyCall) ptrace.cont(tid, signal);
    else if (leaving) {
      ptrace.detach(tid, signal);
      tracees.delete(tid);
    } else if (everyCall || tracee?.calling) ptrace.contToSyscall(tid, signal);
    else ptrace.cont(tid, signal);
  });
}

/** rseq(2) begins. */
function enter(tid: number, tracee: Tracee): void {
  const registers = ptrace.getRegisters(tid);
  const args = ['rdi', 'rsi', 'rdx', 'r10'].map((name) => registers.get(name));
  tracee.calling = true;
  fact(tid, { kind: 'enter', arguments: args }, rseqMemory(tracee.pid, args));
}

function syscallStop(tid: number, tracee: Tracee): void {
  const registers = ptrace.getRegisters(tid);
  const value = BigInt.asIntN(64, registers.get('rax'));
  // arch/x86/entry: -ENOSYS stands in rax at the beginning of every call.
  const begins = !tracee.inCall && value === BigInt(-ERRNO.ENOSYS) && !tracee.calling;
  const CODE_64 = 0x33n;
  if (registers.get('orig_rax') === BigInt(RSEQ) && registers.get('cs') === CODE_64) {
    if (tracee.calling) {
      tracee.calling = false;
      fact(tid, { kind: 'leave', value });
    } else if (begins) enter(tid, tracee);
  }
  tracee.inCall = begins;
}

function born(parent: number, tid: number, thread: boolean): void {
  const above = tracees.get(parent)!;
  const pid = thread ? above.pid : tid;
  const { inCall } = tracees.get(tid) ?? { inCall: false };
  tracees.set(tid, { pid, calling: false, inCall });
  fact(tid, { kind: 'fork', parentPid: above.pid, parentTid: parent });
}

function onEvent(change: Extract<Change, { kind: 'event' }>): void {
  const { tid, event, signal } = change;
  const tracee = tracees.get(tid);
  switch (event) {
    case 'FORK':
    case 'VFORK':
    case 'CLONE': {
      const child = ptrace.eventMessage(tid);
      // clone(2) without CLONE_THREAD makes a process, too.
      born(tid, child, event === 'CLONE' && tracee !== undefined && threadsOf(tracee.pid).includes(child));
      break;
    }
    case 'EXEC': {
      const before = ptrace.eventMessage(tid);
      if (before !== tid) tracees.delete(before);
      tracees.set(tid, { pid: tid, calling: false, inCall: everyCall });
      fact(tid, { kind: 'name', name: threadStat(tid)?.name ?? '', exec: true });
      const path = executableOf(tid) ?? '';
      fact(tid, { kind: 'map', start: 0n, size: 0n, offset: 0n, device: '00:00', inode: 0, path });
      break;
    }
    case 'SECCOMP':
      if (tracee !== undefined) attempt(() => enter(tid, tracee));
      break;
    case 'STOP':
      if (STOPS.includes(signal) && !(leaving && everyCall)) {
        attempt(() => ptrace.listen(tid));
        return;
      }
      if (tracee !== undefined && everyCall && !leaving) known(tid, tracee);
      break;
  }
  resume(tid);
}

/** What a thread that ran before has registered. */
const told = new Set<number>();
function known(tid: number, { pid }: Tracee): void {
  if (told.has(tid)) return;
  told.add(tid);
  attempt(() => {
    const configuration = ptrace.rseqConfiguration(tid);
    tell({ kind: 'has', pid, tid, ...(configuration && { configuration }) });
  });
}

/** As the kernel's tracepoint has it: SIG_DFL 0, SIG_IGN 1, else a handler. */
function handlerOf(tid: number, signal: number): bigint {
  const status = threadStatus(tracees.get(tid)?.pid ?? tid, tid);
  const has = (name: string): boolean =>
    ((BigInt(`0x${status?.get(name) ?? '0'}`) >> BigInt(signal - 1)) & 1n) === 1n;
  if (has('SigCgt')) return 2n;
  return has('SigIgn') ? 1n : 0n;
}

function onChange(change: Change, command: number | undefined): void {
  const { tid } = change;
  switch (change.kind) {
    case 'exited':
    case 'killed':
      fact(tid, { kind: 'exit' });
      tracees.delete(tid);
      if (tid === command) {
        const status =
          change.kind === 'exited' ? change.status << 8 : change.signal | (change.core ? 0x80 : 0);
        tell({ kind: 'ended', pid: tid, status });
      }
      return;
    case 'syscall': {
      const tracee = tracees.get(tid);
      if (tracee !== undefined) attempt(() => syscallStop(tid, tracee));
      resume(tid);
      return;
    }
    case 'event':
      attempt(() => onEvent(change));
      return;
    case 'signal': {
      if (change.signal !== SIG.SIGCONT || tid !== command)
        attempt(() => {
          const info = ptrace.signalInfo(tid);
          fact(tid, {
            kind: 'signal',
            signal: change.signal,
            code: info.getInt32(8, true),
            handler: handlerOf(tid, change.signal),
          });
        });
      resume(tid, change.signal);
      return;
    }
  }
}

/** The tool is gone, or has enough. */
function leave(): void {
  silent = true;
  leaving = true;
  if (!everyCall) return;
  for (const tid of tracees.keys()) if (!attempt(() => ptrace.interrupt(tid))) tracees.delete(tid);
}

function main(task: TracerTask): void {
  everyCall = task.args === undefined;
  let command: number | undefined;
  const bell = hangBell();
  try {
    command = begin(task);
  } catch (error) {
    tell({ kind: 'failed', text: (error as Error).message, refused: isErrno(error, 'EPERM', 'EACCES') });
    process.exit(1);
  }
  serve(bell, command);
  tell({ kind: 'deserted' });
  tryCall('kill', bell, SIG.SIGKILL);
}

function serve(bell: number, command: number | undefined): void {
  while (tracees.size > 0) {
    const change = waitFor(-1);
    if (change === undefined) break;
    if (change.tid === bell) {
      if (change.kind === 'exited' || change.kind === 'killed') leave();
      continue;
    }
    onChange(change, command);
  }
}

/** In the place of a tracer that was killed: in silence. */
function takeOver(): void {
  silent = true;
  leaving = true;
  adopt((pid, tid) => {
    ptrace.seize(tid, OF_COMMAND);
    tracees.set(tid, { pid, calling: false, inCall: false });
  });
  serve(0, undefined);
  process.exit(0);
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGPIPE'] as const) process.on(name, () => {});
const [, file, text, guarded] = process.argv;
const task = JSON.parse(text!) as TracerTask;
if (task.args !== undefined && guarded === undefined) {
  guard([file!, text!, 'guarded'], [0, 1, 2, TOOL], takeOver);
  closeSync(TOOL);
} else {
  try {
    main(task);
  } catch (error) {
    // Whoever is still traced goes on when we end.
    if (!silent) process.stderr.write(`rseqlab: the tracer ends: ${(error as Error).message}\n`);
  }
  // The handlers of signals would keep us.
  process.exit(0);
}
