import type { Fold } from '../../machine/fold.js';
import { PAGE_SIZE } from '../../machine/state.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import type { Area, Mm } from '../state.js';
import { areaAbove, insertArea, mergeAround, touching, within } from './areas.js';
import { hold, leaveArea, zap } from './coherence.js';
import { populate, serveFaults } from './fault.js';
import { HELD, heldPages, setHeld } from './pages.js';

/** A new address space, with nothing in it. */
export function newMm(kernel: Kernel, fold?: Fold): Mm {
  const mm: Mm = {
    id: kernel.state.nextId++,
    users: 1,
    areas: [],
    pages: new Map(),
    fold,
    lockFuture: false,
    outOfMemory: false,
    brkStart: 0,
    brk: 0,
    membarrier: 0,
    auxv: new Uint8Array(0),
    callSites: [],
    sigreturn: 0n,
    stackStart: 0,
    argStart: 0,
    argEnd: 0,
    envStart: 0,
    envEnd: 0,
  };
  kernel.state.mms.set(mm.id, mm);
  kernel.spaces.create(mm.id, fold);
  if (kernel.spaces.onMissing === undefined) serveFaults(kernel);
  return mm;
}

/** Nobody uses it any more. */
export function dropMm(kernel: Kernel, mm: Mm): void {
  for (const area of mm.areas) leaveArea(kernel, mm, area);
  mm.areas = [];
  mm.pages.clear();
  kernel.state.mms.delete(mm.id);
  kernel.forget(mm);
}

/** munmap(2). */
export function unmapRange(kernel: Kernel, mm: Mm, start: number, end: number): void {
  const gone = new Set(within(mm, start, end));
  for (const area of gone) zap(kernel, mm, area, area.start, area.end);
  mm.areas = mm.areas.filter((area) => !gone.has(area));
}

/** Maps a range anew; what was there before is gone. */
export function mapArea(kernel: Kernel, mm: Mm, area: Area): void {
  unmapRange(kernel, mm, area.start, area.end);
  insertArea(mm, area);
}

/** Makes a change to all areas of a range. ENOMEM, at the end, where a part is not mapped. */
export function changeAreas(mm: Mm, start: number, end: number, change: (area: Area) => void): void {
  let at = start;
  let holes = false;
  for (const area of within(mm, start, end)) {
    holes ||= area.start > at;
    change(area);
    at = area.end;
  }
  mergeAround(mm, start, end);
  if (holes || at < end) throw new Errno('ENOMEM');
}

/**
 * mprotect(2) (do_mprotect_pkey()): area by area, so that an error leaves what is below it changed. ENOMEM where nothing is mapped, EACCES where
 * a file that is open only to be read is to be written.
 */
export function protectRange(kernel: Kernel, mm: Mm, start: number, end: number, protection: number): void {
  let at = start;
  try {
    for (const area of within(mm, start, end)) {
      if (area.start > at) break;
      if ((protection & ~area.allowed) !== 0) throw new Errno('EACCES');
      area.protection = protection;
      for (const { page, held } of heldPages(mm.pages, area.start / PAGE_SIZE, area.end / PAGE_SIZE))
        hold(kernel, mm, page, held);
      at = area.end;
    }
  } finally {
    mergeAround(mm, start, end);
  }
  if (at < end) throw new Errno('ENOMEM');
}

/** Makes all pages of a range present, as mlock(2) and MAP_POPULATE do; what cannot be is left out. */
export function populateRange(kernel: Kernel, mm: Mm, start: number, end: number): void {
  for (const area of touching(mm, start, end)) {
    if (area.protection === 0) continue;
    const writes = !area.shared && (area.protection & 2) !== 0;
    const stop = Math.min(area.end, end) / PAGE_SIZE;
    for (let page = Math.max(area.start, start) / PAGE_SIZE; page < stop; page++)
      if (populate(kernel, mm, area, page, writes) === 'killed') return;
  }
}

/** Moves what a range holds to another, of the same size, where a like area is (move_page_tables()). */
export function movePages(kernel: Kernel, mm: Mm, from: number, to: number, bytes: number): void {
  const space = kernel.spaces.of(mm.id);
  const source = areaAbove(mm, from)!;
  const distance = (to - from) / PAGE_SIZE;
  for (const { page, held } of [...heldPages(mm.pages, from / PAGE_SIZE, (from + bytes) / PAGE_SIZE)]) {
    if (held !== HELD.PRIVATE) continue;
    const target = page + distance;
    hold(kernel, mm, target, HELD.PRIVATE);
    space.poke(target * PAGE_SIZE, space.peek(page * PAGE_SIZE, PAGE_SIZE));
    setHeld(mm.pages, page, HELD.NONE);
    space.clear(page * PAGE_SIZE, PAGE_SIZE);
  }
  // Copies of shared pages are made again where they are needed.
  zap(kernel, mm, source, from, from + bytes);
}
