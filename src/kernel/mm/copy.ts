import { MOST_MACHINES } from '../../machine/pool.js';
import { PAGE_SIZE } from '../../machine/state.js';
import type { Kernel } from '../kernel.js';
import type { Mm } from '../state.js';
import { charge } from './charge.js';
import { hold } from './coherence.js';
import { newMm } from './map.js';
import { HELD, heldPages } from './pages.js';

/** What a fork bomb meets: EAGAIN, as at RLIMIT_NPROC. Each address space is a WebAssembly memory. */
export const maxProcesses = { tasks: 4096, spaces: Math.min(64, MOST_MACHINES) } as const;

/** fork(2): an address space of its own with the same content (dup_mmap()). Shared pages are shown to it when it asks for them. */
export function copyMm(kernel: Kernel, mm: Mm): Mm {
  const made = newMm(kernel, mm.fold);
  const copy: Mm = {
    ...mm,
    id: made.id,
    users: 1,
    areas: [],
    pages: made.pages,
    lockFuture: false,
    outOfMemory: false,
    auxv: mm.auxv.slice(),
  };
  kernel.state.mms.set(copy.id, copy);
  const [from, to] = [kernel.spaces.of(mm.id), kernel.spaces.of(copy.id)];
  for (const area of mm.areas) {
    if (area.dontFork) continue;
    copy.areas.push({ ...area, locked: false });
    if (area.wipeOnFork) continue;
    for (const { page, held } of heldPages(mm.pages, area.start / PAGE_SIZE, area.end / PAGE_SIZE)) {
      if (held !== HELD.PRIVATE) continue;
      hold(kernel, copy, page, HELD.PRIVATE);
      to.poke(page * PAGE_SIZE, from.peek(page * PAGE_SIZE, PAGE_SIZE));
      charge(kernel, mm);
    }
  }
  return copy;
}
