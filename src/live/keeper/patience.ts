/**
 * Something to be done at a moment, by who waits for tracees with wait4(2), which takes no time limit. A bell ends the wait from outside; but it is a process, and one
 * takes a millisecond to come. So the last stretch is gone by looks, with short sleeps in between, and the very last without.
 */
import { nap } from '../../linux/nap.js';
import { type Change, waitFor } from '../../linux/wait.js';

/** Milliseconds of the last stretch, of one sleep in it, and of its end, in which there is none: waking takes some time too. */
export const NEAR = 2;
const NAP = 0.1;
const AWAKE = 0.06;

export class Patience {
  private readonly waiting = new Set<{ readonly until: number; readonly action: () => void }>();

  /** `until` is a moment of performance.now(). */
  at(until: number, action: () => void): void {
    this.waiting.add({ until, action });
  }

  /** The next moment; Infinity: there is none. */
  get next(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.waiting].map(({ until }) => until));
  }

  /** Does what is due. */
  run(): void {
    const now = performance.now();
    for (const each of [...this.waiting])
      if (each.until <= now) {
        this.waiting.delete(each);
        each.action();
      }
  }

  /** For Tracer.wait: the next change of any tracee. */
  wait(): Change | undefined {
    for (;;) {
      const left = this.next - performance.now();
      if (left > NEAR) return waitFor(-1);
      if (left <= 0) this.run();
      const change = waitFor(-1, false);
      if (change !== undefined) return change;
      if (left > AWAKE) nap(Math.min(NAP, left - AWAKE));
    }
  }
}
