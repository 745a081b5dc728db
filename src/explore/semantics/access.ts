import type { Cells } from './cells.js';
import type { PrivateMemory } from './private-memory.js';
import { Anew } from './refusal.js';
import type { Window } from './values.js';
import { fromLocal, toLocal } from './values.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

/** What a transition did to memory. */
export interface Accesses {
  /** Cells whose value was asked for, in this order. */
  readonly reads: readonly number[];
  readonly stores: readonly (readonly [cell: number, value: bigint])[];
  /** Of the task's own memory, by word from its window's beginning. */
  readonly changes: readonly (readonly [word: number, value: bigint])[];
  /** Constant words that were read. */
  readonly constants: boolean;
}

interface Touched {
  readonly kind: 'own' | 'cell' | 'constant';
  readonly cell: number;
  readonly before: bigint;
  read: boolean;
  written: boolean;
}

/** Shows one task its memory: its own, and the cells of one state. What the machine's memory holds elsewhere is what it held after the setup. */
export class Access {
  private readonly touched = new Map<number, Touched>();
  private readonly reads: number[] = [];
  /** Told of accesses to the task's own memory, in bytes from the window's beginning. */
  onOwn: ((offset: number, size: number, write: boolean) => void) | undefined;

  constructor(
    private readonly world: World,
    private readonly cells: Cells,
    private readonly window: Window,
    private readonly memory: PrivateMemory,
    private readonly value: (cell: number) => bigint,
    /** What is written is forgotten, wherever it is. */
    private readonly scratch = false,
  ) {
    world.machine.watcher = (at, size, write) => this.touch(at, size, write);
  }

  private touch(at: number, size: number, write: boolean): void {
    const end = at + size;
    for (let word = Math.floor(at / WORD); word * WORD < end; word++) {
      let touched = this.touched.get(word);
      if (touched === undefined) {
        touched = this.open(word);
        this.touched.set(word, touched);
      }
      const whole = write && at <= word * WORD && word * WORD + WORD <= end;
      if (!whole && !touched.read && !touched.written) {
        touched.read = true;
        if (touched.kind === 'cell') this.reads.push(touched.cell);
      }
      if (!write) continue;
      if (touched.kind === 'constant' && !this.scratch) this.cells.add(word);
      touched.written = true;
    }
    if (this.onOwn !== undefined && at >= this.window.start && at < this.window.end)
      this.onOwn(at - this.window.start, size, write);
  }

  private open(word: number): Touched {
    const { machine } = this.world;
    const at = word * WORD;
    const { start, end } = this.window;
    const known = (kind: Touched['kind'], cell: number, value: bigint): Touched => {
      if (kind !== 'constant') machine.setWord(at, value);
      return { kind, cell, before: value, read: false, written: false };
    };
    if (at >= start && at < end)
      return known('own', -1, fromLocal(this.memory.words.get((at - start) / WORD) ?? 0n, this.window));
    const cell = this.cells.of(word);
    if (cell !== undefined) return known('cell', cell, this.value(cell));
    if (this.world.windows.some((window) => at >= window.start && at < window.end)) throw new Anew('stack');
    return known('constant', -1, machine.word(at));
  }

  /** Ends the transition. */
  close(): Accesses {
    const { machine } = this.world;
    machine.watcher = undefined;
    const stores: [number, bigint][] = [];
    const changes: [number, bigint][] = [];
    let constants = false;
    for (const [word, { kind, cell, before, written, read }] of this.touched) {
      const at = word * WORD;
      if (kind === 'constant' && read) constants = true;
      if (!written) continue;
      const after = machine.word(at);
      if (kind === 'constant') machine.setWord(at, before);
      // Also where the cell holds the value already: in another memory it does not, and nobody has asked.
      else if (kind === 'cell') stores.push([cell, after]);
      else if (after !== before) changes.push([(at - this.window.start) / WORD, toLocal(after, this.window)]);
    }
    return { reads: this.reads, stores: stores.sort(([a], [b]) => a - b), changes, constants };
  }
}
