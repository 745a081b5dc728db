import type { Arch } from '../../kernel/arch/index.js';
import type { Stack } from './stack.js';
import { RELATIVE, ZERO } from './values.js';
import { WORD } from './watched.js';

/** Where the stack ends, in bytes from the window's beginning, for this stack pointer (as in values.ts): what is below is nobody's. 0 where it is not in the window. */
export const stackEnd = (pointer: bigint, { convention }: Arch): number =>
  pointer < RELATIVE ? 0 : Math.max(0, Number(pointer & (RELATIVE - 1n)) - convention.redZone);

/** A task's own memory: words that are not 0, or that became so where stack is given back, by their number from the window's beginning; values as in values.ts. */
export interface PrivateMemory {
  readonly id: number;
  readonly words: ReadonlyMap<number, bigint>;
  /** The first of them. */
  readonly lowest: number;
}

export const wordAt = ({ words }: Pick<PrivateMemory, 'words'>, word: number): bigint => {
  const value = words.get(word);
  return value === undefined || value === ZERO ? 0n : value;
};

/** Every private memory there is, each once. */
export class PrivateMemories {
  private readonly known = new Map<string, PrivateMemory>();
  private readonly changed = new Map<string, PrivateMemory>();
  readonly empty = this.of(new Map());

  constructor(readonly stack?: Stack) {}

  /** With these words changed. Words below `dead` (in bytes from the window's beginning) are forgotten: the stack ends there. */
  change(
    memory: PrivateMemory,
    all: readonly (readonly [word: number, value: bigint])[],
    dead: number,
  ): PrivateMemory {
    const { stack } = this;
    const limit = stack?.kept === true ? 0 : Math.floor(dead / WORD);
    const changes: [number, bigint][] = [];
    for (const [word, value] of all) {
      const now = value === 0n && stack !== undefined && word < stack.top ? ZERO : value;
      if ((memory.words.get(word) ?? 0n) !== now) changes.push([word, now]);
    }
    if (changes.length === 0 && limit <= memory.lowest) return memory;
    let key = `${memory.id}/${limit}`;
    for (const [word, value] of changes) key += `,${word}:${value.toString(36)}`;
    const before = this.changed.get(key);
    if (before !== undefined) return before;
    const words = new Map(memory.words);
    for (const [word, value] of changes) {
      if (value === 0n) words.delete(word);
      else words.set(word, value);
    }
    for (const [word, value] of words) {
      if (word >= limit) continue;
      words.delete(word);
      if (value !== ZERO) stack?.drop(word);
    }
    const made = this.of(words);
    this.changed.set(key, made);
    return made;
  }

  private of(words: Map<number, bigint>): PrivateMemory {
    const sorted = [...words].sort(([a], [b]) => a - b);
    const key = sorted.map(([word, value]) => `${word}:${value.toString(36)}`).join(',');
    let memory = this.known.get(key);
    if (memory === undefined) {
      memory = { id: this.known.size, words: new Map(sorted), lowest: sorted[0]?.[0] ?? Infinity };
      this.known.set(key, memory);
    }
    return memory;
  }
}
