/**
 * A thread that stops again and again, and we, who let it go on, take turns: on two CPUs each has to be woken from idleness, on one there are two plain
 * switches, in half the time. So both are held on the CPU where the thread is, while it goes on like that, and no longer. On a busy machine, where no CPU
 * is idle, that may be worse: now and then it is tried the other way. Threads that take turns with each other are left where they are: there is always
 * somebody to run, and they are to meet.
 */
import { tryCall } from '../../linux/libc.js';
import { threadStat } from '../../linux/procfs.js';

/** Fewer stops in a tick are not worth it. */
const FEW = 500;
/** Ticks for the way that is faster, at first and at most, and for a look at the other; the first is not measured. */
const LONG = 25;
const LONGEST = 8 * LONG;
const PROBE = 2;
/** One stop in so many may be another thread's. */
const ALONE = 16;

const MASK_BYTES = 1024;

/** CPUs that a thread may run on (0: we); undefined: it is gone. */
function affinity(tid: number): Uint8Array | undefined {
  const mask = new Uint8Array(MASK_BYTES);
  const size = tryCall('sched_getaffinity', tid, mask.length, mask);
  return size > 0 ? mask.subarray(0, size) : undefined;
}

const setAffinity = (tid: number, mask: Uint8Array): boolean =>
  tryCall('sched_setaffinity', tid, mask.length, mask) === 0;

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, n) => byte === b[n]);

interface Pair {
  readonly tid: number;
  /** One CPU. */
  readonly here: Uint8Array;
  readonly before: Uint8Array;
  readonly ours: Uint8Array;
}

export class Together {
  private pair: Pair | undefined;
  /** The one before: a child of its thread begins where that was held. */
  private last: Pair | undefined;
  private way: 'together' | 'apart' = 'together';
  /** Stops a millisecond, of each way. */
  private readonly rates = { together: Number.POSITIVE_INFINITY, apart: 0 };
  private faster: 'together' | 'apart' = 'together';
  /** ... that this way is gone. */
  private ticks = 0;
  /** ... until the other is looked at: the longer, the more often that was in vain. */
  private long = LONG;
  private stops = 0;
  private since = performance.now();

  /** What was done since the last time; `tid` is whom the last stop was of. True: many were, and nearly all its. */
  worked(work: { readonly stops: number; readonly changes: number; readonly tid: number }): boolean {
    this.stops += work.stops;
    const isAlone = work.changes * ALONE <= work.stops;
    const isMuch = this.stops >= FEW;
    if (isAlone && this.pair?.tid === work.tid) return isMuch;
    this.apart();
    if (isAlone && isMuch && this.way === 'together') this.join(work.tid);
    return isAlone && isMuch;
  }

  onTick(): void {
    const now = performance.now();
    const { stops, way, rates } = this;
    const rate = stops / (now - this.since);
    this.stops = 0;
    this.since = now;
    if (stops < FEW) return this.apart();
    // One bad tick says little of a way that has been good for long.
    const steady = way === this.faster && Number.isFinite(rates[way]);
    if (this.ticks++ > 0) rates[way] = steady ? rates[way] + (rate - rates[way]) / 4 : rate;
    const faster = rates.together >= rates.apart ? 'together' : 'apart';
    if (faster !== this.faster) this.long = LONG;
    this.faster = faster;
    if (this.ticks < (way === faster ? this.long : PROBE)) return;
    if (way === faster) this.long = Math.min(2 * this.long, LONGEST);
    this.way = way === 'together' ? 'apart' : 'together';
    this.ticks = 0;
    // Where the scheduler wants the thread now.
    this.apart();
  }

  /** A thread or process has come: it does not keep what was meant for its maker. */
  welcome(tid: number): void {
    const { last } = this;
    if (last === undefined) return;
    const mask = affinity(tid);
    if (mask !== undefined && same(mask, last.here)) setAffinity(tid, last.before);
  }

  /** Each may go where it could go before. */
  apart(): void {
    const { pair } = this;
    if (pair === undefined) return;
    this.pair = undefined;
    // Unless the program has said something else meanwhile.
    const mask = affinity(pair.tid);
    if (mask !== undefined && same(mask, pair.here)) setAffinity(pair.tid, pair.before);
    setAffinity(0, pair.ours);
  }

  private join(tid: number): void {
    const before = affinity(tid);
    const ours = affinity(0);
    const cpu = threadStat(tid)?.cpu;
    if (before === undefined || ours === undefined || cpu === undefined) return;
    const here = new Uint8Array(before.length);
    here[cpu >> 3]! |= 1 << (cpu & 7);
    if (same(before, here) && same(ours, here)) return;
    if (!setAffinity(0, here)) return;
    if (!setAffinity(tid, here)) {
      setAffinity(0, ours);
      return;
    }
    this.pair = { tid, here, before, ours };
    this.last = this.pair;
  }
}
