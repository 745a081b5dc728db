import { PAGE_SIZE } from '../../machine/state.js';
import type { Kernel } from '../kernel.js';
import type { Mm } from '../state.js';
import { areaAt, PROT } from './areas.js';
import { contentOf, indexIn } from './coherence.js';
import { populate } from './fault.js';
import { HELD, heldAt } from './pages.js';

/**
 * Accesses whatever the program itself may do (access_remote_vm() with FOLL_FORCE): of the loader, a debugger, /proc/PID/mem. A write
 * to what is mapped privately makes a copy, so that a breakpoint is never in the file. Fewer bytes where memory ends.
 */
export function readForced(kernel: Kernel, mm: Mm, address: number, size: number): Uint8Array {
  const parts = pieces(kernel, mm, address, size, false);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  const space = kernel.spaces.of(mm.id);
  for (const { at, length } of parts) bytes.set(space.peek(at, length), at - address);
  return bytes;
}

/** Returns how many bytes were written. */
export function writeForced(kernel: Kernel, mm: Mm, address: number, bytes: Uint8Array): number {
  const space = kernel.spaces.of(mm.id);
  let done = 0;
  for (const { at, length } of pieces(kernel, mm, address, bytes.length, true)) {
    // Another piece may be the same page of a shared file, shown elsewhere: ask again.
    pieces(kernel, mm, at, length, true);
    space.poke(at, bytes.subarray(at - address, at - address + length));
    done += length;
  }
  return done;
}

/** What is there, without touching it: pages stay as they are. Undefined where a part is not mapped. */
export function seeMemory(kernel: Kernel, mm: Mm, address: number, size: number): Uint8Array | undefined {
  const bytes = new Uint8Array(size);
  for (let at = address; at < address + size; ) {
    const page = Math.floor(at / PAGE_SIZE);
    const stop = Math.min(address + size, (page + 1) * PAGE_SIZE);
    const area = areaAt(mm, at);
    if (area === undefined) return undefined;
    const held = heldAt(mm.pages, page);
    const from = at - page * PAGE_SIZE;
    if (held !== HELD.NONE && held !== HELD.STALE)
      bytes.set(kernel.spaces.of(mm.id).peek(at, stop - at), at - address);
    else if (area.object !== undefined)
      bytes.set(
        contentOf(kernel, area.object, indexIn(area, page)).subarray(from, from + stop - at),
        at - address,
      );
    at = stop;
  }
  return bytes;
}

/** The parts of a range by pages, each present. */
function pieces(
  kernel: Kernel,
  mm: Mm,
  address: number,
  size: number,
  writes: boolean,
): { at: number; length: number }[] {
  const found: { at: number; length: number }[] = [];
  const end = address + size;
  for (let at = address; at < end; ) {
    const page = Math.floor(at / PAGE_SIZE);
    const stop = Math.min(end, (page + 1) * PAGE_SIZE);
    const area = areaAt(mm, at);
    if (area === undefined) break;
    // Shared memory that cannot be written cannot be copied either (check_vma_flags()).
    if (writes && area.shared && (area.protection & PROT.WRITE) === 0) break;
    if (populate(kernel, mm, area, page, writes) === 'beyond') break;
    found.push({ at, length: stop - at });
    at = stop;
  }
  return found;
}
