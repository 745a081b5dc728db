import type { PrivateMemory } from './private-memory.js';
import type { Registers } from './registers.js';
import type { KernelPart } from './task-kernel.js';

/** Where a task is: on a CPU, off, or it has returned. */
export type Place =
  | { readonly kind: 'on'; readonly cpu: number; readonly cid: number }
  | { readonly kind: 'off' }
  | { readonly kind: 'finished' };

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
  /** Whose it is, where tasks are told apart; else -1. */
  readonly owner: number;
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

export function keyOf({ place, registers, memory, kernel, signals, results, owner }: Draft): string {
  const where = place.kind === 'on' ? `${place.cpu}.${place.cid}` : place.kind;
  return `${owner}|${where}|${registers.id}|${memory.id}|${kernel.id}|${signals}|${results}`;
}
