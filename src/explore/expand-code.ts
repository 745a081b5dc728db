import { bit, fallAsleep, forgetPrints, maySleep, notePrint, type Prints, SLEEPS } from './asleep-code.js';
import { ASK, CONTEXT, MISS_BYTES } from './context.js';
import { EDGE, FLAG, KIND, KIND_BITS, LOCAL, NODE } from './graph.js';
import { BAD_STEP, STEP, STEP_HASH } from './memories.js';
import { defineRounds } from './rounds-code.js';
import { append, readState, scratchOf, Tables, turnAll, type Vector, vectorAt } from './state-code.js';
import { defineVisited, field, header, type Variant } from './visited-code.js';
import {
  type Code,
  type Label,
  type Local,
  load,
  load64,
  Module,
  number,
  select,
  type Value,
} from './wasm/builder.js';

/** The hot part of the search as a module, written for the number of tasks and the options. */
export function searchModule(variant: Variant, pages: number): Uint8Array {
  const module = new Module();
  defineVisited(module, variant);
  defineAgain(module, variant);
  defineExpand(module, variant);
  defineRounds(module);
  return module.bytes(pages);
}

/** Writes a miss. */
function ask(f: Code, context: Value, at: Value, slot: Value | number, position?: Value): void {
  const to = f.local('i32', field(context, 'misses').add(field(context, 'missCount').mul(MISS_BYTES)));
  f.store(to, at);
  f.store(to, slot, 4);
  if (position !== undefined) f.store(to, position, 8);
  f.store(context, field(context, 'missCount').add(1), CONTEXT.missCount * 4);
}

/**
 * Takes the edges of `slot` from `position` to `last` as far as they are enabled: the walk down a tree, the step of the memory, the
 * fences, the successor. `taken` counts edges that are neither disabled nor unknown.
 */
interface Sleep {
  readonly phase: Value;
  /** Not 0: the edges of this slot sleep. */
  readonly asleep: Value;
  /** How many have slept. */
  readonly slept: Local;
  readonly prints: Prints;
}

function takeEdges(
  f: Code,
  variant: Variant,
  t: Tables,
  p: {
    readonly context: Value;
    readonly state: Vector;
    readonly slot: Value;
    readonly own: Value;
    readonly others: Value;
    readonly position: Local;
    readonly last: Value;
    readonly taken: Local;
    /** Where edges sleep. */
    readonly sleep?: Sleep;
  },
): void {
  const { tasks } = variant.shape;
  const { context, state, slot } = p;
  const [edge, node, kind, value, mask, base, index, leafStores, fence, step] = Array.from(
    { length: 10 },
    () => f.local(),
  ) as [Local, Local, Local, Local, Local, Local, Local, Local, Local, Local];
  const row = f.local('i32', t.rows.add(state.memory.mul(t.rowBytes)));
  const next = vectorAt(f, state.at, tasks);
  const turn = f.local();
  const scratch = scratchOf(f);
  const { sleep } = p;
  const taken = sleep && { context, phase: sleep.phase, state, slot, edge, leaf: node };
  const asleep = sleep && state.locals.map(() => f.local());
  const miss = (done: Label): void => {
    if (sleep !== undefined) sleep.prints.odd.set(sleep.prints.odd.or(bit(slot)));
    ask(f, context, state.at, slot, p.position);
    f.go(done);
  };
  f.while(p.position.below(p.last), () => {
    f.block((done) => {
      edge.set(t.edge(p.position));
      f.goIf(load(edge, EDGE.wants * 4).and(p.others), done);
      node.set(t.node(load(edge, EDGE.root * 4)));
      sleep?.prints.reads.set(0);
      f.forever((found, again) => {
        kind.set(load(node));
        f.goIf(kind.and(7).eq(KIND.leaf), found);
        f.if(kind.and(7).eq(KIND.read), () => {
          value.set(load(row.add(kind.shr(KIND_BITS).shl(2))));
          sleep?.prints.reads.set(sleep.prints.reads.or(bit(kind.shr(KIND_BITS))));
          base.set(load(node, NODE.a * 4));
          mask.set(load(node, NODE.b * 4));
          index.set(value.and(mask));
          value.set(value.add(1));
          f.forever((empty, more) => {
            kind.set(load(base.add(index.shl(3))));
            f.if(kind.eq(value), () => {
              node.set(t.node(load(base.add(index.shl(3)), 4)));
              f.go(again);
            });
            f.goIf(kind.isZero(), empty);
            index.set(index.add(1).and(mask));
            f.go(more);
          });
          miss(done);
        });
        sleep?.prints.odd.set(sleep.prints.odd.or(bit(slot)));
        f.goIf(kind.and(7).eq(KIND.disabled), done);
        f.if(kind.and(7).eq(KIND.bad), () => {
          p.taken.grow(1);
          f.store(context, field(context, 'violations').add(1), CONTEXT.violations * 4);
          f.go(done);
        });
        miss(done);
      });
      if (taken !== undefined) {
        f.if(sleep!.phase.isZero(), () => notePrint(f, t, taken, sleep!.prints));
        f.if(sleep!.asleep, () =>
          f.if(maySleep(t, taken, p.others), () => {
            p.taken.grow(1);
            sleep!.slept.grow(1);
            f.go(done);
          }),
        );
      }
      next.memory.set(state.memory);
      turn.set(0);
      leafStores.set(load(node, NODE.b * 4));
      f.if(leafStores, () => {
        index.set(state.memory.mul(STEP_HASH.memory).xor(leafStores.mul(STEP_HASH.stores)));
        index.set(index.xor(index.shr(STEP_HASH.shift)).and(t.stepMask));
        f.forever((empty, more) => {
          step.set(t.steps.add(index.mul(STEP.words * 4)));
          kind.set(load(step));
          f.if(kind.eq(state.memory.add(1)).and(load(step, STEP.stores * 4).eq(leafStores)), () => {
            next.memory.set(load(step, STEP.to * 4));
            turn.set(load(step, STEP.turn * 4));
            f.if(turn.eq(BAD_STEP), () => {
              p.taken.grow(1);
              f.store(context, field(context, 'violations').add(1), CONTEXT.violations * 4);
              f.go(done);
            });
            leafStores.set(0);
            f.go(empty);
          });
          f.goIf(kind.isZero(), empty);
          index.set(index.add(1).and(t.stepMask));
          f.go(more);
        });
        f.if(leafStores, () => miss(done));
      });
      kind.set(load(node, NODE.a * 4));
      for (const [other, local] of state.locals.entries())
        next.locals[other]!.set(select(slot.eq(other), kind, local));
      fence.set(load(node, NODE.c * 4));
      f.if(fence, () => {
        for (const [other, local] of state.locals.entries())
          f.if(
            slot.ne(other).and(
              load(t.local(local), LOCAL.holds * 4)
                .and(fence)
                .and(0xffff)
                .ne(0),
            ),
            () => {
              value.set(load(t.local(local), LOCAL.fence * 4));
              f.if(value.isZero(), () => miss(done));
              next.locals[other]!.set(value.sub(1));
            },
          );
      });
      p.taken.grow(1);
      if (taken !== undefined) fallAsleep(f, variant, t, taken, sleep!.prints, asleep!);
      if (variant.turns > 1) f.if(turn, () => turnAll(variant, t, next.locals, turn.shl(2)));
      append(f, variant, t, context, next, scratch, asleep);
    });
    p.position.grow(1);
  });
}

/** Bits that tasks other than the one that holds `own` hold; two tasks may hold the same after a fence. */
function heldBits(f: Code, t: Tables, state: Vector, both: Local, all: Local): void {
  both.set(0);
  all.set(0);
  const held = f.local();
  for (const local of state.locals) {
    held.set(load(t.local(local), LOCAL.holds * 4));
    both.set(both.or(all.and(held)));
    all.set(all.or(held));
  }
}
const othersThan = (own: Value, both: Value, all: Value): Value => all.and(own.xor(-1)).or(both);

const count = (f: Code, context: Value, taken: Local): void =>
  f.store(context, load64(context, CONTEXT.transitions * 4).add(taken.wide()), CONTEXT.transitions * 4);

/** again(context, state, slot, position): one edge, for which the tables are complete now. puts(context, from, to): the states themselves that stand there, without parents, until the buffer is full; the one to go on with. */
function defineAgain(module: Module, variant: Variant): void {
  const { tasks } = variant.shape;
  module.function('again', 4, (f, context, at, slot, position) => {
    const t = new Tables(f);
    const state = readState(f, at!, tasks, variant.shape.shift);
    const [both, all, own, taken] = [f.local(), f.local(), f.local(), f.local('i32', 0)];
    heldBits(f, t, state, both, all);
    own.set(load(t.local(load(at!.add(slot!.shl(2))).shr(variant.shape.shift)), LOCAL.holds * 4));
    const others = f.local('i32', othersThan(own, both, all));
    const last = f.local('i32', position!.add(1));
    takeEdges(f, variant, t, {
      context: context!,
      state,
      slot: slot!,
      own,
      others,
      position: position!,
      last,
      taken,
    });
    count(f, context!, taken);
  });
  module.function('puts', 3, (f, context, at, to) => {
    const [t, scratch, state] = [new Tables(f), scratchOf(f), vectorAt(f, at!, tasks)];
    f.block((full) => {
      f.while(at!.below(to!), () => {
        f.goIf(field(context!, 'filled').above(field(context!, 'fillLimit')), full);
        for (const [index, each] of state.locals.entries()) each.set(load(at!, index * 4));
        state.memory.set(load(at!, tasks * 4));
        append(f, variant, t, context!, state, scratch);
        at!.grow((tasks + 1) * 4);
      });
    });
    f.return(at!);
  });
}

/** expand(context, from, to): successors of the states there, until the buffer or the list of misses is full; the state to go on with. */
function defineExpand(module: Module, variant: Variant): void {
  const { tasks, record, shift } = variant.shape;
  module.function('expand', 3, (f, context, at, to) => {
    const t = new Tables(f);
    const phase = f.local('i32', header('phase'));
    const state = vectorAt(f, at!, tasks);
    const [both, all, own, others, slot, local, position, last, finished, taken, before, possible, word] =
      Array.from({ length: 13 }, () => f.local()) as Local[];
    const asleep = f.local();
    const sleep = variant.sleep
      ? { phase, asleep, slept: f.local('i32', 0), prints: { reads: f.local(), odd: f.local() } }
      : undefined;
    taken!.set(0);
    f.block((full) => {
      f.while(at!.below(to!), () => {
        f.goIf(
          field(context!, 'filled')
            .above(field(context!, 'fillLimit'))
            .or(field(context!, 'missCount').above(field(context!, 'missLimit'))),
          full,
        );
        for (const [index, each] of state.locals.entries()) each.set(load(at!, index * 4).shr(shift));
        state.memory.set(load(at!, tasks * 4));
        heldBits(f, t, state, both!, all!);
        before!.set(taken!);
        possible!.set(0);
        finished!.set(FLAG.finished);
        slot!.set(0);
        sleep?.prints.odd.set(0);
        f.loop((again) => {
          word!.set(load(at!.add(slot!.shl(2))));
          local!.set(t.local(word!.shr(shift)));
          if (variant.sleep) {
            forgetPrints(f, context!, slot!);
            asleep.set(word!.and(select(phase, number(SLEEPS.costs), number(SLEEPS.free))));
          }
          finished!.set(finished!.and(load(local!, LOCAL.flags * 4)));
          own!.set(load(local!, LOCAL.holds * 4));
          others!.set(othersThan(own!, both!, all!));
          position!.set(load(local!, LOCAL.edges * 4));
          last!.set(position!.add(load(local!, LOCAL.count0 * 4)));
          f.if(phase, () => {
            position!.set(last!);
            last!.grow(load(local!, LOCAL.count1 * 4));
          });
          takeEdges(f, variant, t, {
            context: context!,
            state,
            slot: slot!,
            own: own!,
            others: others!,
            position: position!,
            last: last!,
            taken: taken!,
            ...(sleep && { sleep }),
          });
          slot!.grow(1);
          f.goIf(slot!.below(tasks), again);
        });
        f.if(phase.isZero(), () => {
          f.if(finished!, () => ask(f, context!, at!, ASK.end));
        });
        // A state with nothing to do at cost 1 is rare: only then is it worth a look whether there was something at cost 0.
        f.if(phase.and(taken!.eq(before!)).and(finished!.isZero()), () => {
          lookForFree(f, t, state, all!, both!, possible!);
          f.if(possible!.isZero().or(header('disables')), () => ask(f, context!, at!, ASK.deadlock));
        });
        at!.grow(record);
      });
    });
    count(f, context!, taken!);
    if (sleep !== undefined)
      f.store(context!, load64(context!, CONTEXT.slept * 4).add(sleep.slept.wide()), CONTEXT.slept * 4);
    f.return(at!);
  });
}

/** Whether an edge of cost 0 wants nothing that others hold. */
function lookForFree(f: Code, t: Tables, state: Vector, all: Value, both: Value, possible: Local): void {
  const [record, others, position, last] = [f.local(), f.local(), f.local(), f.local()];
  possible.set(0);
  for (const local of state.locals) {
    record.set(t.local(local));
    others.set(othersThan(load(record, LOCAL.holds * 4), both, all));
    position.set(load(record, LOCAL.edges * 4));
    last.set(position.add(load(record, LOCAL.count0 * 4)));
    f.while(position.below(last), () => {
      possible.set(
        possible.or(
          load(t.edge(position), EDGE.wants * 4)
            .and(others)
            .isZero(),
        ),
      );
      position.grow(1);
    });
  }
}
