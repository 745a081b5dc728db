import { PAGE_SIZE } from '../../machine/state.js';
import type { Kernel } from '../kernel.js';
import type { Area, Mm } from '../state.js';
import { areaAt, PROT, permissions } from './areas.js';
import { charge, uncharge } from './charge.js';
import type { MemoryObject, ObjectPage, PagePlace } from './object.js';
import { HELD, type Held, heldAt, heldPages, setHeld } from './pages.js';

/*
 * Shared memory. A WebAssembly memory cannot show one page at two places, so each place has a copy, and page permissions keep the copies
 * alike, as distributed shared memory does (Li and Hudak, Memory coherence in shared virtual memory systems, 1989): one place may write, or
 * several may read. An access that a copy does not allow comes here and moves the right.
 */

/** What a program may do with a page that is held so in such an area. */
export function rightsOf({ protection }: Area, held: Held): number {
  if (held === HELD.NONE || held === HELD.STALE) return 0;
  return held === HELD.READER ? permissions(protection) & ~PROT.WRITE : permissions(protection);
}

/** Notes what a page holds, and lets the program do what follows from that. */
export function hold(kernel: Kernel, mm: Mm, page: number, held: Held): void {
  setHeld(mm.pages, page, held);
  const area = areaAt(mm, page * PAGE_SIZE);
  const rights = area === undefined ? 0 : rightsOf(area, held);
  kernel.spaces.of(mm.id).protect(page * PAGE_SIZE, PAGE_SIZE, rights);
}

/** What a page of an object holds at first. */
function initialContent(kernel: Kernel, object: MemoryObject, index: number): Uint8Array {
  const content = new Uint8Array(PAGE_SIZE);
  if (object.initial !== undefined)
    content.set(kernel.contents.get(object.initial)!.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE));
  return content;
}

/** What a page of an object holds now. Not to be written to. */
export function contentOf(kernel: Kernel, object: MemoryObject, index: number): Uint8Array {
  const page = object.pages.get(index);
  if (page === undefined) return initialContent(kernel, object, index);
  if (page.writer === undefined) return page.content;
  return kernel.spaces.of(page.writer.mm).peek(page.writer.page * PAGE_SIZE, PAGE_SIZE);
}

function pageOf(kernel: Kernel, mm: Mm | undefined, object: MemoryObject, index: number): ObjectPage {
  let page = object.pages.get(index);
  if (page === undefined) {
    page = { content: initialContent(kernel, object, index), writer: undefined, readers: [] };
    object.pages.set(index, page);
    charge(kernel, mm);
  }
  return page;
}

const mmOf = (kernel: Kernel, place: PagePlace): Mm => kernel.state.mms.get(place.mm)!;
const isAt = (place: PagePlace | undefined, mm: Mm, page: number): boolean =>
  place?.mm === mm.id && place.page === page;

/** Makes `content` the truth: who wrote is now one of the readers. */
function settle(kernel: Kernel, page: ObjectPage): void {
  const { writer } = page;
  if (writer === undefined) return;
  page.content.set(kernel.spaces.of(writer.mm).peek(writer.page * PAGE_SIZE, PAGE_SIZE));
  page.writer = undefined;
  page.readers.push(writer);
  hold(kernel, mmOf(kernel, writer), writer.page, HELD.READER);
}

/** Shows a page of an object at a place, to be read there, or to be written there and nowhere else. */
export function show(
  kernel: Kernel,
  mm: Mm,
  page: number,
  object: MemoryObject,
  index: number,
  how: 'read' | 'write',
): void {
  const space = kernel.spaces.of(mm.id);
  if (heldAt(mm.pages, page) === HELD.NONE) charge(kernel, mm);
  if (object.constant) {
    hold(kernel, mm, page, HELD.READER);
    space.poke(page * PAGE_SIZE, initialContent(kernel, object, index));
    return;
  }
  const shared = pageOf(kernel, mm, object, index);
  if (isAt(shared.writer, mm, page)) {
    hold(kernel, mm, page, HELD.WRITER);
    return;
  }
  settle(kernel, shared);
  const known = shared.readers.some((place) => isAt(place, mm, page));
  if (how === 'read') {
    hold(kernel, mm, page, HELD.READER);
    if (!known) shared.readers.push({ mm: mm.id, page });
  } else {
    for (const place of shared.readers)
      if (!isAt(place, mm, page)) hold(kernel, mmOf(kernel, place), place.page, HELD.STALE);
    shared.readers = [];
    shared.writer = { mm: mm.id, page };
    hold(kernel, mm, page, HELD.WRITER);
  }
  if (!known) space.poke(page * PAGE_SIZE, shared.content);
}

/** Does no other place show this page? */
export const isUnshown = (object: MemoryObject, index: number): boolean => {
  const page = object.pages.get(index);
  return page === undefined || (page.writer === undefined && page.readers.length === 0);
};

/** A place no longer shows a page; what it wrote is kept. */
function leave(kernel: Kernel, mm: Mm, page: number, object: MemoryObject, index: number): void {
  const shared = object.pages.get(index);
  if (shared === undefined) return;
  if (isAt(shared.writer, mm, page)) settle(kernel, shared);
  shared.readers = shared.readers.filter((place) => !isAt(place, mm, page));
}

/** The page of its object that an area shows at a page of the address space. */
export const indexIn = (area: Area, page: number): number =>
  page - area.start / PAGE_SIZE + area.offset / PAGE_SIZE;

/** Gives the process a content of its own (copy on write). */
export function own(kernel: Kernel, mm: Mm, area: Area, page: number): void {
  const { object } = area;
  const before = heldAt(mm.pages, page);
  const known = before === HELD.READER;
  const index = indexIn(area, page);
  const content = object === undefined || known ? undefined : contentOf(kernel, object, index).slice();
  if (object !== undefined && known) leave(kernel, mm, page, object, index);
  hold(kernel, mm, page, HELD.PRIVATE);
  if (content !== undefined) kernel.spaces.of(mm.id).poke(page * PAGE_SIZE, content);
  if (before === HELD.NONE) charge(kernel, mm);
}

/** Takes pages away that lie in one area (zap_page_range()): they hold nothing, and read as zeros or as the object does. */
export function zap(kernel: Kernel, mm: Mm, area: Area, start: number, end: number): void {
  const space = kernel.spaces.of(mm.id);
  let first = 0;
  let next = 0;
  for (const page of leavePages(kernel, mm, area, start, end)) {
    setHeld(mm.pages, page, HELD.NONE);
    if (page !== next) {
      if (next > first) space.clear(first * PAGE_SIZE, (next - first) * PAGE_SIZE);
      first = page;
    }
    next = page + 1;
  }
  if (next > first) space.clear(first * PAGE_SIZE, (next - first) * PAGE_SIZE);
}

/** The same for an address space that is given up: nobody will look at its pages again. */
export function leaveArea(kernel: Kernel, mm: Mm, area: Area): void {
  for (const _ of leavePages(kernel, mm, area, area.start, area.end));
}

/** Pages that hold something, each when others no longer count on it. */
function* leavePages(kernel: Kernel, mm: Mm, area: Area, start: number, end: number): Generator<number> {
  for (const { page, held } of heldPages(mm.pages, start / PAGE_SIZE, end / PAGE_SIZE)) {
    if (area.object !== undefined && (held === HELD.READER || held === HELD.WRITER))
      leave(kernel, mm, page, area.object, indexIn(area, page));
    uncharge(kernel);
    yield page;
  }
}
