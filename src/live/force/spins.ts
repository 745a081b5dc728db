import { tryCall } from '../../linux/libc.js';
import type { Space } from '../keeper/space.js';
import type { TracedThread } from '../keeper/traced.js';
import type { Cpus } from './cpus.js';

/** A jump to itself: two bytes. */
const ROUND = Uint8Array.of(0xeb, 0xfe);
const SCHED_OTHER = 0;
const SCHED_FIFO = 1;
const CLOCK_MONOTONIC = 1;
/** Nanoseconds of its own time that a thread needs at most to come to the next place of its turn; and of ours until it is given up. */
const ON_ITS_WAY = 200_000n;
const PATIENCE = 2_000_000_000n;

interface Spin {
  readonly at: number;
  readonly original: Uint8Array;
  readonly space: Space;
  readonly threads: Set<TracedThread>;
}

/**
 * Threads that wait inside a section. Whatever stops them would abort it, so they go round and round at the instruction that they are to do next, which is a jump
 * to itself meanwhile; and so that nobody takes their CPU away they are real-time threads, where that is permitted.
 */
export class Spins {
  private readonly spins = new Map<number, Spin>();

  constructor(private readonly cpus: Cpus) {}

  /** Before it goes on: there it will go round. */
  prepare(thread: TracedThread, at: number): void {
    const { space } = thread.process;
    const original = this.spins.has(at) ? undefined : space.read(at, ROUND.length);
    if (original !== undefined) {
      this.spins.set(at, { at, original, space, threads: new Set() });
      space.write(at, ROUND);
    }
    this.cpus.keepOff(0, thread.tid);
    schedule(thread, SCHED_FIFO, 1);
  }

  /** It has been let go: waits until it must be there. False: it is not, after long. */
  arrives(thread: TracedThread, at: number): boolean {
    this.spins.get(at)?.threads.add(thread);
    const { process } = thread;
    // The clock of its process's CPU time (include/linux/posix-timers.h): all others of it stand still, or go round as well.
    const own = (~process.pid << 3) | 2;
    const [begun, until] = [now(own), now(CLOCK_MONOTONIC) + PATIENCE];
    const round = [...this.spins.values()].reduce((sum, { threads }) => sum + threads.size, 0);
    while (now(own) - begun < BigInt(round) * ON_ITS_WAY) if (now(CLOCK_MONOTONIC) > until) return false;
    return true;
  }

  /** It goes on; and whoever else goes round there. False where it does not. */
  release(thread: TracedThread): boolean {
    const spin = [...this.spins.values()].find(({ threads }) => threads.delete(thread));
    if (spin === undefined) return this.hasGone.delete(thread);
    for (const other of spin.threads) this.hasGone.add(other);
    this.takeBack(spin);
    schedule(thread, SCHED_OTHER, 0);
    return true;
  }
  /** Those that went on together with another one. */
  private readonly hasGone = new Set<TracedThread>();

  /** All is as it was. */
  end(): void {
    for (const spin of [...this.spins.values()]) this.takeBack(spin);
    this.cpus.keepOff(0);
  }

  private takeBack(spin: Spin): void {
    spin.space.write(spin.at, spin.original);
    this.spins.delete(spin.at);
    for (const thread of spin.threads) schedule(thread, SCHED_OTHER, 0);
  }
}

/** Without the permission it stays as it is. */
function schedule({ tid }: TracedThread, policy: number, priority: number): void {
  tryCall('sched_setscheduler', tid, policy, Uint8Array.of(priority, 0, 0, 0));
}

const time = new BigUint64Array(2);
/** Nanoseconds; 0 where there is no such clock (any more). */
const now = (clock: number): bigint =>
  tryCall('clock_gettime', clock, time) < 0 ? 0n : time[0]! * 1_000_000_000n + time[1]!;
