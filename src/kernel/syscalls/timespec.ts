import { Errno } from '../errno.js';
import type { UserMemory } from '../user.js';

/** Times as programs have them, and as nanoseconds here. */
const NS = 1_000_000_000;
/** Seconds that the kernel's own times can count (KTIME_SEC_MAX): more is for ever. */
const MOST_SECONDS = 9_223_372_036n;

/** struct timespec. EINVAL where it is none. */
export function timespec(memory: UserMemory, address: bigint): number {
  const bytes = memory.read(address, 16);
  const view = new DataView(bytes.buffer);
  const [seconds, nanoseconds] = [view.getBigInt64(0, true), view.getBigUint64(8, true)];
  if (seconds < 0n || nanoseconds >= BigInt(NS)) throw new Errno('EINVAL');
  return seconds >= MOST_SECONDS ? Number(MOST_SECONDS) * NS : Number(seconds) * NS + Number(nanoseconds);
}

export function setTimespec(memory: UserMemory, address: bigint, time: number): void {
  memory.write(address, pair(Math.floor(time / NS), time % NS));
}

export function setTimeval(memory: UserMemory, address: bigint, time: number): void {
  memory.write(address, pair(Math.floor(time / NS), Math.floor((time % NS) / 1000)));
}

const pair = (a: number, b: number): Uint8Array =>
  new Uint8Array(new BigInt64Array([BigInt(a), BigInt(Math.floor(b))]).buffer);

/** struct timeval. EINVAL where it is none. */
export function timeval(memory: UserMemory, address: bigint): number {
  const bytes = memory.read(address, 16);
  const view = new DataView(bytes.buffer);
  const [seconds, microseconds] = [view.getBigInt64(0, true), view.getBigUint64(8, true)];
  if (seconds < 0n || microseconds >= 1_000_000n) throw new Errno('EINVAL');
  return seconds >= MOST_SECONDS
    ? Number(MOST_SECONDS) * NS
    : Number(seconds) * NS + Number(microseconds) * 1000;
}
