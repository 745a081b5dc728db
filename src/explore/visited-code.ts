import { CONTEXT, RANGE_LIMIT, type Shape } from './context.js';
import { CHUNK, HEADER } from './store.js';
import {
  atomicAdd,
  atomicLoad,
  atomicLoad64,
  type Code,
  compareExchange,
  type Label,
  type Local,
  load,
  load64,
  type Module,
  number,
  type Value,
} from './wasm/builder.js';

export interface Variant {
  readonly shape: Shape;
  readonly symmetry: boolean;
  readonly exact: boolean;
  readonly parents: boolean;
  /** Edges sleep. */
  readonly sleep: boolean;
  /** Ways to exchange resources, the one that changes nothing included. */
  readonly turns: number;
  /** More than one thread uses the visited table at a time. */
  readonly shared: boolean;
}

export const header = (name: keyof typeof HEADER): Value => load(HEADER[name] * 4);
export const field = (context: Value, name: keyof typeof CONTEXT): Value => load(context, CONTEXT[name] * 4);

/** Why threads stop: to let the main thread see to something, or because there is no room for the frontier. */
export const STOP = { soon: 1, memory: 2 } as const;

const K1 = 0x9e37_79b9_7f4a_7c15n;
const K2 = 0xd6e8_feb8_6659_fd93n;

/** A fingerprint of words, 64 bits, never 0: multiplications and shifts that lose nothing, two words at a time. */
export function hashOf(words: readonly Value[], hash: Local): void {
  hash.set(BigInt(words.length) * K2);
  for (let at = 0; at < words.length; at += 2) {
    const high = words[at + 1];
    const pair = high === undefined ? words[at]!.wide() : words[at]!.wide().or(high.wide().shl(32n));
    hash.set(hash.xor(pair).mul(K1));
    hash.set(hash.xor(hash.shr(32n)));
  }
  hash.set(hash.mul(K2));
  hash.set(hash.xor(hash.shr(29n)).mul(K1));
  hash.set(hash.xor(hash.shr(32n)));
  hash.set(hash.or(hash.isZero().wide()));
}

/**
 * The table of all states found so far: open addressing, linear probing, a power of two of slots, home by the hash's low bits. A slot
 * is the 64-bit fingerprint, 0 where it is free; in exact searches the state itself, with 1 added to its first word.
 */
export function defineVisited(module: Module, variant: Variant): void {
  defineChunk(module, variant);
  defineFlush(module, variant);
  defineGrow(module, variant);
}

/** chunk(context): a new chunk for the thread's states; the range that ends is written down. */
function defineChunk(module: Module, { shape, shared }: Variant): void {
  const usable = Math.floor(CHUNK / shape.record) * shape.record;
  module.function('chunk', 1, (f, context) => {
    const at = f.local();
    const ranges = f.local('i32', field(context!, 'rangeCount'));
    f.if(field(context!, 'next').above(field(context!, 'rangeFrom')), () => {
      at.set(field(context!, 'ranges').add(ranges.shl(3)));
      f.store(at, field(context!, 'rangeFrom'));
      f.store(at, field(context!, 'next'), 4);
      f.store(context!, ranges.add(1), CONTEXT.rangeCount * 4);
      f.if(ranges.above(RANGE_LIMIT), () => f.store(HEADER.stop * 4, STOP.soon));
    });
    if (shared) f.loop((again) => f.goIf(compareExchange(HEADER.lock * 4, 0, number(1)), again));
    at.set(header('freeChunk'));
    f.if(
      at,
      () => f.store(HEADER.freeChunk * 4, load(at)),
      () => {
        at.set(header('chunkFloor').sub(CHUNK));
        f.if(
          at.below(header('chunkLimit')),
          () => {
            at.set(0);
            f.store(HEADER.stop * 4, STOP.memory);
          },
          () => f.store(HEADER.chunkFloor * 4, at),
        );
      },
    );
    if (shared) f.atomicStore(HEADER.lock * 4, 0);
    f.store(context!, at, CONTEXT.next * 4);
    f.store(context!, at, CONTEXT.rangeFrom * 4);
    f.store(context!, at, CONTEXT.end * 4);
    f.if(at, () => f.store(context!, at.add(usable), CONTEXT.end * 4));
  });
}

/** flush(context): looks up the successors in the buffer; new ones go into the table and to the end of the frontier. */
function defineFlush(module: Module, variant: Variant): void {
  const { shape, shared } = variant;
  module.function('flush', 1, (f, context) => {
    const table = f.local('i32', header('visited'));
    const mask = f.local('i32', header('visitedMask'));
    const first = f.local('i32', field(context!, 'buffer'));
    const last = f.local('i32', first.add(field(context!, 'filled')));
    const [at, slot, next, end, added] = [f.local(), f.local(), f.local(), f.local(), f.local('i32', 0)];
    const hash = f.local('i64');
    // All slots are touched before any is needed: these loads do not wait for each other.
    const sum = f.local('i32', 0);
    at.set(first);
    f.while(at.below(last), () => {
      sum.set(sum.xor(load(table.add(load(at).and(mask).mul(shape.slot)))));
      at.grow(shape.entry);
    });
    f.store(context!, sum, CONTEXT.touched * 4);
    next.set(field(context!, 'next'));
    end.set(field(context!, 'end'));
    at.set(first);
    f.while(at.below(last), () => {
      f.block((known) => {
        hash.set(load64(at));
        slot.set(hash.low().and(mask));
        if (variant.exact) insertState(f, variant, { table, mask, slot, at, known });
        else insertFingerprint(f, { table, mask, slot, hash, known, shared });
        added.grow(1);
        f.if(next.eq(end), () => {
          f.store(context!, next, CONTEXT.next * 4);
          f.drop(module.call('chunk', context!));
          next.set(field(context!, 'next'));
          end.set(field(context!, 'end'));
        });
        f.goIf(next.isZero(), known);
        for (let word = 0; word < shape.record / 4; word++) f.store(next, load(at, 8 + word * 4), word * 4);
        next.grow(shape.record);
      });
      at.grow(shape.entry);
    });
    f.store(context!, next, CONTEXT.next * 4);
    f.store(context!, 0, CONTEXT.filled * 4);
    const states = f.local();
    if (shared) states.set(atomicAdd(HEADER.states * 4, added).add(added));
    else {
      states.set(header('states').add(added));
      f.store(HEADER.states * 4, states);
    }
    f.if(states.above(header('statesLimit')), () =>
      f.if(header('stop').isZero(), () => f.store(HEADER.stop * 4, STOP.soon)),
    );
  });
}

interface Insertion {
  readonly table: Local;
  readonly mask: Local;
  readonly slot: Local;
  /** Where to go when it is in the table already. */
  readonly known: Label;
}

function insertFingerprint(
  f: Code,
  { table, mask, slot, known, hash, shared }: Insertion & { readonly hash: Local; readonly shared: boolean },
): void {
  const address = f.local();
  const there = f.local('i64');
  f.forever((fresh) => {
    address.set(table.add(slot.shl(3)));
    there.set(shared ? atomicLoad64(address) : load64(address));
    if (shared)
      f.if(there.isZero(), () => {
        there.set(compareExchange(address, 0n, hash));
        f.goIf(there.isZero(), fresh);
      });
    else
      f.if(there.isZero(), () => {
        f.store(address, hash);
        f.go(fresh);
      });
    f.goIf(there.eq(hash), known);
    slot.set(slot.add(1).and(mask));
  });
}

/** While a thread writes a slot its first word is -1. */
function insertState(f: Code, { shape, shared }: Variant, p: Insertion & { readonly at: Local }): void {
  const { table, mask, slot, at, known } = p;
  const words = shape.slot / 4;
  const address = f.local();
  const there = f.local();
  const wordOf = (word: number): Value =>
    word < shape.tasks ? load(at, 8 + word * 4).shr(shape.shift) : load(at, 8 + word * 4);
  const first = f.local('i32', wordOf(0).add(1));
  const write = (): void => {
    for (let word = 1; word < words; word++) f.store(address, wordOf(word), word * 4);
  };
  f.forever((fresh, again) => {
    address.set(table.add(slot.mul(shape.slot)));
    there.set(shared ? atomicLoad(address) : load(address));
    f.if(there.isZero(), () => {
      if (shared) {
        there.set(compareExchange(address, 0, number(-1)));
        f.if(there.isZero(), () => {
          write();
          f.atomicStore(address, first);
          f.go(fresh);
        });
      } else {
        write();
        f.store(address, first);
        f.go(fresh);
      }
    });
    if (shared) f.goIf(there.eq(-1), again);
    f.block((differs) => {
      f.goIf(there.ne(first), differs);
      for (let word = 1; word < words; word++) f.goIf(load(address, word * 4).ne(wordOf(word)), differs);
      f.go(known);
    });
    slot.set(slot.add(1).and(mask));
  });
}

/**
 * grow(): the table goes on to twice its length, in place. Slots are taken in order, from behind a free one, and put in anew: each finds
 * its place among those already done, or in the second half, so nothing that was put in anew ever stands behind a hole.
 */
function defineGrow(module: Module, { shape, exact }: Variant): void {
  module.function('grow', 0, (f) => {
    const table = f.local('i32', header('visited'));
    const old = f.local('i32', header('visitedMask'));
    const mask = f.local('i32', old.shl(1).or(1));
    const [start, left, slot, from, to] = [f.local(), f.local(), f.local(), f.local(), f.local()];
    const hash = f.local('i64');
    const words = Array.from({ length: shape.slot / 4 }, () => f.local());
    const isFree = (address: Value): Value => (exact ? load(address) : load64(address)).isZero();
    start.set(0);
    f.while(isFree(table.add(start.mul(shape.slot))).isZero(), () => start.grow(1));
    left.set(old);
    f.while(left, () => {
      left.set(left.sub(1));
      start.set(start.add(1).and(old));
      from.set(table.add(start.mul(shape.slot)));
      f.block((done) => {
        if (exact) {
          for (const [index, word] of words.entries()) word.set(load(from, index * 4));
          f.goIf(words[0]!.isZero(), done);
          hashOf([words[0]!.sub(1), ...words.slice(1)], hash);
          f.store(from, 0);
        } else {
          hash.set(load64(from));
          f.goIf(hash.isZero(), done);
          f.store(from, number(0n));
        }
        slot.set(hash.low().and(mask));
        f.forever((free) => {
          to.set(table.add(slot.mul(shape.slot)));
          f.goIf(isFree(to), free);
          slot.set(slot.add(1).and(mask));
        });
        if (exact) for (const [index, word] of words.entries()) f.store(to, word, index * 4);
        else f.store(to, hash);
      });
    });
    f.store(HEADER.visitedMask * 4, mask);
  });
}
