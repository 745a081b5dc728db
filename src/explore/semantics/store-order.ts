import type { Act, Actor, Outcome } from './actor.js';
import { Barriers } from './barriers.js';
import { ipOf } from './bounds.js';
import type { Draft } from './local.js';
import { BUFFER } from './resources.js';
import type { Step, Steps } from './steps.js';
import { covers, EMPTY, flushed, forwarded, type StoreBuffers } from './store-buffer.js';
import { hasStoreOrder } from './world.js';

/** An edge of a local. */
export interface Choice {
  readonly act: Act;
  readonly cost: 0 | 1;
  readonly wants: number;
}

/** What a task does under x86-TSO, or that it waits until its store buffer has room. */
export type TsoStep = Step & { readonly waits?: boolean };

const FLUSHED = {
  plain: false,
  bad: undefined,
  fence: 0,
  call: undefined,
  events: [],
  looks: [],
  entries: [],
  changes: [],
  constants: false,
} as const;

/** The oldest store of a task reaches memory. */
function flush(buffers: StoreBuffers, draft: Draft, value: (cell: number) => bigint): Outcome {
  const { entries, draining } = draft.buffer;
  const next = { ...draft, buffer: buffers.of(entries.slice(1), draining) };
  return { ...FLUSHED, ...flushed(entries, value), next };
}

/** Acts as they are really done, with store buffers where there are some. */
export class Acts {
  private readonly barriers: Barriers | undefined;

  constructor(
    private readonly actor: Actor,
    private readonly buffers: StoreBuffers,
  ) {
    if (hasStoreOrder(actor.world)) this.barriers = new Barriers(actor.world);
  }

  /** `task`: as whose it is done. */
  run(draft: Draft, task: number, act: Act, value: (cell: number) => bigint): Outcome {
    if (act.kind === 'flush') return flush(this.buffers, draft, value);
    const { buffer } = draft;
    const outcome = this.actor.run(draft, task, act, (cell) => forwarded(buffer, cell, value(cell)));
    const waits = this.actor.world.settings.storeBuffer !== undefined;
    return this.barriers === undefined
      ? outcome
      : buffered(this.buffers, this.barriers, draft, act, outcome, waits);
  }

  /** Why an act cannot come now, as far as store buffers have a say; undefined where it can. */
  obstacle({ buffer, registers }: Draft, act: Act): string | undefined {
    if (act.kind === 'flush') return buffer === EMPTY ? 'no store waits' : undefined;
    if (buffer === EMPTY) return undefined;
    const waits = act.kind !== 'execute' || buffer.draining || this.barriers?.isAt(ipOf({ registers }));
    return waits ? 'stores wait in its store buffer' : undefined;
  }
}

/**
 * What an act does when its stores go into the store buffer. What empties the buffer is only done where it is empty, so its stores need not wait:
 * they go to memory. An exception comes behind all stores that wait. Without store buffers (`all` is false) only the stores of an instruction
 * that has read memory before come by themselves, and at once: nothing of their own task comes in between, but others may.
 */
function buffered<O extends Outcome>(
  buffers: StoreBuffers,
  barriers: Barriers,
  draft: Draft,
  act: Act,
  outcome: O,
  all: boolean,
): O {
  const { next, entries, plain, call } = outcome;
  const ip = ipOf(draft);
  if (act.kind !== 'execute' || next === undefined || barriers.isAt(ip)) return outcome;
  // With an empty buffer, and a lock of the kernel's own: what it stores is seen at once, by whom it wakes.
  if (call !== undefined && barriers.isLock(call)) return outcome;
  if (!all && (entries.length === 0 || !barriers.isInParts(ip))) return outcome;
  const drains = !all || (!plain && call === undefined);
  const buffer = buffers.of([...draft.buffer.entries, ...entries], drains);
  return { ...outcome, stores: [], next: { ...next, buffer } };
}

/**
 * When stores reach memory. x86-TSO (Sewell, Sarkar, Owens, Nardelli, Myreen: x86-TSO, CACM 53(7), 2010): between a CPU and memory is a store buffer, first in, first
 * out. A task has what its CPU's buffer holds; it leaves a CPU only with an empty one. A load takes the newest bytes that wait, else memory's.
 */
export class StoreOrder {
  /** Some task had to wait because its buffer was full. */
  full = false;

  constructor(
    private readonly steps: Steps,
    private readonly buffers: StoreBuffers,
    private readonly barriers: Barriers,
    /** Stores that a buffer holds; undefined: there are none, and no store waits (sequential consistency). */
    private readonly size: number | undefined,
    private readonly cpus: number,
  ) {}

  take(draft: Draft, act: Act, value: (cell: number) => bigint): TsoStep {
    const { buffer } = draft;
    if (act.kind === 'flush') return { ...flush(this.buffers, draft, value), area: 0, top: 0 };
    const step = this.steps.take(draft, act, (cell) => forwarded(buffer, cell, value(cell)))!;
    const reads = step.reads.filter((cell) => !covers(buffer, cell));
    const { length } = step.entries;
    // One instruction with more stores than there is room for at all goes into an empty buffer.
    const { size } = this;
    if (
      size !== undefined &&
      buffer.entries.length > 0 &&
      length > 0 &&
      buffer.entries.length + length > size
    ) {
      this.full = true;
      return { ...step, reads, waits: true };
    }
    return { ...buffered(this.buffers, this.barriers, draft, act, step, size !== undefined), reads };
  }

  /** The next instruction waits until the buffer is empty. */
  mustFlush(draft: Draft): boolean {
    const { buffer } = draft;
    if (buffer === EMPTY) return false;
    return buffer.draining || this.barriers.isAt(ipOf(draft)) || this.barriers.ofCall(draft, this.steps).own;
  }

  /**
   * Edges of a local that is on a CPU. While stores wait it is not interrupted, nor does it do what empties the buffer: that loses nothing, for the
   * buffer may be flushed first. So it is with membarrier(2), which is over when it has emptied the buffers of others.
   */
  choices(draft: Draft, usual: readonly Choice[]): Choice[] {
    const { others } = this.barriers.ofCall(draft, this.steps);
    const wants = (others & ((1 << this.cpus) - 1)) << BUFFER;
    if (draft.buffer === EMPTY)
      return usual.map((choice) => (choice.act.kind === 'execute' ? { ...choice, wants } : choice));
    const flushes: Choice = { act: { kind: 'flush' }, cost: 0, wants: 0 };
    return this.mustFlush(draft) ? [flushes] : [{ act: { kind: 'execute' }, cost: 0, wants }, flushes];
  }

  /** Resources that it holds besides its CPU. */
  held({ buffer, place }: Draft): number {
    return buffer !== EMPTY && place.kind === 'on' ? 1 << (BUFFER + place.cpu) : 0;
  }
}
