import { PAGE_SIZE } from '../../machine/state.js';
import { Errno } from '../errno.js';
import { O } from '../files/flags.js';
import { fileOf } from '../files/table.js';
import type { Kernel } from '../kernel.js';
import {
  areaAbove,
  endOf,
  freeRange,
  isFree,
  isMapped,
  isRoom,
  LAYOUT,
  newArea,
  overlaps,
  PROT,
  roundUp,
  touching,
} from '../mm/areas.js';
import { changeAreas, mapArea, populateRange, protectRange, unmapRange } from '../mm/map.js';
import type { MemoryObject } from '../mm/object.js';
import { newObject } from '../mm/objects.js';
import { HELD, heldAt } from '../mm/pages.js';
import type { Area, Mm } from '../state.js';
import { type Call, type Calls, int } from './call.js';
import { mremap } from './mremap.js';
import { mayGrow, pageRange, pageUp, RLIMIT } from './ranges.js';

const MAP = {
  SHARED: 1,
  PRIVATE: 2,
  SHARED_VALIDATE: 3,
  TYPE: 15,
  FIXED: 0x10,
  ANONYMOUS: 0x20,
  GROWSDOWN: 0x100,
  LOCKED: 0x2000,
  POPULATE: 0x8000,
  NONBLOCK: 0x1_0000,
  HUGETLB: 0x4_0000,
  FIXED_NOREPLACE: 0x10_0000,
} as const;
/**
 * What MAP_SHARED_VALIDATE knows (LEGACY_MAP_MASK in include/linux/mman.h): the above, and 32BIT, ABOVE4G, DENYWRITE, EXECUTABLE, NORESERVE,
 * STACK, UNINITIALIZED, the sizes of huge pages.
 */
const VALIDATED = 0x7c07_f9f3;

/** Where a new mapping goes (get_unmapped_area()). */
function place({ arch: { taskSize } }: Kernel, mm: Mm, address: bigint, bytes: bigint, how: number): number {
  const fixed = (how & (MAP.FIXED | MAP.FIXED_NOREPLACE)) !== 0;
  if (bytes > taskSize) throw new Errno('ENOMEM');
  if (fixed) {
    if (address > taskSize - bytes) throw new Errno('ENOMEM');
    if (address % BigInt(PAGE_SIZE) !== 0n) throw new Errno('EINVAL');
    // The simulated processor has 4 GiB.
    const end = address + bytes;
    if (end > BigInt(endOf(mm)) || !isRoom(mm, Number(address), Number(end))) throw new Errno('ENOMEM');
    return Number(address);
  }
  const hint = Number(pageUp(address));
  const size = Number(bytes);
  if (hint >= LAYOUT.lowest && hint + size <= endOf(mm) && isFree(mm, hint, hint + size)) return hint;
  return freeRange(mm, size);
}

interface Backing {
  readonly object: MemoryObject | undefined;
  readonly shared: boolean;
  readonly allowed: number;
}

/** What is shown, and what may be done with it, or why not (do_mmap()). */
function backing(call: Call, how: number, protection: number, fd: number, bytes: number): Backing {
  const { kernel, task } = call;
  const type = how & MAP.TYPE;
  if ((how & MAP.ANONYMOUS) !== 0) {
    if ((how & MAP.HUGETLB) !== 0) throw new Errno('ENOMEM');
    if (type === MAP.PRIVATE) return { object: undefined, shared: false, allowed: 7 };
    if (type !== MAP.SHARED || (how & MAP.GROWSDOWN) !== 0) throw new Errno('EINVAL');
    return { object: newObject(kernel, '/dev/zero (deleted)', bytes), shared: true, allowed: 7 };
  }
  const { inode, flags } = fileOf(task, fd);
  const mode = flags & O.ACCMODE;
  if ((flags & O.PATH) !== 0) throw new Errno('EBADF');
  if ((how & MAP.HUGETLB) !== 0) throw new Errno('EINVAL');
  if (type === MAP.SHARED_VALIDATE && (how & ~VALIDATED) !== 0) throw new Errno('EOPNOTSUPP');
  if (![MAP.SHARED, MAP.PRIVATE, MAP.SHARED_VALIDATE].includes(type as 1)) throw new Errno('EINVAL');
  const shared = type !== MAP.PRIVATE;
  if (shared && (protection & PROT.WRITE) !== 0 && mode !== O.RDWR) throw new Errno('EACCES');
  if (mode === O.WRONLY) throw new Errno('EACCES');
  if (inode.kind !== 'regular' && inode.kind !== 'zero') throw new Errno('ENODEV');
  if ((how & MAP.GROWSDOWN) !== 0) throw new Errno('EINVAL');
  const allowed = shared && mode !== O.RDWR ? 5 : 7;
  if (inode.kind === 'regular') return { object: inode.object, shared, allowed };
  return { object: shared ? newObject(kernel, '/dev/zero (deleted)', bytes) : undefined, shared, allowed };
}

function mmap(call: Call): number {
  const { kernel, task, arguments: args } = call;
  const [address, length, protection, flags, fd, offset] = args as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  const { mm } = task;
  const how = int(flags);
  const rights = int(protection) & 7;
  if (offset % BigInt(PAGE_SIZE) !== 0n) throw new Errno('EINVAL');
  if ((how & MAP.ANONYMOUS) === 0) fileOf(task, int(fd));
  if (length === 0n) throw new Errno('EINVAL');
  const bytes = pageUp(length);
  if (bytes === 0n) throw new Errno('ENOMEM');
  if (offset + bytes > (1n << 63n) - 1n && (how & MAP.ANONYMOUS) === 0) throw new Errno('EOVERFLOW');
  const start = place(kernel, mm, address, bytes, how);
  const end = start + Number(bytes);
  if ((how & MAP.FIXED_NOREPLACE) !== 0 && overlaps(mm, start, end)) throw new Errno('EEXIST');
  const { object, shared, allowed } = backing(call, how, rights, int(fd), Number(bytes));
  // Nobody maps below vm.mmap_min_addr, root neither: the machine's own state is there.
  if (start < LAYOUT.lowest) throw new Errno('EPERM');
  if (!mayGrow(task, Number(bytes))) throw new Errno('ENOMEM');
  const locked = (how & MAP.LOCKED) !== 0 || mm.lockFuture;
  mapArea(
    kernel,
    mm,
    newArea({ start, end }, rights, {
      allowed,
      shared,
      object,
      offset: object === undefined || (how & MAP.ANONYMOUS) !== 0 ? 0 : Number(offset),
      growsDown: (how & MAP.GROWSDOWN) !== 0 && object === undefined,
      locked,
    }),
  );
  const populates = (how & (MAP.POPULATE | MAP.NONBLOCK)) === MAP.POPULATE;
  if (locked || populates) populateRange(kernel, mm, start, end);
  return start;
}

/** brk(2) says where the break is, whether or not it could be moved. */
function brk({ kernel, task, arguments: [wanted] }: Call): number {
  const { mm } = task;
  if (wanted! < BigInt(mm.brkStart) || wanted! > BigInt(mm.fold === undefined ? LAYOUT.mmapTop : endOf(mm)))
    return mm.brk;
  const address = Number(wanted!);
  const [before, after] = [roundUp(mm.brk), roundUp(address)];
  const limit = task.process.limits.get(RLIMIT.DATA)?.[0];
  if (limit !== undefined && BigInt(address - mm.brkStart) > limit) return mm.brk;
  if (after > before) {
    if (!isFree(mm, before, after + PAGE_SIZE) || !mayGrow(task, after - before)) return mm.brk;
    mapArea(kernel, mm, newArea({ start: before, end: after }, 3, { locked: mm.lockFuture }));
    if (mm.lockFuture) populateRange(kernel, mm, before, after);
  } else if (after < before) unmapRange(kernel, mm, after, before);
  mm.brk = address;
  return address;
}

const PROT_GROWSDOWN = 0x0100_0000;
const PROT_GROWSUP = 0x0200_0000;
const PROT_SEM = 8;

function mprotect({ kernel, task, arguments: [address, length, protection] }: Call): number {
  const { mm } = task;
  const grows = int(protection) & (PROT_GROWSDOWN | PROT_GROWSUP);
  const rights = int(protection) & ~grows;
  if (grows === (PROT_GROWSDOWN | PROT_GROWSUP)) throw new Errno('EINVAL');
  const { start, end } = pageRange(address!, length!, 'ENOMEM');
  if (end === start) return 0;
  if ((rights & ~(7 | PROT_SEM)) !== 0) throw new Errno('EINVAL');
  const area = areaAbove(mm, start);
  if (area === undefined) throw new Errno('ENOMEM');
  if (grows === PROT_GROWSUP) throw new Errno('EINVAL');
  if (grows === 0) {
    protectRange(kernel, mm, start, end, rights & 7);
    return 0;
  }
  if (area.start >= end) throw new Errno('ENOMEM');
  if (!area.growsDown) throw new Errno('EINVAL');
  protectRange(kernel, mm, area.start, end, rights & 7);
  return 0;
}

/** What of a page's state mincore(2) shows: present in memory, whoever brought it there. */
function isPresent(mm: Mm, area: Area, page: number): boolean {
  const held = heldAt(mm.pages, page);
  if (held === HELD.PRIVATE) return true;
  if (area.object === undefined) return false;
  const index = page - area.start / PAGE_SIZE + area.offset / PAGE_SIZE;
  return area.object.initial === undefined
    ? area.object.pages.has(index)
    : index * PAGE_SIZE < area.object.size;
}

function mincore({ kernel, task, memory, arguments: [address, length, vector] }: Call): number {
  if (address! % BigInt(PAGE_SIZE) !== 0n) throw new Errno('EINVAL');
  if (address! + length! > kernel.arch.taskSize) throw new Errno('ENOMEM');
  const { start, end } = pageRange(address!, length!, 'ENOMEM');
  const bytes: number[] = [];
  for (const area of touching(task.mm, start, end)) {
    if (area.start > start + bytes.length * PAGE_SIZE) break;
    const stop = Math.min(end, area.end) / PAGE_SIZE;
    for (let page = Math.max(start, area.start) / PAGE_SIZE; page < stop; page++)
      bytes.push(Number(isPresent(task.mm, area, page)));
  }
  memory.write(vector!, Uint8Array.from(bytes));
  // What is before a hole is told all the same.
  if (start + bytes.length * PAGE_SIZE < end) throw new Errno('ENOMEM');
  return 0;
}

const MS = { ASYNC: 1, INVALIDATE: 2, SYNC: 4 } as const;

function msync({ task, arguments: [address, length, flags] }: Call): number {
  const how = int(flags);
  if ((how & ~7) !== 0 || (how & (MS.ASYNC | MS.SYNC)) === (MS.ASYNC | MS.SYNC)) throw new Errno('EINVAL');
  const { start, end } = pageRange(address!, length!, 'ENOMEM');
  if (!isMapped(task.mm, start, end)) throw new Errno('ENOMEM');
  if ((how & MS.INVALIDATE) !== 0 && touching(task.mm, start, end).some(({ locked }) => locked))
    throw new Errno('EBUSY');
  return 0;
}

/** mlock(2) and munlock(2) take any address, and lock the pages that a range touches. */
function lock({ kernel, task, arguments: [address, length] }: Call, locked: boolean, fill: boolean): number {
  const first = address! & ~4095n;
  const bytes = pageUp(length! + (address! & 4095n));
  if (BigInt.asUintN(64, first + bytes) < first) throw new Errno('EINVAL');
  if (bytes === 0n) return 0;
  const [start, end] = [Number(first), Number(first + bytes)];
  changeAreas(task.mm, start, end, (area) => {
    area.locked = locked;
  });
  if (fill) populateRange(kernel, task.mm, start, end);
  return 0;
}

const MCL = { CURRENT: 1, FUTURE: 2, ONFAULT: 4 } as const;

export const MEMORY: Calls = {
  mmap,
  brk,
  mremap,
  munmap: ({ kernel, task, arguments: [address, length] }) => {
    const { taskSize } = kernel.arch;
    if (address! % BigInt(PAGE_SIZE) !== 0n || address! > taskSize || length! > taskSize - address!)
      throw new Errno('EINVAL');
    const { start, end } = pageRange(address!, length!, 'EINVAL');
    if (end === start) throw new Errno('EINVAL');
    unmapRange(kernel, task.mm, start, end);
    return 0;
  },
  mprotect,
  mincore,
  msync,
  mlock: (call) => lock(call, true, true),
  mlock2: (call) => {
    if ((int(call.arguments[2]) & ~1) !== 0) throw new Errno('EINVAL');
    return lock(call, true, int(call.arguments[2]) === 0);
  },
  munlock: (call) => lock(call, false, false),
  mlockall: ({ kernel, task: { mm }, arguments: [flags] }) => {
    const how = int(flags);
    if (how === 0 || (how & ~7) !== 0 || how === MCL.ONFAULT) throw new Errno('EINVAL');
    mm.lockFuture = (how & MCL.FUTURE) !== 0;
    if ((how & MCL.CURRENT) === 0) return 0;
    for (const area of mm.areas) area.locked = true;
    if ((how & MCL.ONFAULT) === 0) populateRange(kernel, mm, 0, endOf(mm));
    return 0;
  },
  munlockall: ({ task: { mm } }) => {
    mm.lockFuture = false;
    for (const area of mm.areas) area.locked = false;
    return 0;
  },
};
