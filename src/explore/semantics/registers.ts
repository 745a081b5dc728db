import type { Arch } from '../../kernel/arch/index.js';
import { general } from '../../kernel/registers.js';
import { FOLDED_END } from '../../machine/fold.js';
import { flagOffset, STATE, STATE_SIZES, vectorOffset } from '../../machine/state.js';
import type { RegisterBits } from './liveness.js';
import { addressIn, placeIn, RELATIVE, toLocal, type Window } from './values.js';

const FLAGS = STATE.flags / 8;
/** An instruction that writes all flags leaves this one as it is. */
const DIRECTION = 0xffn << BigInt(8 * (flagOffset('df') - STATE.flags));
const FS = STATE.fsBase / 8;
const GS = STATE.gsBase / 8;
const RIP = STATE.rip / 8;
/** Of the last trap, the budget and the clock, and what is of no task: no part of a state. */
const NOISE = [STATE.trap / 8, STATE.budget / 8, STATE.tsc / 8, FS, GS];
const AUX = STATE.tscAux / 8;
/** Of 4 GiB, that programs can have addresses in. */
const BLOCKS = FOLDED_END / 2 ** 32;
const HIGH_HALF = 0xffff_ffff_0000_0000n;
/** AArch64's exclusive monitor; elsewhere 0. Of an address with the size of the access in its uppermost byte nothing but these 56 bits is compared with the window. */
const MONITOR = STATE.monitor / 8;
const LOADED = [STATE.monitorLow / 8, STATE.monitorHigh / 8] as const;
const SIZE_SHIFT = 56n;
const SIZE = 0xffn << SIZE_SHIFT;

/** Where registers are in Task.registers, in words, by their number in Meaning. */
interface Places {
  readonly words: number;
  readonly general: readonly number[];
  /** The first of two. */
  readonly vectors: readonly number[];
  /** Words that may hold addresses: general registers, the halves of vectors, and what the monitor has seen. */
  readonly pointers: readonly number[];
  /** By word: the bit of its register; what is none of these has none. */
  readonly bits: ReadonlyMap<number, RegisterBits>;
  readonly hasMonitor: boolean;
}

function placesOf({ name, convention }: Arch): Places {
  const generals = convention.names.map((_, n) => general(n));
  const vectors = convention.vectors.map((_, n) => vectorOffset(n) / 8);
  const bits = new Map<number, RegisterBits>();
  for (const [n, word] of generals.entries()) bits.set(word, { general: 1 << n, vectors: 0, flags: 0 });
  for (const [n, word] of vectors.entries())
    for (const half of [word, word + 1]) bits.set(half, { general: 0, vectors: 1 << n, flags: 0 });
  const hasMonitor = name === 'aarch64';
  return {
    words: STATE_SIZES[name] / 8,
    general: generals,
    vectors,
    pointers: [...bits.keys(), ...(hasMonitor ? LOADED : [])].sort((a, b) => a - b),
    bits,
    hasMonitor,
  };
}
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
  private readonly places: Places;
  /** Of a task that has returned. */
  readonly none: Registers;

  constructor(arch: Arch) {
    this.places = placesOf(arch);
    this.none = this.of(new BigUint64Array(this.places.words), []);
  }

  /** `dead`: registers whose values nobody will read. */
  pack(raw: BigUint64Array, window: Window, dead?: RegisterBits): Registers {
    const words = raw.slice(0, this.places.words);
    for (const index of NOISE) words[index] = 0n;
    words[AUX]! &= HIGH_HALF;
    if (dead !== undefined) this.bury(words, dead);
    const halves = new Uint32Array(words.buffer);
    const relative: number[] = [];
    for (const n of this.places.pointers) {
      const block = halves[2 * n + 1]!;
      if (block >= BLOCKS) continue;
      const place = placeIn(window, block * 2 ** 32 + halves[2 * n]!);
      if (place === undefined) continue;
      halves[2 * n] = place;
      halves[2 * n + 1] = 0;
      relative.push(n);
    }
    if (words[MONITOR] !== 0n) {
      const place = placeIn(window, Number(words[MONITOR]! & ~SIZE));
      if (place !== undefined) {
        words[MONITOR] = (words[MONITOR]! & SIZE) | BigInt(place);
        relative.push(MONITOR);
        relative.sort((a, b) => a - b);
      }
    }
    return this.of(words, relative);
  }

  /** Behind an interruption: nothing is marked for the task any more. */
  interrupted(registers: Registers, ip: number, dead: RegisterBits | undefined): Registers {
    return registers.words[MONITOR] === 0n
      ? this.moved(registers, ip, dead)
      : this.changed(registers, [[MONITOR, 0n]], ip, dead);
  }

  /** As if the task were at another instruction, where other registers are dead. */
  moved(registers: Registers, ip: number, dead: RegisterBits | undefined): Registers {
    const key = `${registers.id} ${ip} ${dead?.general} ${dead?.vectors} ${dead?.flags}`;
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
      this.bury(changed, dead);
      if (pointers.some((n) => this.isBuried(n, dead)))
        pointers = pointers.filter((n) => !this.isBuried(n, dead));
    }
    return this.of(changed, pointers);
  }

  /** Registers that nobody will read are 0. */
  bury(words: BigUint64Array, { general, vectors, flags }: RegisterBits): void {
    const { places } = this;
    for (const [n, word] of places.general.entries()) if (((general >> n) & 1) !== 0) words[word] = 0n;
    if (flags !== 0) words[FLAGS]! &= DIRECTION;
    if (vectors === 0) return;
    for (const [n, word] of places.vectors.entries()) {
      if (((vectors >> n) & 1) === 0) continue;
      words[word] = 0n;
      words[word + 1] = 0n;
    }
  }

  private isBuried(word: number, { general, vectors }: RegisterBits): boolean {
    const bit = this.places.bits.get(word);
    return bit !== undefined && ((bit.general & general) | (bit.vectors & vectors)) !== 0;
  }

  /** Do these general registers and flags hold the same? */
  sameIn(one: Registers, other: Registers, { general, flags }: RegisterBits): boolean {
    if (one === other) return true;
    for (const [n, word] of this.places.general.entries())
      if (((general >> n) & 1) !== 0 && wordOf(one, word) !== wordOf(other, word)) return false;
    return flags === 0 || one.words[FLAGS] === other.words[FLAGS];
  }

  private of(words: BigUint64Array, all: readonly number[]): Registers {
    let relative = all;
    if (this.places.hasMonitor && words[MONITOR] === 0n) {
      // What was loaded says nothing where nothing is marked.
      for (const word of LOADED) words[word] = 0n;
      if (all.some(isLoaded)) relative = all.filter((n) => !isLoaded(n));
    }
    const hash = hashOf(words);
    const same = this.known.get(hash) ?? [];
    if (same.length === 0) this.known.set(hash, same);
    for (const each of same) if (isSame(each, words, relative)) return each;
    const made = { id: this.count++, words, relative };
    same.push(made);
    return made;
  }
}

const isLoaded = (word: number): boolean => word === LOADED[0] || word === LOADED[1];

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

/** What a word of a task's registers is in values.ts. */
export function toLocalWord(word: number, value: bigint, window: Window): bigint {
  if (word === FLAGS) return value;
  if (word !== MONITOR) return toLocal(value, window);
  const place = toLocal(value & ~SIZE, window);
  return place | (value & SIZE);
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
  for (const n of relative)
    raw[n] =
      n === MONITOR
        ? (raw[n]! & SIZE) | BigInt(addressIn(window, Number(raw[n]! & ~SIZE)))
        : BigInt(addressIn(window, Number(raw[n]!)));
  raw[FS] = own[FS]!;
  raw[GS] = own[GS]!;
  return raw;
}
