import { CONTEXT } from './context.js';
import { EDGE, LOCAL, NODE } from './graph.js';
import { field, hashOf, header, type Variant } from './visited-code.js';
import { type Code, type Local, load, select, type Value } from './wasm/builder.js';

/** Tables' addresses in locals: they stay while a function runs. */
export class Tables {
  readonly locals: Local;
  readonly edges: Local;
  readonly nodes: Local;
  readonly steps: Local;
  readonly stepMask: Local;
  readonly rows: Local;
  readonly rowBytes: Local;
  readonly images: Local;
  readonly stays: Local;
  readonly masks: Local;
  constructor(f: Code) {
    this.locals = f.local('i32', header('locals'));
    this.edges = f.local('i32', header('edges'));
    this.nodes = f.local('i32', header('nodes'));
    this.steps = f.local('i32', header('steps'));
    this.stepMask = f.local('i32', header('stepMask'));
    this.rows = f.local('i32', header('rows'));
    this.rowBytes = f.local('i32', header('rowBytes'));
    this.images = f.local('i32', header('images'));
    this.stays = f.local('i32', header('stays'));
    this.masks = f.local('i32', header('masks'));
  }
  local = (id: Value): Value => this.locals.add(id.mul(LOCAL.words * 4));
  edge = (position: Value): Value => this.edges.add(position.mul(EDGE.words * 4));
  node = (id: Value): Value => this.nodes.add(id.mul(NODE.words * 4));
}

/** A state in locals. */
export interface Vector {
  readonly at: Local;
  readonly locals: readonly Local[];
  readonly memory: Local;
}
export function readState(f: Code, at: Local, tasks: number, shift: number): Vector {
  const locals = Array.from({ length: tasks }, (_, slot) => f.local('i32', load(at, slot * 4).shr(shift)));
  return { at, locals, memory: f.local('i32', load(at, tasks * 4)) };
}
export function vectorAt(f: Code, at: Local, tasks: number): Vector {
  return { at, locals: Array.from({ length: tasks }, () => f.local()), memory: f.local() };
}

/** Comparators of a sorting network (Batcher's odd-even merge sort, for any number of inputs). */
export function sortingNetwork(inputs: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let p = 1; p < inputs; p *= 2)
    for (let k = p; k >= 1; k = Math.floor(k / 2))
      for (let j = k % p; j + k < inputs; j += 2 * k)
        for (let i = 0; i < Math.min(k, inputs - j - k); i++)
          if (Math.floor((i + j) / (p * 2)) === Math.floor((i + j + k) / (p * 2)))
            pairs.push([i + j, i + j + k]);
  return pairs;
}
function sort(f: Code, values: readonly Local[]): void {
  const low = f.local();
  for (const [a, b] of sortingNetwork(values.length)) {
    const [x, y] = [values[a]!, values[b]!];
    low.set(select(x.below(y), x, y));
    y.set(select(x.below(y), y, x));
    x.set(low);
  }
}

/** What locals become by a turn, which is given as its place in their rows. With `shift`, other bits stand behind a local. */
export function turnAll(
  { turns }: Variant,
  t: Tables,
  locals: readonly Local[],
  place: Value,
  { into = locals, shift = 0 }: { readonly into?: readonly Local[]; readonly shift?: number } = {},
): void {
  for (const [slot, local] of locals.entries()) {
    const image = load(t.images.add(local.shr(shift).mul(turns * 4)).add(place));
    into[slot]!.set(shift === 0 ? image : image.shl(shift).or(local.and((1 << shift) - 1)));
  }
}

/** Of all that a vector becomes by turns that leave its memory as it is, the first, as numbers go. */
function standing(f: Code, variant: Variant, t: Tables, { locals, memory }: Vector): void {
  const { shift } = variant.shape;
  const [list, place, less] = [f.local(), f.local(), f.local()];
  const [given, image] = [locals.map(() => f.local()), locals.map(() => f.local())];
  list.set(load(t.stays.add(memory.shl(2))));
  place.set(load(list));
  f.if(place, () => {
    for (const [slot, local] of locals.entries()) given[slot]!.set(local);
    f.while(place, () => {
      turnAll(variant, t, given, place, { into: image, shift });
      if (variant.symmetry) sort(f, image);
      less.set(0);
      for (const [slot, local] of [...locals.entries()].reverse()) {
        const [its, best] = [image[slot]!.shr(shift), local.shr(shift)];
        less.set(select(its.eq(best), less, its.below(best)));
      }
      f.if(less, () => {
        for (const [slot, local] of locals.entries()) local.set(image[slot]!);
      });
      list.grow(4);
      place.set(load(list));
    });
  });
}

/** Puts a successor into the buffer: sorted, with its hash. `asleep`: of each slot bits that say what sleeps. */
export function append(
  f: Code,
  variant: Variant,
  t: Tables,
  context: Value,
  next: Vector,
  scratch: Scratch,
  asleep?: readonly Local[],
): void {
  const { tasks, entry, shift } = variant.shape;
  if (shift > 0)
    for (const [slot, local] of next.locals.entries())
      local.set(asleep === undefined ? local.shl(shift) : local.shl(shift).or(asleep[slot]!));
  if (variant.symmetry) sort(f, next.locals);
  if (variant.turns > 1) standing(f, variant, t, next);
  const words = [...next.locals, next.memory];
  hashOf(shift === 0 ? words : [...next.locals.map((local) => local.shr(shift)), next.memory], scratch.hash);
  const { filled } = scratch;
  filled.set(field(context, 'filled'));
  scratch.to.set(field(context, 'buffer').add(filled));
  f.store(scratch.to, scratch.hash);
  for (const [index, word] of words.entries()) f.store(scratch.to, word, 8 + index * 4);
  if (variant.parents) f.store(scratch.to, next.at, 8 + (tasks + 1) * 4);
  f.store(context, filled.add(entry), CONTEXT.filled * 4);
}
export interface Scratch {
  readonly hash: Local;
  readonly filled: Local;
  readonly to: Local;
}
export const scratchOf = (f: Code): Scratch => ({ hash: f.local('i64'), filled: f.local(), to: f.local() });
