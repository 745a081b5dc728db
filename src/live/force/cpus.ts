import { tryCall } from '../../linux/libc.js';

/** Bytes of a set of CPUs. */
const SIZE = 1024;

/** CPUs that the program may use, in order: the first one is CPU 0 of a counterexample. */
export class Cpus {
  private readonly allowed = new Uint8Array(SIZE);
  private readonly size = tryCall('sched_getaffinity', 0, SIZE, this.allowed);
  private readonly numbers = Array.from({ length: 8 * SIZE }, (_, cpu) => cpu).filter(
    (cpu) => (this.allowed[cpu >> 3]! & (1 << (cpu & 7))) !== 0,
  );

  get count(): number {
    return this.numbers.length;
  }

  /** Puts a thread onto the one of this number; 0 means ourselves. */
  put(tid: number, index: number): void {
    const one = new Uint8Array(SIZE);
    const cpu = this.numbers[index];
    if (cpu === undefined || this.size <= 0) return;
    one[cpu >> 3] = 1 << (cpu & 7);
    tryCall('sched_setaffinity', tid, this.size, one);
  }

  /** Onto any but the one that a thread is on; all without a thread. */
  keepOff(tid: number, from?: number): void {
    const mask = this.allowed.slice();
    if (from !== undefined && this.size > 0) {
      const taken = new Uint8Array(SIZE);
      if (tryCall('sched_getaffinity', from, SIZE, taken) > 0)
        for (const [n, bits] of taken.entries()) mask[n] = mask[n]! & ~bits;
    }
    if (this.size > 0 && mask.some((bits) => bits !== 0)) tryCall('sched_setaffinity', tid, this.size, mask);
  }
}
