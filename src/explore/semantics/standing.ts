import type { Wait } from '../../kernel/state.js';

/**
 * How a task stands, where others must know: whether it waits for a futex, and whether it is there at all. Each task has a word for it that is
 * treated like a shared word of memory, beyond all memory. Numbers of any size.
 *   0   nothing that concerns others
 *   1   it has ended
 *   2   it waits, and nobody can wake it: for a time to come
 *   else it waits for a futex: WAITS
 */
export const STANDING = { awake: 0n, ended: 1n, alone: 2n } as const;

/** The word of task 0; addresses are below 2^47. */
export const FIRST_STANDING = 2 ** 45;

/** A wait for a futex, from the lowest bit on: its place among those that wait for the same (8 bits), the bits that wake it (32), and behind that which queue it is (Queues), from 1 on. */
const PLACE = 8n;
const BITS = 32n;

export interface FutexStanding {
  readonly place: number;
  readonly bitset: number;
  /** Kernel's key of the queue. */
  readonly key: string;
}

/** The key as a number, and back: `futex:MM:ADDRESS[:private]` or `futex:object:ID:OFFSET`. It says by itself what it is, so that it is the same in every search. */
export function standingOf({ place, bitset, key }: FutexStanding): bigint {
  let number = 1n;
  for (const char of key) number = (number << 8n) | BigInt(char.charCodeAt(0));
  return (((number << BITS) | BigInt(bitset)) << PLACE) | BigInt(place);
}

/** Undefined of who waits for no futex. */
export function futexOf(standing: bigint): FutexStanding | undefined {
  if (standing <= STANDING.alone) return undefined;
  let key = '';
  for (let rest = standing >> (PLACE + BITS); rest > 1n; rest >>= 8n)
    key = String.fromCharCode(Number(rest & 0xffn)) + key;
  return {
    place: Number(standing & ((1n << PLACE) - 1n)),
    bitset: Number((standing >> PLACE) & ((1n << BITS) - 1n)),
    key,
  };
}

/** A wait that exploration has: for a futex, or for a time to come. */
export const isKnownWait = ({ keys, data, deadline }: Wait): boolean =>
  (data as { kind?: unknown } | undefined)?.kind === 'futex' || (keys.length === 0 && deadline !== undefined);
