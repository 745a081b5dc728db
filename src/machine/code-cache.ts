import { CODE_CACHE, SLOT, SLOT_SIZE, SLOTS } from './state.js';

/** Step code of an address: a function in the table, and at which of its instructions to begin. */
export interface StepsAt {
  readonly index: number;
  readonly entry: number;
}

/** The slots in the machine's memory by which the dispatcher finds code: a cache of what the Cpu knows. */
export class CodeCache {
  private readonly words: Uint32Array;
  private readonly used = new Set<number>();

  constructor(buffer: ArrayBuffer) {
    this.words = new Uint32Array(buffer, CODE_CACHE, (SLOTS * SLOT_SIZE) / 4);
  }

  /** Takes the address's slot, whoever had it. Returns that address and its visits. */
  set(
    at: number,
    region: number | undefined,
    steps: StepsAt | undefined,
    visits: number,
  ): { at: number; visits: number } {
    const { words } = this;
    const slot = wordOf(at);
    const before = { at: this.addressAt(slot), visits: words[slot + SLOT.visits / 4]! };
    this.used.add(slot);
    words[slot + SLOT.address / 4] = at;
    words[slot + SLOT.address / 4 + 1] = at / 2 ** 32;
    words[slot + SLOT.region / 4] = region ?? 0;
    words[slot + SLOT.steps / 4] = steps?.index ?? 0;
    words[slot + SLOT.entry / 4] = steps?.entry ?? 0;
    words[slot + SLOT.visits / 4] = visits;
    return before;
  }

  forget(at: number): void {
    const slot = wordOf(at);
    if (this.addressAt(slot) === at) this.words.fill(0, slot + SLOT.address / 4, slot + SLOT.address / 4 + 2);
  }

  private addressAt(slot: number): number {
    const at = slot + SLOT.address / 4;
    return this.words[at]! + this.words[at + 1]! * 2 ** 32;
  }

  clear(): void {
    for (const slot of this.used) this.words.fill(0, slot, slot + SLOT_SIZE / 4);
    this.used.clear();
  }
}

/** Two places of a program 32 KiB apart seldom run by turns. The dispatcher does the same. */
const wordOf = (at: number): number => (((at ^ (at >>> 15)) & (SLOTS - 1)) * SLOT_SIZE) / 4;
