import { PAGE_SIZE } from '../../machine/state.js';
import type { Kernel } from '../kernel.js';
import type { Mm } from '../state.js';
import { roundUp } from './areas.js';
import { charge } from './charge.js';
import { contentOf, zap } from './coherence.js';
import type { MemoryObject } from './object.js';
import { HELD, heldPages } from './pages.js';

/** Memory that can be shared, of zeros. */
export const newObject = (kernel: Kernel, name: string, size = 0): MemoryObject => ({
  id: kernel.state.nextId++,
  size,
  name,
  initial: undefined,
  constant: false,
  pages: new Map(),
});

/** The content of a file of the host. */
export function hostObject(kernel: Kernel, name: string, bytes: Uint8Array): MemoryObject {
  const object = newObject(kernel, name, bytes.length);
  kernel.contents.set(object.id, bytes);
  return { ...object, initial: object.id, constant: true };
}

/** Bytes of an object; fewer at its end. */
export function readObject(kernel: Kernel, object: MemoryObject, offset: number, size: number): Uint8Array {
  const end = Math.min(offset + size, object.size);
  if (end <= offset) return new Uint8Array(0);
  if (object.constant) return kernel.contents.get(object.initial!)!.slice(offset, end);
  const bytes = new Uint8Array(end - offset);
  for (let at = offset; at < end; ) {
    const index = Math.floor(at / PAGE_SIZE);
    const stop = Math.min(end, (index + 1) * PAGE_SIZE);
    const from = at - index * PAGE_SIZE;
    bytes.set(contentOf(kernel, object, index).subarray(from, from + stop - at), at - offset);
    at = stop;
  }
  return bytes;
}

/** Writes into an object, and into every copy that is shown of it. Makes it longer where needed. */
export function writeObject(
  kernel: Kernel,
  mm: Mm | undefined,
  object: MemoryObject,
  offset: number,
  bytes: Uint8Array,
): void {
  for (let done = 0; done < bytes.length; ) {
    const index = Math.floor((offset + done) / PAGE_SIZE);
    const from = offset + done - index * PAGE_SIZE;
    const part = bytes.subarray(done, done + PAGE_SIZE - from);
    let page = object.pages.get(index);
    if (page === undefined) {
      page = { content: contentOf(kernel, object, index), writer: undefined, readers: [] };
      object.pages.set(index, page);
      charge(kernel, mm);
    }
    page.content.set(part, from);
    for (const place of [...page.readers, ...(page.writer === undefined ? [] : [page.writer])])
      kernel.spaces.of(place.mm).poke(place.page * PAGE_SIZE + from, part);
    done += part.length;
  }
  object.size = Math.max(object.size, offset + bytes.length);
}

/** Takes pages away wherever they are shown; with `copies` also what processes made their own of them (unmap_mapping_range()). */
function unmapObject(
  kernel: Kernel,
  object: MemoryObject,
  first: number,
  end: number,
  copies: boolean,
): void {
  for (const mm of kernel.state.mms.values())
    for (const area of mm.areas) {
      if (area.object !== object) continue;
      const base = area.start - area.offset;
      const [start, stop] = [
        Math.max(area.start, base + first * PAGE_SIZE),
        Math.min(area.end, base + end * PAGE_SIZE),
      ];
      for (const { page, held } of [
        ...heldPages(mm.pages, start / PAGE_SIZE, Math.max(start, stop) / PAGE_SIZE),
      ])
        if (copies || held !== HELD.PRIVATE) zap(kernel, mm, area, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    }
}

/** Makes a range read as zeros (FALLOC_FL_PUNCH_HOLE). */
export function punch(kernel: Kernel, object: MemoryObject, start: number, end: number): void {
  const first = Math.ceil(start / PAGE_SIZE);
  const last = Math.floor(end / PAGE_SIZE);
  const { size } = object;
  const zeros = (from: number, to: number): void => {
    if (to > from && object.pages.has(Math.floor(from / PAGE_SIZE)))
      writeObject(kernel, undefined, object, from, new Uint8Array(to - from));
  };
  if (first > last) zeros(start, end);
  else {
    zeros(start, first * PAGE_SIZE);
    zeros(last * PAGE_SIZE, end);
    unmapObject(kernel, object, first, last, false);
    dropPages(kernel, object, first, last);
  }
  object.size = size;
}

function dropPages(kernel: Kernel, object: MemoryObject, first: number, end: number): void {
  for (const index of [...object.pages.keys()])
    if (index >= first && index < end) {
      object.pages.delete(index);
      kernel.state.resident--;
    }
}

/** ftruncate(2): what lies beyond is gone, also from mappings, whose accesses there are SIGBUS. */
export function truncate(kernel: Kernel, object: MemoryObject, size: number): void {
  if (size < object.size) {
    const first = roundUp(size) / PAGE_SIZE;
    unmapObject(kernel, object, first, Number.MAX_SAFE_INTEGER / PAGE_SIZE, true);
    dropPages(kernel, object, first, Number.POSITIVE_INFINITY);
    if (size % PAGE_SIZE !== 0 && object.pages.has(first - 1))
      writeObject(kernel, undefined, object, size, new Uint8Array(first * PAGE_SIZE - size));
  }
  object.size = size;
}
