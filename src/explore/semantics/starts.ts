import type { Place } from './local.js';
import type { Registers } from './registers.js';
import type { KernelPart } from './task-kernel.js';
import { addressIn, sizeOf, toLocal, type Window, ZERO } from './values.js';
import { type WatchedMachine, WORD } from './watched.js';

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

/** What stands in a window, and is not 0. `live`: from this word on up to `top` 0 is told from words that nobody has written: frames are there. */
export function wordsOf(machine: WatchedMachine, window: Window, live: number, top: number): Start['words'] {
  const words: [number, bigint][] = [];
  for (let word = 0; word < sizeOf(window) / WORD; word++) {
    const value = machine.word(addressIn(window, word * WORD));
    if (value !== 0n) words.push([word, toLocal(value, window)]);
    else if (word >= live && word < top) words.push([word, ZERO]);
  }
  return words;
}
