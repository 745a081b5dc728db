import type { PrivateMemory } from './private-memory.js';
import type { Registers } from './registers.js';
import type { StoreBuffer } from './store-buffer.js';
import type { KernelPart } from './task-kernel.js';

/** Where a task is: on a CPU, off, asleep in a system call, or it has returned. */
export type Place =
  /** `fenced`: membarrier(2) of another task is about to interrupt it. */
  | { readonly kind: 'on'; readonly cpu: number; readonly cid: number; readonly fenced?: true }
  | { readonly kind: 'off' }
  | { readonly kind: 'asleep' }
  /** `over`: it has ended the whole process. */
  | { readonly kind: 'finished'; readonly over?: true };

/** All that belongs to one task. */
export interface Local {
  readonly id: number;
  readonly place: Place;
  readonly registers: Registers;
  readonly memory: PrivateMemory;
  readonly kernel: KernelPart;
  /** Signals that may still arrive: indexes into the scenario's. */
  readonly signals: readonly number[];
  readonly results: readonly bigint[];
  /**
   * Whose it is; of tasks that run the same function, where they need not be told apart, -1 less the number of the first one. Tasks of different
   * functions are never the same: their results would be exchanged.
   */
  readonly owner: number;
  /** Of signal handlers that the task is in: where the stack pointer was when they began, as in values.ts; the innermost last. */
  readonly handlers: readonly bigint[];
  /** Its stores that are not in memory yet: of the CPU that it is on. */
  readonly buffer: StoreBuffer;
}

export type Draft = Omit<Local, 'id'>;

/** Every local there is, each once. Ids are dense, in the order in which they were found. */
export class Locals {
  readonly all: Local[] = [];
  private readonly known = new Map<string, Local>();

  of(draft: Draft): Local {
    const key = keyOf(draft);
    let local = this.known.get(key);
    if (local === undefined) {
      local = { ...draft, id: this.all.length };
      this.all.push(local);
      this.known.set(key, local);
    }
    return local;
  }
}

export function keyOf(draft: Draft): string {
  const { place, registers, memory, kernel, signals, results, owner, handlers, buffer } = draft;
  const where =
    place.kind === 'on'
      ? `${place.cpu}.${place.cid}${place.fenced ? '!' : ''}`
      : place.kind === 'finished' && place.over
        ? 'over'
        : place.kind;
  return `${owner}|${where}|${registers.id}|${memory.id}|${kernel.id}|${signals}|${results}|${handlers}|${buffer.id}`;
}
