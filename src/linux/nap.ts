import { tryCall } from './libc.js';

const PR_SET_TIMERSLACK = 29;
let precise = false;

/** Sleeps on this thread, for a few microseconds more than asked. */
export function nap(milliseconds: number): void {
  // Else the kernel may add 50 µs (prctl(2)).
  if (!precise) tryCall('prctl', PR_SET_TIMERSLACK, 1, 0, 0, 0);
  precise = true;
  const time = new Uint8Array(new BigInt64Array([0n, BigInt(Math.ceil(milliseconds * 1e6))]).buffer);
  tryCall('nanosleep', time, 0);
}
