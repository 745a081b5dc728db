import { PAGE_SIZE } from '../../machine/state.js';
import { Errno } from '../errno.js';
import type { Task } from '../state.js';

/** RLIMIT_*: include/uapi/asm-generic/resource.h. */
export const RLIMIT = { DATA: 2, AS: 9 } as const;

/** Rounded up to whole pages; 0 where that wraps. */
export const pageUp = (length: bigint): bigint => BigInt.asUintN(64, length + 4095n) & ~4095n;

/** A range of pages as the calls take it: start aligned (EINVAL), length rounded up, its end not wrapped (`wraps`). Above 4 GiB is nothing. */
export function pageRange(
  address: bigint,
  length: bigint,
  wraps: 'EINVAL' | 'ENOMEM',
): { start: number; end: number } {
  if (address % BigInt(PAGE_SIZE) !== 0n) throw new Errno('EINVAL');
  const bytes = pageUp(length);
  if (bytes === 0n && length !== 0n) throw new Errno(wraps);
  const end = BigInt.asUintN(64, address + bytes);
  if (end < address) throw new Errno(wraps);
  return { start: Number(address), end: Number(end) };
}

/** Would the process have more than RLIMIT_AS (may_expand_vm())? */
export function mayGrow(task: Task, bytes: number): boolean {
  const limit = task.process.limits.get(RLIMIT.AS)?.[0];
  if (limit === undefined) return true;
  const all = task.mm.areas.reduce((sum, { start, end }) => sum + end - start, 0);
  return BigInt(all + bytes) <= limit;
}
