import { expect, it } from 'vitest';
import { Errno } from '../../src/kernel/errno.js';
import { Kernel } from '../../src/kernel/kernel.js';
import { newArea } from '../../src/kernel/mm/areas.js';
import { residentPages } from '../../src/kernel/mm/charge.js';
import { zap } from '../../src/kernel/mm/coherence.js';
import { copyMm } from '../../src/kernel/mm/copy.js';
import { changeAreas, dropMm, mapArea, newMm, protectRange, unmapRange } from '../../src/kernel/mm/map.js';
import type { MemoryObject } from '../../src/kernel/mm/object.js';
import { newObject, readObject, truncate, writeObject } from '../../src/kernel/mm/objects.js';
import { makePolicy } from '../../src/kernel/policies/index.js';
import type { Mm } from '../../src/kernel/state.js';
import * as model from './coherence-model.js';

const PAGE = 4096;
/** Where everything happens: few pages, so that things meet. */
const FIRST = 0x20000;
const PAGES = 10;
const FILE_PAGES = 4;
const MOST_SPACES = 4;

/** A generator of numbers below `n`, the same ones for a seed (mulberry32). */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  };
}

interface World {
  readonly kernel: Kernel;
  readonly files: { object: MemoryObject; model: model.ModelFile }[];
  readonly spaces: { mm: Mm; model: model.ModelSpace }[];
  readonly below: (n: number) => number;
}

const newKernel = (): Kernel =>
  new Kernel({
    version: '6.18',
    debugRseq: false,
    cpus: 1,
    seed: 1,
    memoryLimit: 1 << 20,
    policy: makePolicy('rr', 1),
    host: {
      read: () => new Uint8Array(0),
      write: () => {},
      file: () => undefined,
      directory: () => undefined,
    },
  });

const pick = <T>({ below }: World, all: readonly T[]): T => all[below(all.length)]!;

/** An access of some bytes, often at the end of a page. */
function access(world: World): { address: number; size: number } {
  const { below } = world;
  const edge = below(3) === 0 ? PAGE - 1 - below(6) : below(PAGE - 16);
  return { address: (FIRST + below(PAGES)) * PAGE + edge, size: 1 + below(12) };
}

const bytesOf = ({ below }: World, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, () => below(256));

function range(world: World): { first: number; count: number; start: number; end: number } {
  const first = FIRST + world.below(PAGES);
  const count = 1 + world.below(Math.min(3, FIRST + PAGES - first));
  return { first, count, start: first * PAGE, end: (first + count) * PAGE };
}

function outcome<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof Errno && error.code === 'EFAULT') return undefined;
    throw error;
  }
}

/** As text, which is compared faster than arrays are. */
function same(got: Uint8Array | undefined, expected: Uint8Array | undefined): void {
  const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');
  expect(text(got)).toBe(text(expected));
}

/** What can happen, each to the simulation and to the model. */
const ACTIONS: Readonly<Record<string, { readonly weight: number; readonly run: (world: World) => void }>> = {
  read: {
    weight: 40,
    run: (world) => {
      const { mm, model: space } = pick(world, world.spaces);
      const { address, size } = access(world);
      const got = outcome(() => world.kernel.memory(mm).read(BigInt(address), size));
      same(got, model.read(space, address, size));
    },
  },
  write: {
    weight: 40,
    run: (world) => {
      const { mm, model: space } = pick(world, world.spaces);
      const { address, size } = access(world);
      const bytes = bytesOf(world, size);
      const done = outcome(() => {
        world.kernel.memory(mm).write(BigInt(address), bytes);
        return true;
      });
      expect(done === true).toBe(model.write(space, address, bytes));
    },
  },
  map: {
    weight: 8,
    run: (world) => {
      const { mm, model: space } = pick(world, world.spaces);
      const { first, count, start, end } = range(world);
      const file = world.below(5) === 0 ? undefined : pick(world, world.files);
      const index = world.below(FILE_PAGES);
      const shared = file !== undefined && world.below(2) === 0;
      const protection = pick(world, [1, 3, 3, 3]);
      mapArea(
        world.kernel,
        mm,
        newArea({ start, end }, protection, { object: file?.object, offset: index * PAGE, shared }),
      );
      model.map(space, first, count, { file: file?.model, index, shared, protection });
    },
  },
  unmap: {
    weight: 2,
    run: (world) => {
      const { mm, model: space } = pick(world, world.spaces);
      const { first, count, start, end } = range(world);
      unmapRange(world.kernel, mm, start, end);
      for (let n = 0; n < count; n++) space.delete(first + n);
    },
  },
  protect: {
    weight: 5,
    run: (world) => {
      const { mm, model: space } = pick(world, world.spaces);
      const { first, count, start, end } = range(world);
      const protection = pick(world, [0, 1, 3, 3]);
      const whole = Array.from({ length: count }, (_, n) => space.has(first + n)).every((each) => each);
      if (!whole) return;
      protectRange(world.kernel, mm, start, end, protection);
      for (let n = 0; n < count; n++) space.get(first + n)!.protection = protection;
    },
  },
  'give back': {
    weight: 4,
    run: (world) => {
      const { mm, model: space } = pick(world, world.spaces);
      const { first, count, start, end } = range(world);
      try {
        changeAreas(mm, start, end, (area) => zap(world.kernel, mm, area, area.start, area.end));
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
      }
      model.forget(space, first, count);
    },
  },
  fork: {
    weight: 2,
    run: (world) => {
      if (world.spaces.length >= MOST_SPACES) return;
      const { mm, model: space } = pick(world, world.spaces);
      world.spaces.push({ mm: copyMm(world.kernel, mm), model: model.fork(space) });
    },
  },
  exit: {
    weight: 1,
    run: ({ kernel, spaces, below }) => {
      if (spaces.length === 1) return;
      const [gone] = spaces.splice(below(spaces.length), 1);
      dropMm(kernel, gone!.mm);
    },
  },
  'read file': {
    weight: 8,
    run: (world) => {
      const file = pick(world, world.files);
      const offset = world.below(FILE_PAGES * PAGE);
      const size = world.below(3) === 0 ? 2 * PAGE : 8;
      same(readObject(world.kernel, file.object, offset, size), model.readFile(file.model, offset, size));
    },
  },
  'write file': {
    weight: 8,
    run: (world) => {
      const file = pick(world, world.files);
      const offset = world.below(FILE_PAGES * PAGE - 16);
      const bytes = bytesOf(world, 1 + world.below(16));
      writeObject(world.kernel, undefined, file.object, offset, bytes);
      model.writeFile(file.model, offset, bytes);
    },
  },
  truncate: {
    weight: 3,
    run: (world) => {
      const file = pick(world, world.files);
      const size = world.below(FILE_PAGES + 1) * PAGE + (world.below(2) === 0 ? 0 : world.below(PAGE));
      truncate(world.kernel, file.object, size);
      model.truncate(
        file.model,
        world.spaces.map((each) => each.model),
        size,
      );
    },
  },
};

const BAG = Object.entries(ACTIONS).flatMap(([name, { weight }]) => new Array<string>(weight).fill(name));

function play(seed: number, steps: number): void {
  const kernel = newKernel();
  const world: World = {
    kernel,
    files: [0, 1].map(() => ({ object: newObject(kernel, 'file'), model: model.newFile() })),
    spaces: [{ mm: newMm(kernel), model: new Map() }],
    below: numbers(seed),
  };
  const done: string[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const name = pick(world, BAG);
      done.push(name);
      ACTIONS[name]!.run(world);
    }
    for (const { mm, model: space } of world.spaces)
      for (let page = FIRST; page < FIRST + PAGES; page++)
        same(
          outcome(() => kernel.memory(mm).read(BigInt(page * PAGE), PAGE)),
          model.read(space, page * PAGE, PAGE),
        );
    expect(kernel.state.resident).toBeGreaterThanOrEqual(residentOf(world));
  } catch (error) {
    throw new Error(`seed ${seed}, step ${done.length} (${done.slice(-8).join(', ')})`, { cause: error });
  } finally {
    for (const { mm } of world.spaces) dropMm(kernel, mm);
  }
}

/** The files are in no table of the kernel here, so that it cannot count those that nobody maps. */
function residentOf({ kernel, files, spaces }: World): number {
  const mapped = new Set(spaces.flatMap(({ mm }) => mm.areas.map(({ object }) => object)));
  const unmapped = files.filter(({ object }) => !mapped.has(object));
  return residentPages(kernel) + unmapped.reduce((sum, { object }) => sum + object.pages.size, 0);
}

it('shared and private mappings, forks and files agree with memory as one thinks of it', () => {
  for (let seed = 1; seed <= 60; seed++) play(seed, 600);
});
