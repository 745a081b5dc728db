import { FOLDED_END, type Fold, foldedRanges, isInMemory } from '../../machine/fold.js';
import { GUEST_END, PAGE_SIZE } from '../../machine/state.js';
import { Errno } from '../errno.js';
import type { Area, Mm } from '../state.js';

/** Where things are in a simulated process: all of it below 4 GiB, so that an address is an offset into one memory. */
export const LAYOUT = {
  /** vm.mmap_min_addr. */
  lowest: 0x1_0000,
  /** A position-independent executable. */
  pie: 0x1000_0000,
  /** Mappings grow down from here: the gap to the stack is more than the stack can grow (mmap_base()). */
  mmapTop: 0xd000_0000,
  stackTop: 0xdfff_f000,
  /** Where the architecture has one. */
  vdso: 0xe001_0000,
  /** No mapping may come nearer to a stack that grows (stack_guard_gap). */
  stackGap: 256 * PAGE_SIZE,
} as const;

/** vm.max_map_count. */
const MOST_AREAS = 65_530;

export const roundUp = (value: number): number => Math.ceil(value / PAGE_SIZE) * PAGE_SIZE;
export const roundDown = (value: number): number => Math.floor(value / PAGE_SIZE) * PAGE_SIZE;

/** PROT_* of mmap(2) are the machine's page permissions. */
export const PROT = { READ: 1, WRITE: 2, EXEC: 4 } as const;

/** A page that can be written or executed can be read (x86 without protection keys). */
export const permissions = (protection: number): number =>
  (protection & 7) === 0 ? 0 : (protection & 7) | PROT.READ;

/** An area with what most of them have. */
export const newArea = (
  range: { start: number; end: number },
  protection: number,
  more: Partial<Area> = {},
): Area => ({
  protection,
  allowed: 7,
  shared: false,
  object: undefined,
  offset: 0,
  name: '',
  growsDown: false,
  dontFork: false,
  wipeOnFork: false,
  locked: false,
  ...more,
  start: range.start,
  end: range.end,
});

/** Index of the first area that ends above an address (find_vma()). */
function indexAbove(areas: readonly Area[], address: number): number {
  let [low, high] = [0, areas.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (areas[middle]!.end > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The area that holds an address. */
export function areaAt(mm: Mm, address: number): Area | undefined {
  const area = mm.areas[indexAbove(mm.areas, address)];
  return area !== undefined && area.start <= address ? area : undefined;
}

/** The first area that ends above an address. */
export const areaAbove = (mm: Mm, address: number): Area | undefined =>
  mm.areas[indexAbove(mm.areas, address)];

export const areaBelow = (mm: Mm, area: Area): Area | undefined => mm.areas[mm.areas.indexOf(area) - 1];

export const overlaps = (mm: Mm, start: number, end: number): boolean => {
  const next = areaAbove(mm, start);
  return next !== undefined && next.start < end;
};

/** One area for both (vma_merge()). */
function mergeable(a: Area, b: Area): boolean {
  return (
    a.end === b.start &&
    a.protection === b.protection &&
    a.allowed === b.allowed &&
    a.shared === b.shared &&
    a.object === b.object &&
    (a.object === undefined || a.offset + (a.end - a.start) === b.offset) &&
    a.name === b.name &&
    a.growsDown === b.growsDown &&
    a.dontFork === b.dontFork &&
    a.wipeOnFork === b.wipeOnFork &&
    a.locked === b.locked
  );
}

/** Joins what can be one, from the area before `start` to the one behind `end`. */
export function mergeAround(mm: Mm, start: number, end: number): void {
  let index = Math.max(0, indexAbove(mm.areas, start) - 1);
  while (index + 1 < mm.areas.length && mm.areas[index]!.start <= end) {
    const [area, next] = [mm.areas[index]!, mm.areas[index + 1]!];
    if (!mergeable(area, next)) {
      index++;
      continue;
    }
    area.end = next.end;
    mm.areas.splice(index + 1, 1);
  }
}

/** Puts an area where nothing is. ENOMEM where there are too many. */
export function insertArea(mm: Mm, area: Area): void {
  if (mm.areas.length >= MOST_AREAS) throw new Errno('ENOMEM');
  mm.areas.splice(indexAbove(mm.areas, area.start), 0, area);
  mergeAround(mm, area.start, area.end);
}

/** Cuts the area that crosses an address there. */
function split(mm: Mm, at: number): void {
  const index = indexAbove(mm.areas, at);
  const area = mm.areas[index];
  if (area === undefined || area.start >= at) return;
  if (mm.areas.length >= MOST_AREAS) throw new Errno('ENOMEM');
  const offset = area.object === undefined ? 0 : area.offset + (at - area.start);
  mm.areas.splice(index + 1, 0, { ...area, start: at, offset });
  area.end = at;
}

/** Areas that lie in a range, cut at its ends. */
export function within(mm: Mm, start: number, end: number): Area[] {
  split(mm, start);
  split(mm, end);
  return mm.areas
    .slice(indexAbove(mm.areas, start), indexAbove(mm.areas, end - 1) + 1)
    .filter((area) => area.start < end);
}

/** Areas that lie in a range, those at its ends maybe in part. */
export const touching = (mm: Mm, start: number, end: number): Area[] => {
  const found: Area[] = [];
  for (let index = indexAbove(mm.areas, start); (mm.areas[index]?.start ?? end) < end; index++)
    found.push(mm.areas[index]!);
  return found;
};

/** Is there something at each address of a range? */
export function isMapped(mm: Mm, start: number, end: number): boolean {
  let at = start;
  for (const area of touching(mm, start, end)) {
    if (area.start > at) return false;
    at = area.end;
  }
  return at >= end;
}

/** Where an area begins for those below it: a stack keeps its distance (vm_start_gap()). */
const startWithGap = ({ start, growsDown }: Area): number =>
  growsDown ? Math.max(0, start - LAYOUT.stackGap) : start;

/** Is a range free, and not too near to a stack? */
export function isFree(mm: Mm, start: number, end: number): boolean {
  const next = areaAbove(mm, start);
  return (next === undefined || startWithGap(next) >= end) && isRoom(mm, start, end);
}

/** The first address that a program cannot have. */
export const endOf = ({ fold }: Mm): number => (fold === undefined ? GUEST_END : FOLDED_END);

/** Does no other part of a folded address space lie in memory where this range would? What is in the range itself does not count. */
export function isRoom({ fold, areas }: Mm, start: number, end: number): boolean {
  if (fold === undefined) return true;
  const wanted = foldedRanges(fold, start, end);
  if (!wanted.every(isInMemory)) return false;
  const isIn = (from: number, to: number): boolean =>
    from < to &&
    foldedRanges(fold, from, to).some((held) =>
      wanted.some((range) => held.start < range.end && range.start < held.end),
    );
  return !areas.some(
    (area) => isIn(area.start, Math.min(area.end, start)) || isIn(Math.max(area.start, end), area.end),
  );
}

/** The highest free range of a size below the top of mappings (arch_get_unmapped_area_topdown()). ENOMEM where there is none. */
export function freeRange(mm: Mm, size: number): number {
  if (mm.fold !== undefined) return freeFolded(mm, mm.fold, size);
  let end: number = LAYOUT.mmapTop;
  for (let index = mm.areas.length - 1; index >= 0; index--) {
    const area = mm.areas[index]!;
    if (area.start >= LAYOUT.mmapTop && startWithGap(area) >= end) continue;
    if (end - area.end >= size) return end - size;
    end = Math.min(end, startWithGap(area));
  }
  if (end - LAYOUT.lowest < size) throw new Errno('ENOMEM');
  return end - size;
}

/** The same in a folded address space: below 4 GiB, where addresses lie in memory as they are, what of the others lies there leaves room. */
function freeFolded({ areas }: Mm, fold: Fold, size: number): number {
  const held = areas
    .flatMap((area) => foldedRanges(fold, startWithGap(area), area.end))
    .sort((a, b) => b.end - a.end);
  let end: number = LAYOUT.mmapTop;
  for (const range of held) {
    if (end - range.end >= size) return end - size;
    end = Math.min(end, range.start);
  }
  if (end - LAYOUT.lowest < size) throw new Errno('ENOMEM');
  return end - size;
}

/** What stands behind an area's numbers: a file, or what it is for (get_vma_name()). */
export function areaName(mm: Mm, { object, name, start, end }: Area): string {
  if (object !== undefined) return object.name;
  if (name !== '') return name;
  if (start <= mm.brk && end >= mm.brkStart && mm.brk > mm.brkStart) return '[heap]';
  return start <= mm.stackStart && end >= mm.stackStart ? '[stack]' : '';
}
