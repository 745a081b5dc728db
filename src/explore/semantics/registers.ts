import { WORDS } from '../../kernel/registers.js';
import { STATE } from '../../machine/state.js';
import { FLAGS_BIT, type RegisterBits } from './liveness.js';
import type { Window } from './values.js';

const FLAGS = STATE.flags / 8;
const FS = STATE.fsBase / 8;
const GS = STATE.gsBase / 8;
/** Of the last trap, the budget and the clock, and what is of no task: no part of a state. */
const NOISE = [STATE.trap / 8, STATE.budget / 8, STATE.tsc / 8, FS, GS];
const XMM = STATE.xmm / 8;
const AUX = STATE.tscAux / 8;
const HIGH_HALF = 0xffff_ffff_0000_0000n;
/** Words that may hold addresses: general registers, and the halves of vectors. */
const POINTERS = [
  ...Array.from({ length: 16 }, (_, n) => n),
  ...Array.from({ length: 32 }, (_, n) => XMM + n),
];
/** Registers of a task, free of whose they are: where a word points into its window, the distance stands for it, and its number is in `relative`. */
export interface Registers {
  readonly words: BigUint64Array;
  readonly relative: readonly number[];
  readonly key: string;
}

/** `dead`: registers whose values nobody will read. */
export function packRegisters(raw: BigUint64Array, { start, end }: Window, dead?: RegisterBits): Registers {
  const words = raw.slice(0, WORDS);
  for (const index of NOISE) words[index] = 0n;
  words[AUX]! &= HIGH_HALF;
  if (dead !== undefined) bury(words, dead);
  const [low, high] = [BigInt(start), BigInt(end)];
  const relative: number[] = [];
  for (const n of POINTERS) {
    const word = words[n]!;
    if (word < low || word >= high) continue;
    words[n] = word - low;
    relative.push(n);
  }
  return { words, relative, key: keyOf(words, relative) };
}

/** As if the task were at another instruction, where other registers are dead. */
export function movedTo(
  { words, relative }: Registers,
  ip: number,
  dead: RegisterBits | undefined,
): Registers {
  const moved = words.slice();
  moved[STATE.rip / 8] = BigInt(ip);
  if (dead !== undefined) bury(moved, dead);
  const still = relative.filter((n) => moved[n] === words[n]);
  return { words: moved, relative: still, key: keyOf(moved, still) };
}

function bury(words: BigUint64Array, { general, vectors }: RegisterBits): void {
  for (let n = 0; n < FLAGS_BIT; n++) if (((general >> n) & 1) !== 0) words[n] = 0n;
  if (((general >> FLAGS_BIT) & 1) !== 0) words[FLAGS] = 0n;
  for (let n = 0; n < 16; n++) if (((vectors >> n) & 1) !== 0) words.fill(0n, XMM + 2 * n, XMM + 2 * n + 2);
}

/** As they are in the task whose window this is; `own` has its bases. */
export function unpackRegisters(
  { words, relative }: Registers,
  { start }: Window,
  own: BigUint64Array,
): BigUint64Array {
  const raw = words.slice();
  for (const n of relative) raw[n]! += BigInt(start);
  raw[FS] = own[FS]!;
  raw[GS] = own[GS]!;
  return raw;
}

/** All bits: those that are not 0. */
function keyOf(words: BigUint64Array, relative: readonly number[]): string {
  let key = relative.join();
  for (let n = 0; n < words.length; n++) {
    const word = words[n]!;
    if (word !== 0n) key += `,${n.toString(36)}:${word.toString(36)}`;
  }
  return key;
}
