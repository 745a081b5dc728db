import type { Cells } from './cells.js';
import type { Draft, Place } from './local.js';
import type { PrivateMemories } from './private-memory.js';
import type { Registers } from './registers.js';
import { EMPTY } from './store-buffer.js';
import type { KernelPart } from './task-kernel.js';
import { addressIn, sizeOf, toLocal, type Window, ZERO } from './values.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

/** A task at the start: registers, words of its window that are not 0, and what the kernel keeps of it. */
export interface Start {
  readonly place: Place;
  readonly registers: Registers;
  readonly words: readonly (readonly [word: number, value: bigint])[];
  readonly kernel: KernelPart;
  /** Signals that will come: each by the first of the scenario's with its number and handler, so that tasks with the same ones are alike. */
  readonly signals: readonly number[];
  readonly results: readonly bigint[];
}

/** A task as it begins, whoever `owner` says it is. */
export function startDraft(
  world: World,
  cells: Cells,
  memories: PrivateMemories,
  index: number,
  owner: number,
): Draft {
  const { place, registers, words, kernel, signals, results } = world.starts[index]!;
  const window = world.windows[index]!;
  const own = cells.inWindows
    ? words.filter(([word]) => cells.of(addressIn(window, word * WORD) / WORD) === undefined)
    : words;
  return {
    place,
    registers,
    memory: memories.change(memories.empty, own, 0),
    kernel,
    signals,
    results,
    owner,
    handlers: [],
    buffer: EMPTY,
  };
}

/** What stands in a window, and is not 0. `live`: from this word on up to `top` 0 is told from words that nobody has written: frames are there. */
export function wordsOf(
  { machine }: Pick<World, 'machine'>,
  window: Window,
  live: number,
  top: number,
): Start['words'] {
  const words: [number, bigint][] = [];
  for (let word = 0; word < sizeOf(window) / WORD; word++) {
    const value = machine.word(addressIn(window, word * WORD));
    if (value !== 0n) words.push([word, toLocal(value, window)]);
    else if (word >= live && word < top) words.push([word, ZERO]);
  }
  return words;
}
