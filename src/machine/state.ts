import type { Flag } from '../isa/meaning.js';

/**
 * Where a task's registers are in the machine's memory, in bytes from its beginning. The first 64 KiB belong to no program (vm.mmap_min_addr),
 * so they hold what the machine itself needs.
 */
export const STATE = {
  /** 16 registers of 8 bytes. */
  registers: 0,
  /** Seven bytes, 1 or 0. */
  flags: 128,
  rip: 136,
  fsBase: 144,
  gsBase: 152,
  /** Of the trap that stopped the task: see TRAPS. */
  trap: 160,
  /** Instructions that may still be run before control goes back to the scheduler; i64. */
  budget: 168,
  size: 176,
} as const;

const FLAG_ORDER: readonly Flag[] = ['cf', 'pf', 'af', 'zf', 'sf', 'df', 'of'];
export const flagOffset = (flag: Flag): number => STATE.flags + FLAG_ORDER.indexOf(flag);

/** One byte a page of guest memory, at the end of the machine's memory: what programs may do with it. */
export const PAGE_FLAGS = 0xfff0_0000;
export const PAGE = { READ: 1, WRITE: 2, EXECUTE: 4 } as const;
/** READ and WRITE shifted by this: the page and the next one both allow it, so an access need not ask whether it crosses. */
export const WITH_NEXT = 3;
export const PAGE_SIZE = 4096;
/** First address that no program can have. */
export const GUEST_END = 2 ** 32 - 2 ** 20;
