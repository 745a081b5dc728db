import { PAGE_SIZE } from '../../machine/state.js';
import { Errno } from '../errno.js';
import { PROT } from '../mm/areas.js';
import { zap } from '../mm/coherence.js';
import { populate } from '../mm/fault.js';
import { changeAreas } from '../mm/map.js';
import { punch } from '../mm/objects.js';
import type { Area } from '../state.js';
import { type Call, type Calls, int } from './call.js';
import { pageRange } from './ranges.js';

type Advice = (call: Call, area: Area) => void;

/** Makes no difference that a program can see. */
const nothing: Advice = () => {};

const set =
  (change: Partial<Area>): Advice =>
  (_, area) => {
    Object.assign(area, change);
  };

const discard: Advice = ({ kernel, task }, area) => {
  if (area.locked) throw new Errno('EINVAL');
  zap(kernel, task.mm, area, area.start, area.end);
};

function fill(writes: boolean): Advice {
  return ({ kernel, task }, area) => {
    if (area.protection === 0 || (writes && (area.protection & PROT.WRITE) === 0)) throw new Errno('EINVAL');
    for (let page = area.start / PAGE_SIZE; page < area.end / PAGE_SIZE; page++)
      if (populate(kernel, task.mm, area, page, writes) === 'beyond') throw new Errno('EFAULT');
  };
}

/** By MADV_* (include/uapi/asm-generic/mman-common.h); what is done with each area of the range (mm/madvise.c). */
const ADVICE: ReadonlyMap<number, Advice> = new Map<number, Advice>([
  // NORMAL, RANDOM, SEQUENTIAL, WILLNEED, COLD, PAGEOUT, HUGEPAGE, NOHUGEPAGE, MERGEABLE, UNMERGEABLE, DONTDUMP, DODUMP, COLLAPSE
  ...[0, 1, 2, 3, 20, 21, 14, 15, 12, 13, 16, 17, 25].map((kind): [number, Advice] => [kind, nothing]),
  // DONTNEED, DONTNEED_LOCKED
  [4, discard],
  [24, ({ kernel, task }, area) => zap(kernel, task.mm, area, area.start, area.end)],
  // FREE: nobody is short of memory before the limit, so that pages stay as they are.
  [
    8,
    (_, area) => {
      if (area.object !== undefined || area.locked) throw new Errno('EINVAL');
    },
  ],
  // REMOVE
  [
    9,
    ({ kernel }, area) => {
      if (area.locked || area.object === undefined) throw new Errno('EINVAL');
      if (!area.shared || (area.protection & PROT.WRITE) === 0) throw new Errno('EACCES');
      punch(kernel, area.object, area.offset, area.offset + area.end - area.start);
    },
  ],
  // DONTFORK, DOFORK
  [10, set({ dontFork: true })],
  [11, set({ dontFork: false })],
  // WIPEONFORK, KEEPONFORK
  [
    18,
    (_, area) => {
      if (area.object !== undefined || area.shared) throw new Errno('EINVAL');
      area.wipeOnFork = true;
    },
  ],
  [19, set({ wipeOnFork: false })],
  // POPULATE_READ, POPULATE_WRITE
  [22, fill(false)],
  [23, fill(true)],
]);

export const MADVISE: Calls = {
  madvise: (call) => {
    const [address, length, kind] = call.arguments as [bigint, bigint, bigint];
    if (address % BigInt(PAGE_SIZE) !== 0n) throw new Errno('EINVAL');
    const advice = ADVICE.get(int(kind));
    if (advice === undefined) throw new Errno('EINVAL');
    const { start, end } = pageRange(address, length, 'EINVAL');
    if (end > start) changeAreas(call.task.mm, start, end, (area) => advice(call, area));
    return 0;
  },
};
