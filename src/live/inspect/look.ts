/**
 * Looks at the threads of a process. What can be had without a stop is read first; the kernel is asked (which needs a stop) where that does no harm.
 * A stop aborts the section that a thread is in, so a thread that runs, or stands in a section, is left alone unless --stop is given.
 */
import { AT_RSEQ_ALIGN, AT_RSEQ_FEATURE_SIZE } from '../../abi/rseq.js';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { printable } from '../../binary/printable.js';
import type { RunningKernel } from '../../linux/kernel.js';
import { type CallState, procLink } from '../../linux/procfs.js';
import { rseqFault } from '../../process/fault.js';
import type { RseqConfiguration } from '../../process/process.js';
import { type RseqState, rseqState } from '../../process/rseq.js';
import type { InspectedProcess } from '../../report/inspect-document.js';
import { type Glibc, glibcOf } from '../glibc.js';
import { placeText } from '../modules.js';
import type { LiveProcess } from '../process.js';
import { Refused } from '../refused.js';
import { hurried, type Stop } from '../stop.js';
import type { Target, TargetThread } from '../target.js';
import { describeThread, type Seen } from './describe.js';
import { judging } from './mode.js';
import { derive } from './owner.js';
import { type Answer, stopEach } from './stops.js';

export interface LookOptions {
  /** Stop every thread, also where that aborts a section. */
  readonly stop: boolean;
  readonly kernel: RunningKernel;
}

const CALL_NAMES = new Map(Object.entries(SYSCALLS_X86_64).map(([name, number]) => [number, name]));
/** Of a 32-bit program only the names that matter here (arch/x86/entry/syscalls/syscall_32.tbl). */
const CALL_NAMES_32 = new Map([
  ...([[117, 'semop'], [177, 'rt_sigtimedwait'], [247, 'io_getevents'], [256, 'epoll_wait'], [319, 'epoll_pwait']] as const),
  ...([[416, 'io_pgetevents'], [420, 'semtimedop'], [421, 'rt_sigtimedwait'], [426, 'io_uring_enter'], [441, 'epoll_pwait2']] as const),
]); // biome-ignore format: two rows

export function callName({ architecture }: Target, call: CallState | undefined): string | undefined {
  if (call?.kind !== 'call') return undefined;
  const name: string | undefined = (architecture === 'i386' ? CALL_NAMES_32 : CALL_NAMES).get(call.number);
  return name ?? `system call ${call.number}`;
}

/** Throws Refused where the process has gone, or may not be looked at. */
export function inspectProcess(target: LiveProcess, options: LookOptions): InspectedProcess {
  const glibc =
    target.architecture === 'x86-64'
      ? glibcOf(target.modules, (at, size) => target.read(at, size))
      : undefined;
  const threads = target.threads();
  if (threads.length === 0) throw ended(target);
  const found = threads.map((thread) => beforeStop(target, glibc, thread, options));
  const asking = found.filter(({ note }) => note === undefined).map(({ thread }) => thread.tid);
  const stops = hurried(() => stopEach(asking));
  const seen = found.flatMap(
    (before) => withStop(target, before, stops.get(before.thread.tid), options.kernel) ?? [],
  );
  const notes = target.architecture === 'i386' ? ['a 32-bit program: who registered is not looked for'] : [];
  return {
    ...about(target, glibc, notes),
    tracer: target.tracer ?? null,
    threads: seen.map((each) => describeThread(target, glibc, options.kernel, each)),
  };
}

const ended = ({ pid, name }: Target): Refused =>
  new Refused(`process ${pid} (${name}) has ended while it was looked at`, true);

export function about(target: Target, glibc: Glibc | undefined, notes: readonly string[]): InspectedProcess {
  return {
    kind: target.kind,
    pid: target.pid,
    name: printable(target.name),
    executable: printable(target.executable),
    architecture: target.architecture,
    tracer: null,
    auxv: {
      AT_RSEQ_FEATURE_SIZE: numberOf(target.auxv.get(AT_RSEQ_FEATURE_SIZE)),
      AT_RSEQ_ALIGN: numberOf(target.auxv.get(AT_RSEQ_ALIGN)),
    },
    glibc:
      glibc === undefined
        ? null
        : {
            file: printable(glibc.file),
            __rseq_offset: Number(glibc.offset),
            __rseq_size: glibc.size,
            __rseq_flags: glibc.flags,
          },
    image: null,
    threads: [],
    notes,
  };
}

const numberOf = (value: bigint | undefined): number | null => (value === undefined ? null : Number(value));

/** What can be had without a stop; `note`: why there is to be none. */
function beforeStop(
  target: LiveProcess,
  glibc: Glibc | undefined,
  thread: TargetThread,
  { stop, kernel }: LookOptions,
): Seen {
  const { threadPointer, call } = thread;
  const derived = threadPointer === undefined ? undefined : derive(target, glibc, threadPointer);
  const ip = call === undefined || call.kind === 'running' ? undefined : call.ip;
  const before = withoutStop(target, thread, derived, ip);
  if (target.tracer !== undefined) {
    const { pid, name } = target.tracer;
    return { ...before, note: `it is traced by process ${pid} (${name}), and a thread has one tracer only` };
  }
  return stop
    ? before
    : { ...before, note: reasonNotToStop(target, thread, before, derived !== undefined, kernel) };
}

/** Undefined: it ended meanwhile. */
function withStop(
  target: LiveProcess,
  before: Seen,
  stop: Stop<Answer> | undefined,
  kernel: RunningKernel,
): Seen | undefined {
  switch (stop?.kind) {
    case undefined:
      return before;
    case 'gone':
      return undefined;
    case 'denied':
      return { ...before, note: 'the kernel does not let us trace it' };
    case 'stuck':
      return { ...before, note: 'it did not come to a stop: it goes on as soon as it leaves the kernel' };
    case 'stopped':
      return {
        ...afterStop(target, before.thread, stop.value, kernel),
        stopped: stop.held,
        asked: stop.asked,
      };
  }
}

function afterStop(
  target: Target,
  thread: TargetThread,
  { registers, configuration, read }: Answer,
  kernel: RunningKernel,
): Omit<Seen, 'stopped' | 'asked'> {
  const ip = registers.get('rip');
  const unsupported = configuration === 'unsupported';
  const state = rseqState({ read }, { rseq: unsupported ? undefined : configuration, registers: { ip } });
  return {
    thread,
    known: unsupported ? 'unknown' : 'kernel',
    note: unsupported
      ? 'this kernel cannot tell what is registered: PTRACE_GET_RSEQ_CONFIGURATION came with 5.13'
      : state && whatTheStopDoes(target, state, ip, kernel),
    configuration: unsupported ? undefined : configuration,
    state,
    ip,
    threadPointer: registers.get('fs_base') || thread.threadPointer,
    call: callName(target, thread.call),
  };
}

/** It is said, where it could not be avoided. */
function whatTheStopDoes(
  target: Target,
  state: RseqState,
  ip: bigint,
  kernel: RunningKernel,
): string | undefined {
  if (rseqFault(target.maps, state, ip, judging(kernel, state.configuration.length)) !== undefined)
    return 'the stop has brought it back to its program, where the kernel kills it for what is wrong; without us that comes when its call is over';
  return state.section?.inside
    ? 'it was inside a section when it stopped, and the stop aborts it'
    : undefined;
}

function withoutStop(
  target: Target,
  thread: TargetThread,
  derived: RseqConfiguration | 'none' | undefined,
  ip: bigint | undefined,
): Seen {
  const configuration = derived === 'none' ? undefined : derived;
  return {
    thread,
    known: derived === undefined ? 'unknown' : 'derived',
    note: undefined,
    stopped: undefined,
    asked: undefined,
    configuration,
    state: rseqState(target, { rseq: configuration, registers: ip === undefined ? undefined : { ip } }),
    ip,
    threadPointer: thread.threadPointer,
    call: callName(target, thread.call),
  };
}

/**
 * Calls that end with EINTR when their thread is stopped, handler or not, so that a program might notice us (signal(7), "Interruption of system
 * calls and library functions by stop signals"; measured on 6.18).
 */
const DELICATE: ReadonlySet<string> = new Set(
  ['epoll_wait', 'epoll_pwait', 'epoll_pwait2', 'semop', 'semtimedop', 'rt_sigtimedwait', 'io_getevents', 'io_pgetevents', 'io_uring_enter'], // biome-ignore format: one row
);
/** These do so on a socket with a timeout (SO_RCVTIMEO), which is rare, and not to be seen: they are spared where nothing is lost by it. */
const OF_SOCKETS: ReadonlySet<string> = new Set(
  ['recvfrom', 'recvmsg', 'recvmmsg', 'sendto', 'sendmsg', 'sendmmsg', 'accept', 'accept4', 'connect'], // biome-ignore format: one row
);
const OF_FILES: ReadonlySet<string> = new Set(['read', 'readv', 'write', 'writev']);

/** Why a thread is left alone; undefined: a stop does it no harm. */
function reasonNotToStop(
  target: LiveProcess,
  { tid, state, call }: TargetThread,
  seen: Seen,
  derived: boolean,
  kernel: RunningKernel,
): string | undefined {
  if (call === undefined) return 'it has moved on';
  if (state === 'D') return 'it waits in the kernel, where nothing stops it';
  if (call.kind === 'running')
    return 'it runs: a stop would abort the section that it may be in; --stop asks the kernel all the same';
  const inside =
    seen.state?.section === undefined ? !derived && isInSection(target, call.ip) : seen.state.section.inside;
  if (inside)
    return `it stands inside ${sectionText(target, call.ip)}, which a stop would abort; --stop asks the kernel all the same`;
  if (
    seen.state !== undefined &&
    rseqFault(target.maps, seen.state, call.ip, judging(kernel, seen.configuration?.length))
  )
    return 'what is wrong with it kills it when it leaves the kernel, which a stop would bring about at once';
  const name = callName(target, call);
  if (name === undefined || call.kind !== 'call') return undefined;
  const isSocket = (): boolean =>
    (procLink(`${target.pid}/task/${tid}/fd/${call.arguments[0]}`) ?? '').startsWith('socket:');
  const spared = derived && (OF_SOCKETS.has(name) || (OF_FILES.has(name) && isSocket()));
  if (!DELICATE.has(name) && !spared) return undefined;
  return `a stop may end its ${name} with EINTR; --stop asks the kernel all the same`;
}

function sectionText(target: LiveProcess, ip: bigint): string {
  const { section } = target.modules.place(ip);
  return section === undefined
    ? 'a section'
    : `the section ${placeText(target.modules.place(section.start, false))}`;
}

/** Of a thread whose rseq_cs nobody knows: is this address in the code of a section? */
const isInSection = (target: LiveProcess, ip: bigint): boolean =>
  target.modules.place(ip).section !== undefined;
