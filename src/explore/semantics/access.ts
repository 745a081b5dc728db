import type { Cells } from './cells.js';
import type { PrivateMemory } from './private-memory.js';
import { Refusal } from './refusal.js';
import type { Stack } from './stack.js';
import { FIRST_STANDING } from './standing.js';
import type { Entry } from './store-buffer.js';
import { Stores } from './stores.js';
import type { Window } from './values.js';
import { addressIn, fromLocal, placeIn, toLocal } from './values.js';
import { WORD } from './watched.js';
import { hasStoreOrder, type World } from './world.js';

/** A word whose value was asked for: of the task's own memory, by its number from the window's beginning; or a cell n, as -1 - n. */
export type Look = number;

/** What a transition did to memory. */
export interface Accesses {
  /** Cells whose value was asked for, in this order. */
  readonly reads: readonly number[];
  readonly stores: readonly (readonly [cell: number, value: bigint])[];
  /** The same as a store buffer takes them; none where there are no store buffers. */
  readonly entries: readonly Entry[];
  /** Of the task's own memory, by word from its window's beginning. Some may be as they were. */
  readonly changes: readonly (readonly [word: number, value: bigint])[];
  /** Constant words that were read. */
  readonly constants: boolean;
}

interface Touched {
  /** -1: constant. */
  readonly cell: number;
  /** What it held; of a cell that was only written, nothing that matters. */
  before: bigint;
  read: boolean;
  written: boolean;
}

const NONE: readonly Entry[] = [];
/** What happened to a word of the task's own memory. */
const MARK = { read: 1, written: 2 } as const;

const ALL = 0xff;
/** The bytes of a word that an access touches, from and to in bytes from its beginning. */
const bytesOf = (from: number, to: number): number =>
  (ALL >> Math.max(0, WORD - to)) & (ALL << Math.max(0, from)) & ALL;

/** Shows one task its memory: its own, and the cells of one state. What the machine's memory holds elsewhere is what it held after the setup. */
export class Access {
  /** Cells and constants. */
  private readonly touched = new Map<number, Touched>();
  /** Words of the task's own memory, and what happened to them. */
  private readonly own: number[] = [];
  /** Undefined where there are no store buffers. */
  private readonly order: Stores | undefined;
  private readonly marks: Uint8Array;
  /** What was written of how tasks stand, by word. */
  private readonly stands = new Map<number, bigint>();
  /** What was read so far, in this order, without constants. */
  readonly looks: Look[] = [];
  /** An instruction is run: a cell that it writes all of need not be known before. (The kernel may write, and fault, in parts.) */
  blind = false;
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
    private readonly stack?: Stack,
  ) {
    this.marks = world.marks;
    if (hasStoreOrder(world) && !scratch) this.order = new Stores(world.machine, cells);
    world.machine.watcher = (at, size, write) => this.touch(at, size, write);
  }

  private touch(at: number, size: number, write: boolean): void {
    const end = at + size;
    const { window, cells } = this;
    this.order?.note(at, size, write);
    const own = placeIn(window, at);
    if (own !== undefined) this.onOwn?.(own, size, write);
    for (let word = Math.floor(at / WORD); word * WORD < end; word++) {
      const start = word * WORD;
      const place = placeIn(window, start);
      if (place !== undefined && !(cells.inWindows && cells.of(word) !== undefined)) {
        const bytes = bytesOf(at - start, end - start);
        this.touchOwn(place / WORD, write && bytes === ALL, write, bytes);
        continue;
      }
      const touched = this.touchedAt(word);
      const whole = write && at <= start && start + WORD <= end;
      if (!(whole && this.blind) && !touched.read && !touched.written) this.look(word, touched);
      if (!write) continue;
      if (touched.cell < 0 && !this.scratch) this.cells.add(word);
      touched.written = true;
    }
  }

  private touchedAt(word: number): Touched {
    let touched = this.touched.get(word);
    if (touched === undefined) {
      touched = this.open(word);
      this.touched.set(word, touched);
    }
    return touched;
  }

  /** How a task stands (STANDING). */
  standing(task: number): bigint {
    const word = FIRST_STANDING + task;
    const touched = this.touchedAt(word);
    if (!touched.read && !touched.written && touched.cell >= 0) {
      touched.before = this.value(touched.cell);
      this.looks.push(-1 - touched.cell);
    }
    touched.read = true;
    return this.stands.get(word) ?? touched.before;
  }

  setStanding(task: number, value: bigint): void {
    const word = FIRST_STANDING + task;
    const touched = this.touchedAt(word);
    if (touched.cell < 0) this.cells.add(word);
    touched.written = true;
    this.stands.set(word, value);
  }

  private touchOwn(word: number, whole: boolean, write: boolean, bytes: number): void {
    const { marks } = this;
    let mark = marks[word]!;
    if (!whole && (mark & MARK.written) === 0) {
      const known = this.memory.words.has(word);
      if (!write) this.stack?.read(word, bytes, known);
      else if (!known) this.stack?.writeInto(word, bytes);
    }
    if (mark === 0) {
      this.own.push(word);
      // Also where all of it is written: that may fault.
      this.world.machine.setWord(addressIn(this.window, word * WORD), this.before(word));
      if (!whole) {
        this.looks.push(word);
        mark = MARK.read;
      }
    }
    marks[word] = mark | (write ? MARK.written : 0);
  }

  private before(word: number): bigint {
    const local = this.memory.words.get(word);
    return local === undefined ? 0n : fromLocal(local, this.window);
  }

  private open(word: number): Touched {
    const at = word * WORD;
    const none = { before: 0n, read: false, written: false };
    const cell = this.cells.of(word);
    if (cell !== undefined) return { ...none, cell };
    if (word >= FIRST_STANDING) return { ...none, cell: -1, before: this.world.initial(word) };
    const owner = this.world.ownerOf(word);
    if (owner !== undefined && this.world.begun && !this.scratch) this.cells.share(word, owner);
    if (owner !== undefined)
      throw new Refusal(
        `${this.scratch ? 'RSEQLAB_INVARIANT or RSEQLAB_FINALLY' : 'a task'} looks at the stack of another task, which cannot be explored: use a global variable for what tasks share`,
      );
    return { ...none, cell: -1, before: this.world.machine.word(at) };
  }

  /** The word is read: what the task finds there is put there. */
  private look(word: number, touched: Touched): void {
    const { cell } = touched;
    if (cell >= 0) {
      touched.before = this.value(cell);
      this.world.machine.setWord(word * WORD, touched.before);
      this.looks.push(-1 - cell);
    }
    touched.read = true;
  }

  /** The instruction has faulted, and done nothing. */
  undo(): void {
    this.order?.undo();
    for (const touched of this.touched.values()) if (!touched.read) touched.written = false;
  }

  /** Forgets it, where it is given up. */
  drop(): void {
    this.world.machine.watcher = undefined;
    for (const word of this.own) this.marks[word] = 0;
  }

  /** Ends the transition. */
  close(): Accesses {
    const { machine } = this.world;
    machine.watcher = undefined;
    const entries = this.order?.end() ?? NONE;
    const stores: [number, bigint][] = [];
    const changes: [number, bigint][] = [];
    let constants = false;
    for (const word of this.own) {
      const mark = this.marks[word]!;
      this.marks[word] = 0;
      if ((mark & MARK.written) === 0) continue;
      const after = machine.word(addressIn(this.window, word * WORD));
      // What a word held before is only known where it was read: written without that, it is written whatever it held.
      if ((mark & MARK.read) !== 0 && after === this.before(word) && this.memory.words.has(word)) continue;
      changes.push([word, toLocal(after, this.window)]);
    }
    for (const [word, { cell, before, written, read }] of this.touched) {
      if (cell < 0 && read) constants = true;
      if (!written) continue;
      const stands = this.stands.get(word);
      if (stands !== undefined) {
        if (cell >= 0) stores.push([cell, stands]);
        continue;
      }
      const after = machine.word(word * WORD);
      if (cell < 0) machine.setWord(word * WORD, before);
      // Also where the cell holds the value already: in another memory it does not, and nobody has asked.
      else stores.push([cell, after]);
    }
    const reads = this.looks.flatMap((look) => (look < 0 ? [-1 - look] : []));
    return { reads, stores: stores.sort(([a], [b]) => a - b), entries, changes, constants };
  }
}
