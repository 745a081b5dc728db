import type { Cells } from './cells.js';
import type { Draft } from './local.js';
import type { PrivateMemories } from './private-memory.js';
import { EMPTY } from './store-buffer.js';
import { addressIn } from './values.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

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
