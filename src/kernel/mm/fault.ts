import { PAGE_SIZE } from '../../machine/state.js';
import type { Kernel } from '../kernel.js';
import type { Area, Mm } from '../state.js';
import {
  areaAbove,
  areaAt,
  areaBelow,
  endOf,
  isRoom,
  LAYOUT,
  mergeAround,
  PROT,
  permissions,
  roundDown,
} from './areas.js';
import { hold, indexIn, isUnshown, own, show } from './coherence.js';
import { HELD, heldAt } from './pages.js';

export type Access = 'read' | 'write' | 'execute';

/**
 * What becomes of an access that a page did not allow.
 * Legend:
 *   done        it is allowed now
 *   unmapped    SIGSEGV, SEGV_MAPERR
 *   forbidden   SIGSEGV, SEGV_ACCERR
 *   beyond      behind the end of a mapped file: SIGBUS, BUS_ADRERR
 *   killed      there was no memory for it
 */
export type FaultOutcome = 'done' | 'unmapped' | 'forbidden' | 'beyond' | 'killed';

const WANTED = { read: PROT.READ, write: PROT.WRITE, execute: PROT.EXEC } as const;

/** handle_mm_fault(): lets the access through where the address space's map says so. */
export function resolveFault(kernel: Kernel, mm: Mm, address: bigint, access: Access): FaultOutcome {
  if (address >= BigInt(endOf(mm))) return 'unmapped';
  const at = Number(address);
  const area = areaAt(mm, at) ?? growStack(kernel, mm, at);
  if (area === undefined) return 'unmapped';
  if ((permissions(area.protection) & WANTED[access]) === 0) return 'forbidden';
  return populate(kernel, mm, area, Math.floor(at / PAGE_SIZE), access === 'write');
}

/** Makes a page of an area present, whatever its permissions. */
export function populate(
  kernel: Kernel,
  mm: Mm,
  area: Area,
  page: number,
  writes: boolean,
): 'done' | 'beyond' | 'killed' {
  const { object } = area;
  const held = heldAt(mm.pages, page);
  if (held === HELD.PRIVATE) hold(kernel, mm, page, held);
  else if (object === undefined) own(kernel, mm, area, page);
  else {
    const index = indexIn(area, page);
    if (index * PAGE_SIZE >= object.size) return 'beyond';
    if (writes && !area.shared) own(kernel, mm, area, page);
    else {
      const alone = area.shared && (area.protection & PROT.WRITE) !== 0 && isUnshown(object, index);
      show(kernel, mm, page, object, index, writes || alone ? 'write' : 'read');
    }
  }
  return mm.outOfMemory ? 'killed' : 'done';
}

const RLIMIT_STACK = 3;

/** expand_stack(): an access below an area that grows down makes it larger, up to RLIMIT_STACK and not too near to what lies below. */
export function growStack(kernel: Kernel, mm: Mm, address: number): Area | undefined {
  const area = areaAbove(mm, address);
  if (area?.growsDown !== true || address < LAYOUT.lowest) return undefined;
  const start = roundDown(address);
  const owner = [...kernel.state.tasks.values()].find((task) => task.mm === mm)?.process;
  const limit = owner?.limits.get(RLIMIT_STACK)?.[0];
  if (limit !== undefined && BigInt(area.end - start) > limit) return undefined;
  const below = areaBelow(mm, area);
  const near = below !== undefined && start - below.end < LAYOUT.stackGap;
  if (near && (below.end > start || (!below.growsDown && below.protection !== 0))) return undefined;
  if (!isRoom(mm, start, area.start)) return undefined;
  area.offset -= area.object === undefined ? 0 : area.start - start;
  area.start = start;
  mergeAround(mm, area.start, area.end);
  return areaAt(mm, address);
}

/** From now on the machines ask this kernel about pages that they do not have. */
export function serveFaults(kernel: Kernel): void {
  kernel.spaces.onMissing = (id, address, access) => {
    const mm = kernel.state.mms.get(id);
    return mm !== undefined && resolveFault(kernel, mm, BigInt(address), access) === 'done';
  };
}
