import { PAGE_SIZE } from '../../machine/state.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import type { Area, Mm } from '../state.js';

/** Where things are in a simulated process: all of it below 4 GiB, so that an address is an offset into one memory. */
export const LAYOUT = {
  /** vm.mmap_min_addr. */
  lowest: 0x1_0000,
  /** A position-independent executable. */
  pie: 0x1000_0000,
  /** Mappings grow down from here. */
  mmapTop: 0xd000_0000,
  stackTop: 0xdfff_f000,
  stackSize: 8 << 20,
} as const;

export const roundUp = (value: number): number => Math.ceil(value / PAGE_SIZE) * PAGE_SIZE;
export const roundDown = (value: number): number => Math.floor(value / PAGE_SIZE) * PAGE_SIZE;

/** PROT_* of mmap(2) are the machine's page permissions. */
export const PROT = { READ: 1, WRITE: 2, EXEC: 4 } as const;

/** A page that can be written can be read (x86). */
const permissions = (protection: number): number =>
  (protection & 7) === 0 ? 0 : (protection & 7) | PROT.READ;

/** Maps a range anew: its pages read as zeros. What was there before must be gone. */
export function mapArea(kernel: Kernel, mm: Mm, area: Area): void {
  const index = mm.areas.findIndex(({ start }) => start >= area.end);
  const at = index === -1 ? mm.areas.length : index;
  const before = mm.areas[at - 1];
  if (before !== undefined && mergeable(before, area)) before.end = area.end;
  else mm.areas.splice(at, 0, area);
  kernel.spaces.of(mm.id).protect(area.start, area.end - area.start, permissions(area.protection));
}

const mergeable = (a: Area, b: Area): boolean =>
  a.end === b.start &&
  a.protection === b.protection &&
  a.name === b.name &&
  a.shared === b.shared &&
  a.name === '' &&
  !a.growsDown &&
  !b.growsDown;

/** Cuts areas so that none crosses `at`. */
function split(mm: Mm, at: number): void {
  const index = mm.areas.findIndex(({ start, end }) => start < at && at < end);
  if (index === -1) return;
  const area = mm.areas[index]!;
  mm.areas.splice(index + 1, 0, { ...area, start: at, offset: area.offset + (at - area.start) });
  area.end = at;
}

/** Areas that lie in a range, cut at its ends. */
export function within(mm: Mm, start: number, end: number): Area[] {
  split(mm, start);
  split(mm, end);
  return mm.areas.filter((area) => area.start >= start && area.end <= end);
}

/** munmap(2). */
export function unmapRange(kernel: Kernel, mm: Mm, start: number, end: number): void {
  const gone = new Set(within(mm, start, end));
  mm.areas = mm.areas.filter((area) => !gone.has(area));
  for (const area of gone) kernel.spaces.of(mm.id).unmap(area.start, area.end - area.start);
}

/** mprotect(2): ENOMEM where a part is not mapped. */
export function protectRange(kernel: Kernel, mm: Mm, start: number, end: number, protection: number): void {
  const areas = within(mm, start, end);
  const covered = areas.reduce((sum, area) => sum + area.end - area.start, 0);
  for (const area of areas) {
    area.protection = protection;
    kernel.spaces.of(mm.id).protect(area.start, area.end - area.start, permissions(protection));
  }
  if (covered < end - start) throw new Errno('ENOMEM');
}

export const areaAt = (mm: Mm, address: number): Area | undefined =>
  mm.areas.find(({ start, end }) => start <= address && address < end);

/** The highest free range of a size below the top of mappings. ENOMEM where there is none. */
export function freeRange(mm: Mm, size: number): number {
  let end: number = LAYOUT.mmapTop;
  for (const area of [...mm.areas].reverse()) {
    if (area.start >= end) continue;
    if (end - area.end >= size) return end - size;
    end = Math.min(end, area.start);
  }
  if (end - LAYOUT.lowest < size) throw new Errno('ENOMEM');
  return end - size;
}
