import { CONTEXT } from './context.js';
import { EDGE, FLAG, KIND, LOCAL, NODE } from './graph.js';
import type { Tables, Vector } from './state-code.js';
import type { Variant } from './visited-code.js';
import { type Code, type Local, load, number, select, type Value } from './wasm/builder.js';

/**
 * What sleeps in a state, for each slot two bits: its edges of cost 1, and those of cost 0, need not be followed, because what they lead to is found
 * by another order of the same edges. docs/explore.md says why. Let the state be found from *p* by edge *b*:
 *
 * - *b* costs 1: edges of other tasks that cost 0 come before it. Of those that cost 1 the ones whose local has the lower number come first.
 * - *b* costs 0: of others that cost 0, and have nothing to do with what it reads and writes, those whose local has the lower number come first.
 *
 * Which state that is found from several finds first is a matter of luck, where there are several threads. States, their layers and their depth in a
 * layer do not depend on it; edges that sleep are counted as if they were followed.
 */
export const SLEEPS = { costs: 1, free: 2 } as const;

/** What an edge of the state under way, and those before it, have to do with memory. */
export interface Prints {
  /** Bits of the cells that this edge has read. */
  readonly reads: Local;
  /** Slots with edges of cost 0 that are not known, or want or fence something. */
  readonly odd: Local;
}

/** Where the prints of a slot stand: what its edges read, and what they write. */
const at = (context: Value, slot: Value): Value => context.add(slot.shl(3));
const [READS, WRITES] = [CONTEXT.prints * 4, CONTEXT.prints * 4 + 4];

export function forgetPrints(f: Code, context: Value, slot: Value): void {
  f.store(at(context, slot), 0, READS);
  f.store(at(context, slot), 0, WRITES);
}

export interface Taken {
  readonly context: Value;
  readonly phase: Value;
  readonly state: Vector;
  readonly slot: Value;
  /** Addresses of the edge and of its leaf. */
  readonly edge: Value;
  readonly leaf: Value;
}

/** An edge has come to its leaf: what it reads and writes is noted for those behind it. */
export function notePrint(
  f: Code,
  t: Tables,
  { context, slot, edge, leaf }: Taken,
  { reads, odd }: Prints,
): void {
  const print = f.local('i32', at(context, slot));
  f.store(print, load(print, READS).or(reads), READS);
  f.store(print, load(print, WRITES).or(load(t.masks.add(load(leaf, NODE.b * 4).shl(2)))), WRITES);
  f.if(load(edge, EDGE.wants * 4).or(load(leaf, NODE.c * 4)), () => odd.set(odd.or(bit(slot))));
}
export const bit = (slot: Value): Value => number(1).shl(slot);

/** What sleeps in the state that an edge leads to. */
export function fallAsleep(
  f: Code,
  variant: Variant,
  t: Tables,
  taken: Taken,
  { reads, odd }: Prints,
  asleep: readonly Local[],
): void {
  const { context, phase, state, slot, edge, leaf } = taken;
  const orderOf = (local: Value): Value =>
    variant.turns > 1 ? load(t.local(local), LOCAL.order * 4) : local;
  const [own, order, frees, writes, print] = [f.local(), f.local(), f.local(), f.local(), f.local()];
  const holds = f.local();
  for (const each of asleep) each.set(0);
  f.if(load(leaf, NODE.c * 4).isZero(), () => {
    own.set(load(state.at.add(slot.shl(2))).shr(variant.shape.shift));
    order.set(orderOf(own));
    f.if(
      phase,
      () => {
        // It must look at no cell, and write none, and hold afterwards what it wants.
        holds.set(load(t.local(load(leaf, NODE.a * 4)), LOCAL.holds * 4));
        const plain = load(t.node(load(edge, EDGE.root * 4)))
          .and(7)
          .eq(KIND.leaf)
          .and(load(leaf, NODE.b * 4).isZero())
          .and(
            load(edge, EDGE.wants * 4)
              .and(holds.xor(-1))
              .isZero(),
          );
        f.if(plain, () => {
          // What it no longer holds others could not have got before.
          frees.set(
            load(t.local(own), LOCAL.holds * 4)
              .and(holds.xor(-1))
              .ne(0),
          );
          for (const [other, local] of state.locals.entries())
            f.if(slot.ne(other), () => {
              const asks = load(t.local(local), LOCAL.flags * 4)
                .and(FLAG.asks)
                .and(frees.mul(FLAG.asks));
              asleep[other]!.set(
                asks.isZero().and(orderOf(local).below(order)).mul(SLEEPS.costs).or(SLEEPS.free),
              );
            });
        });
      },
      () => {
        f.if(load(edge, EDGE.wants * 4).isZero(), () => {
          writes.set(load(t.masks.add(load(leaf, NODE.b * 4).shl(2))));
          for (const [other, local] of state.locals.slice(0, -1).entries())
            f.if(
              slot
                .above(other)
                .and(odd.and(1 << other).isZero())
                .and(orderOf(local).below(order)),
              () => {
                print.set(context.add(other * 8));
                const meet = load(print, WRITES).and(reads.or(writes)).or(load(print, READS).and(writes));
                asleep[other]!.set(meet.isZero().mul(SLEEPS.free));
              },
            );
        });
      },
    );
  });
}

/**
 * What sleeps may be left out: an edge that makes no other task be interrupted, and leaves its task with nothing that another holds; and of those
 * that cost 0 one that wants nothing.
 */
export const maySleep = (t: Tables, { edge, leaf, phase }: Taken, others: Value): Value =>
  load(leaf, NODE.c * 4)
    .or(load(t.local(load(leaf, NODE.a * 4)), LOCAL.holds * 4).and(others))
    .or(select(phase, number(0), load(edge, EDGE.wants * 4)))
    .isZero();
