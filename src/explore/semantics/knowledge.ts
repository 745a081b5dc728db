import { TRACER } from '../../kernel/scenario/parts.js';
import type { CodeReader } from '../../machine/decode.js';
import { Unlike } from '../turns.js';
import { alike } from './alike.js';
import { rangeAt } from './bounds.js';
import { Cells } from './cells.js';
import { type Facts, factsOf, restoreFacts } from './facts.js';
import { Instructions } from './instructions.js';
import { Interruptions } from './interruptions.js';
import { type AbortRange, Liveness } from './liveness.js';
import type { Draft } from './local.js';
import { Anew } from './refusal.js';
import { wordOf } from './registers.js';
import { pairOf } from './resources.js';
import { Stack } from './stack.js';
import { placeIn, RELATIVE } from './values.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

const isFramed = (interrupted: bigint, handler: bigint, { convention }: World['arch']): boolean =>
  interrupted >= RELATIVE &&
  handler >= RELATIVE &&
  handler < interrupted &&
  interrupted - handler < BigInt(convention.frame);

export interface Learned {
  /** Words of memory that tasks share: address / 8. */
  readonly cells: readonly number[];
  readonly sections: readonly AbortRange[];
  /** Instructions that control comes to by ways that the code does not show. */
  readonly entries: readonly number[];
  /** A signal handler looks at what it has interrupted. */
  readonly inspects: boolean;
  /** A task reads stack that it has given back. */
  readonly keepsStack: boolean;
}

/** CPUs that differ in one of the first layers may do so only because too little is known; how many layers behind it are explored first then. */
const EARLY = 4;
const AHEAD = 2;

/** Fields of Knowledge that hold nothing learned, or what follows from the others. */
const DERIVED: ReadonlySet<string> = new Set(['world', 'code', 'cells', 'found', 'steps']);

/** What is learned of a program while it is explored. Each new thing makes the search begin anew, with that known. */
export class Knowledge {
  readonly cells: Cells;
  /** Tasks in the same state do the same: until one is found that does not. */
  symmetric = true;
  /** CPUs and mm_cids that are treated differently: pairs of resources (exchangeable.ts). */
  readonly unlike = new Set<number>();
  /** Layers that were explored, and are to be, with CPUs told apart: what is learned of the program there is known before they are exchanged. */
  seen = 0;
  toSee = 0;
  /** The program looks at mm_cid. */
  cids = false;
  /** A task has made others be interrupted by membarrier(2). */
  fences = false;
  /** A task has ended the process while others were there. */
  overs = false;
  /** Instructions in front of which, or behind which, it makes a difference to be interrupted. */
  readonly stops = new Set<number>();
  /** Of each task the first one that is alike. */
  readonly classes: readonly number[];
  /** What tasks do with stack that they have given back. */
  readonly stack: Stack;
  /** A signal handler looks at what it has interrupted, or changes it. */
  inspects = false;
  /** What signal handlers may leave in rseq_cs: the descriptors of their sections. */
  readonly leftovers = new Set<number>();
  private readonly entries = new Set<number>();
  private readonly handlers: number[] = [];
  private readonly returns = new Set<number>();
  private readonly ranges = new Map<string, AbortRange>();
  private found: Liveness | undefined;
  private steps:
    | {
        of: number;
        instructions: Instructions;
        interruptions: Interruptions;
        descriptors: Map<bigint, AbortRange | undefined>;
      }
    | undefined;

  constructor(
    private readonly world: World,
    private readonly code: CodeReader,
  ) {
    this.cells = new Cells(world);
    this.classes = alike(world, code);
    this.stack = new Stack(world.stackTop);
    for (const { start } of world.scenario.tasks) this.entries.add(start);
    for (const { signal, handler } of world.scenario.signals)
      if (signal === TRACER) {
        this.entries.add(handler);
        // It can see all that the task has.
        this.inspects = true;
      }
    for (const { handler } of world.handlers)
      if (handler > 1n) {
        this.entries.add(Number(handler));
        this.handlers.push(Number(handler));
      }
  }

  get liveness(): Liveness {
    const { returnTo, restorer, released, calls = [] } = this.world.scenario;
    this.found ??= new Liveness(
      this.world.arch,
      this.world.calls,
      (at) => this.code.meaningAt(BigInt(at)),
      [...this.entries],
      [...this.ranges.values()],
      [...new Set([returnTo, restorer, released, ...calls.map((call) => call.returnTo), ...this.returns])],
      this.inspects ? 'all' : this.handlers,
    );
    return this.found;
  }

  /** What instructions did. Forgotten where a new cell is in use: it may have been taken for constant. */
  get instructions(): Instructions {
    return this.remembered.instructions;
  }
  /** What interruptions came to. */
  get interruptions(): Interruptions {
    return this.remembered.interruptions;
  }
  private get remembered() {
    const of = this.cells.words.length;
    if (this.steps?.of !== of)
      this.steps = {
        of,
        instructions: new Instructions(this.code),
        interruptions: new Interruptions(),
        descriptors: new Map(),
      };
    return this.steps;
  }

  get sections(): readonly AbortRange[] {
    return [...this.ranges.values()].sort((a, b) => a.start - b.start);
  }

  /** The section that a descriptor states; undefined where there is none, or where it may change. */
  rangeOf(pointer: bigint): AbortRange | undefined {
    if (pointer === 0n) return undefined;
    const { descriptors } = this.remembered;
    const known = descriptors.get(pointer);
    if (known !== undefined || descriptors.has(pointer)) return known;
    const { windows } = this.world;
    const range = rangeAt(
      this.world,
      pointer,
      (word) =>
        this.cells.of(word) === undefined &&
        !windows.some((window) => placeIn(window, word * WORD) !== undefined),
    );
    if (range !== undefined) this.section(range);
    descriptors.set(pointer, range);
    return range;
  }

  /** The search ended because something was learned, and is to begin anew. */
  learnedBy(error: unknown): boolean {
    if (error instanceof Unlike) this.differ(error);
    return error instanceof Unlike || error instanceof Anew;
  }

  /** CPUs do not correspond, as far as is known. */
  private differ({ pair, cost }: Unlike): void {
    // Words that nobody has written so far were taken for constants: more may be known of them soon.
    if (cost < EARLY && cost + AHEAD > this.toSee) this.toSee = cost + AHEAD;
    else this.unlike.add(pairOf(...pair));
  }

  /** A handler has armed a section. */
  leaves(pointer: number): void {
    if (this.leftovers.has(pointer)) return;
    this.leftovers.add(pointer);
    throw new Anew('a section of a handler');
  }

  stop(ip: number): never {
    this.stops.add(ip);
    throw new Anew('interrupted here or there');
  }

  fence(): void {
    if (this.fences) return;
    this.fences = true;
    throw new Anew('membarrier');
  }

  over(): void {
    if (this.overs) return;
    this.overs = true;
    throw new Anew('exit_group');
  }

  /** A section was armed, or aborted. */
  section(range: AbortRange): void {
    const key = `${range.start} ${range.end} ${range.abort}`;
    if (this.ranges.has(key)) return;
    this.ranges.set(key, range);
    this.forget();
  }

  /** Control went from one instruction to another. */
  flow(from: number, to: number): void {
    // Where there is no code the next instruction faults.
    if (this.liveness.knows(from, to) || this.code.meaningAt(BigInt(to)) === undefined) return;
    // A return to where nothing was called from.
    if (this.entries.has(from) && this.entries.has(to) && !this.returns.has(to)) this.returns.add(to);
    else if (this.entries.has(from) && this.entries.has(to))
      throw new Error(`the code between 0x${from.toString(16)} and 0x${to.toString(16)} is not understood`);
    this.entries.add(from).add(to);
    this.forget();
  }

  /** All that makes a story of this exploration one that can be told again elsewhere. */
  get learned(): Learned {
    return {
      cells: this.cells.words,
      sections: this.sections,
      entries: [...this.entries],
      inspects: this.inspects,
      keepsStack: this.stack.kept,
    };
  }

  /**
   * A step of a task that is in signal handlers: do they keep to themselves? Above the stack pointer with which a handler began stand the
   * kernel's frame and what was interrupted.
   */
  handled(draft: Draft, { next, top }: { readonly next: Draft | undefined; readonly top: number }): void {
    if (this.inspects) return;
    const { handlers } = draft;
    const [now] = handlers.slice(-1);
    const { arch } = this.world;
    const { returnSlot } = arch.convention;
    const looks = now !== undefined && top > Number(now & (RELATIVE - 1n)) + returnSlot;
    const begun = next === undefined ? [] : next.handlers.slice(handlers.length);
    // Two at once, or on another stack: nobody knows what stands where.
    if (
      !looks &&
      begun.length < 2 &&
      begun.every((pointer) => isFramed(wordOf(draft.registers, arch.stackPointer), pointer, arch))
    )
      return;
    this.inspects = true;
    this.forget();
  }

  /** What another exploration has learned. */
  adopt({ cells, sections, entries, inspects, keepsStack }: Learned): void {
    this.stack.kept = keepsStack;
    this.inspects ||= inspects;
    this.cells.adopt(cells);
    for (const range of sections) this.ranges.set(`${range.start} ${range.end} ${range.abort}`, range);
    for (const entry of entries) this.entries.add(entry);
  }

  /** Everything, for another process that is to go on where this one is. */
  get facts(): Facts {
    return { ...factsOf(this, DERIVED), cells: this.cells.words };
  }

  /** What another process knew, instead of what this one knows. */
  restore(facts: Facts): void {
    this.cells.adopt(facts['cells'] as number[]);
    restoreFacts(this, facts, DERIVED);
    this.found = undefined;
    this.steps = undefined;
  }

  private forget(): never {
    this.found = undefined;
    throw new Anew('code');
  }
}
