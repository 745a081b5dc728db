import { WORDS } from '../../kernel/registers.js';
import { FOLDED_END } from '../../machine/fold.js';
import { flagOffset, STATE } from '../../machine/state.js';
import { FLAGS_BIT, type RegisterBits } from './liveness.js';
import { addressIn, placeIn, RELATIVE, type Window } from './values.js';

const FLAGS = STATE.flags / 8;
/** An instruction that writes all flags leaves this one as it is. */
const DIRECTION = 0xffn << BigInt(8 * (flagOffset('df') - STATE.flags));
const FS = STATE.fsBase / 8;
const GS = STATE.gsBase / 8;
const RIP = STATE.rip / 8;
/** Of the last trap, the budget and the clock, and what is of no task: no part of a state. */
const NOISE = [STATE.trap / 8, STATE.budget / 8, STATE.tsc / 8, FS, GS];
const XMM = STATE.xmm / 8;
const AUX = STATE.tscAux / 8;
/** Of 4 GiB, that programs can have addresses in. */
const BLOCKS = FOLDED_END / 2 ** 32;
const HIGH_HALF = 0xffff_ffff_0000_0000n;
/** Words that may hold addresses: general registers, and the halves of vectors. */
const POINTERS = [
  ...Array.from({ length: 16 }, (_, n) => n),
  ...Array.from({ length: 32 }, (_, n) => XMM + n),
];
/**
 * Registers of a task, free of whose they are: where a word points into its window, the distance stands for it, and its number is in
 * `relative` (ascending). The same registers are the same object.
 */
export interface Registers {
  readonly id: number;
  readonly words: BigUint64Array;
  readonly relative: readonly number[];
}

/** Every register file there is, each once. */
export class RegisterFiles {
  private readonly known = new Map<number, Registers[]>();
  private readonly moves = new Map<string, Registers>();
  private count = 0;
  /** Of a task that has returned. */
  readonly none = this.of(new BigUint64Array(WORDS), []);

  /** `dead`: registers whose values nobody will read. */
  pack(raw: BigUint64Array, window: Window, dead?: RegisterBits): Registers {
    const words = raw.slice(0, WORDS);
    for (const index of NOISE) words[index] = 0n;
    words[AUX]! &= HIGH_HALF;
    if (dead !== undefined) bury(words, dead);
    const halves = new Uint32Array(words.buffer);
    const relative: number[] = [];
    for (const n of POINTERS) {
      const block = halves[2 * n + 1]!;
      if (block >= BLOCKS) continue;
      const place = placeIn(window, block * 2 ** 32 + halves[2 * n]!);
      if (place === undefined) continue;
      halves[2 * n] = place;
      halves[2 * n + 1] = 0;
      relative.push(n);
    }
    return this.of(words, relative);
  }

  /** As if the task were at another instruction, where other registers are dead. */
  moved(registers: Registers, ip: number, dead: RegisterBits | undefined): Registers {
    const key = `${registers.id} ${ip} ${dead?.general} ${dead?.vectors}`;
    let known = this.moves.get(key);
    if (known === undefined) {
      known = this.changed(registers, [], ip, dead);
      this.moves.set(key, known);
    }
    return known;
  }

  /** With these words set, as in values.ts, and then as `moved`. */
  changed(
    { words, relative }: Registers,
    sets: readonly (readonly [word: number, value: bigint])[],
    ip: number,
    dead: RegisterBits | undefined,
  ): Registers {
    const changed = words.slice();
    changed[RIP] = BigInt(ip);
    let pointers = relative;
    for (const [word, value] of sets) {
      // What stands in front of the word's 64 bits is lost here.
      changed[word] = value;
      if (value >= RELATIVE !== pointers.includes(word))
        pointers =
          value >= RELATIVE
            ? [...pointers, word].sort((a, b) => a - b)
            : pointers.filter((each) => each !== word);
    }
    if (dead !== undefined) {
      bury(changed, dead);
      if (pointers.some((n) => isBuried(n, dead))) pointers = pointers.filter((n) => !isBuried(n, dead));
    }
    return this.of(changed, pointers);
  }

  private of(words: BigUint64Array, relative: readonly number[]): Registers {
    const hash = hashOf(words);
    const same = this.known.get(hash) ?? [];
    if (same.length === 0) this.known.set(hash, same);
    for (const each of same) if (isSame(each, words, relative)) return each;
    const made = { id: this.count++, words, relative };
    same.push(made);
    return made;
  }
}

/** Registers that nobody will read are 0. */
export function bury(words: BigUint64Array, { general, vectors }: RegisterBits): void {
  for (let n = 0; n < FLAGS_BIT; n++) if (((general >> n) & 1) !== 0) words[n] = 0n;
  if (((general >> FLAGS_BIT) & 1) !== 0) words[FLAGS]! &= DIRECTION;
  for (let n = 0; n < 16; n++) {
    if (((vectors >> n) & 1) === 0) continue;
    words[XMM + 2 * n] = 0n;
    words[XMM + 2 * n + 1] = 0n;
  }
}

const isBuried = (word: number, { general, vectors }: RegisterBits): boolean =>
  word < 16 ? ((general >> word) & 1) !== 0 : ((vectors >> ((word - XMM) >> 1)) & 1) !== 0;

function hashOf({ buffer }: BigUint64Array): number {
  const halves = new Uint32Array(buffer as ArrayBuffer);
  let hash = 0;
  for (let n = 0; n < halves.length; n++) hash = Math.imul(hash ^ halves[n]!, 0x9e37_79b1) ^ (hash >>> 15);
  return hash;
}

function isSame(known: Registers, words: BigUint64Array, relative: readonly number[]): boolean {
  if (known.relative.length !== relative.length) return false;
  for (let n = 0; n < relative.length; n++) if (known.relative[n] !== relative[n]) return false;
  for (let n = 0; n < words.length; n++) if (known.words[n] !== words[n]) return false;
  return true;
}

/** A word as in values.ts. */
export const wordOf = ({ words, relative }: Registers, word: number): bigint =>
  relative.includes(word) ? RELATIVE | words[word]! : words[word]!;

/** As they are in the task whose window this is; `own` has its bases. */
export function unpackRegisters(
  { words, relative }: Registers,
  window: Window,
  own: BigUint64Array,
): BigUint64Array {
  const raw = words.slice();
  for (const n of relative) raw[n] = BigInt(addressIn(window, Number(raw[n]!)));
  raw[FS] = own[FS]!;
  raw[GS] = own[GS]!;
  return raw;
}

/** Do these general registers and flags (FLAGS_BIT) hold the same? */
export function sameIn(one: Registers, other: Registers, general: number): boolean {
  if (one === other) return true;
  for (let n = 0; n <= FLAGS_BIT; n++) {
    const word = n === FLAGS_BIT ? FLAGS : n;
    if (((general >> n) & 1) !== 0 && wordOf(one, word) !== wordOf(other, word)) return false;
  }
  return true;
}
