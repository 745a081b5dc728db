/** What comes with a stop that aborts, beside the switch that it is (`--cause`). */
import { signalDefault, signalName } from '../../abi/signals.js';
import { tryCall } from '../../linux/libc.js';
import { threadStat, threadStatus } from '../../linux/procfs.js';
import { plural } from '../../report/document.js';
import type { Cause } from '../../report/stress-document.js';
import type { TracedThread } from '../keeper/traced.js';
import type { Tracer } from '../keeper/tracer.js';
import { RSEQ_CS_AT } from './armed-instance.js';
import { Barrier } from './barrier.js';

export class Causes {
  private readonly barrier = new Barrier();
  private noBarrier = false;
  /** Stops whose signal would have done harm. */
  private harmful = 0;

  constructor(
    private readonly tracer: Tracer,
    private readonly kind: Cause,
    private readonly signal: number,
  ) {}

  /** For a thread that was aborted where it stands. */
  add(thread: TracedThread): void {
    const { tracer, kind } = this;
    if (kind === 'signal') {
      const harmless = isHarmless(thread, this.signal);
      if (!harmless) this.harmful++;
      thread.held = true;
      tracer.resume(thread, harmless ? this.signal : 0);
    } else if (kind === 'migrate') {
      thread.held = true;
      migrate(thread.tid, () => tracer.resume(thread));
    } else if (kind === 'membarrier' && thread.area)
      this.noBarrier ||= !this.barrier.call(thread, thread.area + RSEQ_CS_AT, tracer.options);
  }

  get limits(): readonly string[] {
    const { harmful, noBarrier, signal } = this;
    return [
      ...(harmful > 0
        ? [
            `${signalName(signal)} was left out at ${plural(harmful, 'stop')}: the program neither handled nor ignored it then, and would have been ended or stopped by it`,
          ]
        : []),
      ...(noBarrier
        ? [
            'membarrier(2) could not be called in the program (that takes Linux 5.10, and no seccomp filters of its own, which only CAP_SYS_ADMIN may suspend): its stops had no such cause',
          ]
        : []),
    ];
  }
}

/** The program handles or ignores it at this moment, or nothing happens where it does neither. */
function isHarmless({ tid, process }: TracedThread, signal: number): boolean {
  const action = signalDefault(signal);
  if (action === 'ignore' || action === 'continue') return true;
  const status = threadStatus(process.pid, tid);
  const bit = 1n << BigInt(signal - 1);
  return ['SigCgt', 'SigIgn'].some((name) => (BigInt(`0x${status?.get(name) ?? 0}`) & bit) !== 0n);
}

/** A stopped thread wakes up on another CPU, and may go back then. With one CPU it stays. */
function migrate(tid: number, resume: () => void): void {
  const mask = new Uint8Array(1024);
  const size = tryCall('sched_getaffinity', tid, mask.length, mask);
  const cpu = threadStat(tid)?.cpu ?? 0;
  const other = new Uint8Array(mask);
  other[cpu >> 3]! &= ~(1 << (cpu & 7));
  if (size > 0 && other.some((bits) => bits !== 0)) tryCall('sched_setaffinity', tid, size, other);
  resume();
  if (size > 0) tryCall('sched_setaffinity', tid, size, mask);
}
