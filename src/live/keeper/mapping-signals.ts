import { SIG } from '../../abi/signals.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { call, tryCall } from '../../linux/libc.js';
import { closeEvent, DUMMY, openEvent, type PerfAttributes, signalOn } from '../../linux/perf.js';
import { PERF_RECORD } from '../../linux/perf-records.js';
import { PerfRing } from '../../linux/perf-ring.js';
import { openFilesOf } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import type { TracedThread } from './traced.js';

/** Ignored where it is not handled, should one get through to the program. Those of a terminal are for the whole process, and so do not mix with ours. */
const SIGNAL = SIG.SIGWINCH;
/** siginfo_t of a signal for a descriptor (sigaction(2)): si_code, and where si_code and si_fd lie. */
const POLL_IN = 1;
const SI_CODE = 8;
const SI_FD = 24;
/** Bytes of a ring: the longest path and more. */
const RING = 8192;
/** Each thread takes two descriptors and three locked pages. */
const MOST = 400;
/** ... of all descriptors that there may be, others need as many. */
const SHARE = 1 / 4;
/** Of PERF_RECORD_MMAP: header, pid and tid, address, length, offset (perf_event_open(2)). */
const NAME = 40;
const ANONYMOUS = '//anon';

/** What the event counts. */
const NOTHING: Pick<PerfAttributes, 'type' | 'config'> = { type: 'software', config: DUMMY };

interface Event {
  readonly pid: number;
  readonly fd: number;
  readonly leader: number | undefined;
  readonly ring: PerfRing;
}

/**
 * Stops a traced thread at the end of a call by which it has mapped code, or made what it has mapped executable, before it runs another instruction. All
 * other calls are what they are: the kernel writes a record of each executable mapping (perf_event_mmap, from mmap and mprotect) into the ring of an
 * event of the thread; the ring's wake-up is a signal to the thread itself (since perf_output_wakeup sets pending_kill), which is pending before the call
 * is over, and a signal stops who is traced. Where the kernel does not permit it, or a thread blocks the signal, nothing comes.
 *
 * An event costs its thread something at each switch, when it is made to count and made to stop (event_sched_in). Ours need not count: it is in a group
 * whose leader is disabled, and so never begins; but its own state is not off, and that is what perf_iterate_ctx asks for who writes the records.
 */
export class MappingSignals {
  private readonly events = new Map<number, Event>();
  private most: number | undefined;
  private canSleep: boolean | undefined;

  /** A thread that has not run yet, or has become another program. */
  begin({ tid, process: { pid } }: TracedThread): void {
    this.end(tid);
    this.most ??= Math.min(MOST, Math.floor((openFilesOf(process.pid)?.soft ?? 0) * SHARE));
    if (this.events.size >= this.most) return;
    this.canSleep ??= recordsAsleep();
    const fds: number[] = [];
    try {
      const { fd, leader, ring } = open(tid, this.canSleep, fds);
      this.events.set(tid, { pid, fd, leader, ring });
      signalOn(fd, tid, SIGNAL);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (this.events.has(tid)) this.end(tid);
      else for (const fd of fds) closeEvent(fd);
    }
  }

  /** Is it ours? Then whether a file was mapped. */
  take({ tid }: TracedThread, signal: number): { readonly file: boolean } | undefined {
    const event = signal === SIGNAL ? this.events.get(tid) : undefined;
    if (event === undefined || !isOf(event, tid)) return undefined;
    let file = false;
    event.ring.read((type, _, view, at) => {
      file ||= type !== PERF_RECORD.MMAP || !isAnonymous(view, at + NAME);
    });
    return { file };
  }

  end(tid: number): void {
    const event = this.events.get(tid);
    if (event === undefined) return;
    this.events.delete(tid);
    event.ring.close();
    closeEvent(event.fd);
    if (event.leader !== undefined) closeEvent(event.leader);
  }

  /** All threads of a process: exec has ended them, or given them another id. */
  forget(pid: number): void {
    for (const [tid, event] of this.events) if (event.pid === pid) this.end(tid);
  }
}

/** Descriptors that were opened are in `fds`, also where it throws SystemError. */
function open(tid: number, asleep: boolean, fds: number[]): Omit<Event, 'pid'> {
  const flags = ['mmap', 'excludeKernel', 'excludeHypervisor', 'watermark'] as const;
  let leader: number | undefined;
  if (asleep) {
    leader = openEvent({ ...NOTHING, period: 0, flags: ['disabled', 'excludeKernel', 'excludeHypervisor'] }, tid, -1); // biome-ignore format: a row
    fds.push(leader);
  }
  const fd = openEvent({ ...NOTHING, period: 0, wakeup: 1, flags }, tid, -1, leader);
  fds.push(fd);
  return { fd, leader, ring: new PerfRing(fd, RING) };
}

const PAGE = 4096;
const PROT_EXEC = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;

/** Does this kernel write records for an event that never begins to count? Tried on ourselves. */
function recordsAsleep(): boolean {
  const fds: number[] = [];
  try {
    const { ring } = open(0, true, fds);
    const at = tryCall('mmap', 0, PAGE, PROT_EXEC, MAP_PRIVATE_ANONYMOUS, -1, 0);
    if (at > 0) call('munmap', at, PAGE);
    let told = false;
    ring.read((type) => {
      told ||= type === PERF_RECORD.MMAP;
    });
    ring.close();
    return told;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return false;
  } finally {
    for (const fd of fds) closeEvent(fd);
  }
}

function isOf({ fd }: Event, tid: number): boolean {
  try {
    const info = ptrace.signalInfo(tid);
    return info.getInt32(SI_CODE, true) === POLL_IN && info.getInt32(SI_FD, true) === fd;
  } catch (error) {
    if (isErrno(error, 'ESRCH', 'EINVAL')) return false;
    throw error;
  }
}

/** Code without a file holds no section that we know of: just-in-time compilers make it all the time. */
const isAnonymous = (view: DataView, at: number): boolean =>
  [...ANONYMOUS].every((letter, index) => view.getUint8(at + index) === letter.charCodeAt(0));
