import { GUEST_END, PAGE_SIZE } from '../../machine/state.js';
import { Errno } from '../errno.js';
import { fileOf } from '../files/table.js';
import {
  areaAt,
  freeRange,
  LAYOUT,
  mapArea,
  protectRange,
  roundUp,
  unmapRange,
  within,
} from '../mm/areas.js';
import type { Task } from '../state.js';
import { type Call, type Calls, int, size } from './call.js';

const MAP = {
  SHARED: 1,
  PRIVATE: 2,
  TYPE: 15,
  FIXED: 0x10,
  ANONYMOUS: 0x20,
  GROWSDOWN: 0x100,
  FIXED_NOREPLACE: 0x10_0000,
} as const;

/** A range of pages that programs can have. EINVAL, ENOMEM. */
function pages(address: bigint, length: bigint): { start: number; end: number } {
  if (address % BigInt(PAGE_SIZE) !== 0n) throw new Errno('EINVAL');
  if (address + length > BigInt(GUEST_END)) throw new Errno('ENOMEM');
  return { start: Number(address), end: Number(address) + roundUp(Number(length)) };
}

function content(
  task: Task,
  fd: number,
  offset: number,
  length: number,
): { bytes: Uint8Array; path: string } {
  const { inode } = fileOf(task, fd);
  if (inode.kind === 'text')
    return { bytes: inode.content.subarray(offset, offset + length), path: inode.path };
  if (inode.kind === 'zero') return { bytes: new Uint8Array(0), path: inode.path };
  throw new Errno('ENODEV');
}

function mmap({ kernel, task, arguments: args }: Call): number {
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
  if (length === 0n) throw new Errno('EINVAL');
  if (length > BigInt(GUEST_END)) throw new Errno('ENOMEM');
  if (offset % BigInt(PAGE_SIZE) !== 0n || ![1, 2, 3].includes(how & MAP.TYPE)) throw new Errno('EINVAL');
  const bytes = roundUp(size(length));
  const file = (how & MAP.ANONYMOUS) === 0 ? content(task, int(fd), size(offset), size(length)) : undefined;
  const fixed = (how & (MAP.FIXED | MAP.FIXED_NOREPLACE)) !== 0;
  let start: number;
  if (fixed) {
    start = pages(address, length).start;
    const taken = within(mm, start, start + bytes).length > 0;
    if ((how & MAP.FIXED_NOREPLACE) !== 0 && taken) throw new Errno('EEXIST');
    unmapRange(kernel, mm, start, start + bytes);
  } else {
    const hint =
      address % BigInt(PAGE_SIZE) === 0n && address + length <= BigInt(LAYOUT.mmapTop) ? Number(address) : 0;
    const free =
      hint >= LAYOUT.lowest && !mm.areas.some((area) => area.start < hint + bytes && area.end > hint);
    start = free ? hint : freeRange(mm, bytes);
  }
  mapArea(kernel, mm, {
    start,
    end: start + bytes,
    protection: int(protection) & 7,
    shared: (how & MAP.TYPE) !== MAP.PRIVATE,
    name: file?.path ?? '',
    offset: size(offset),
    growsDown: false,
  });
  if (file !== undefined && file.bytes.length > 0) kernel.spaces.of(mm.id).poke(start, file.bytes);
  return start;
}

function brk({ kernel, task, arguments: [wanted] }: Call): number {
  const { mm } = task;
  const address = size(wanted);
  if (address < mm.brkStart || address > LAYOUT.mmapTop) return mm.brk;
  const [before, after] = [roundUp(mm.brk), roundUp(address)];
  if (after > before) {
    if (mm.areas.some((area) => area.start < after && area.end > before)) return mm.brk;
    const heap = mm.areas.find(({ name, end }) => name === '[heap]' && end === before);
    mapArea(kernel, mm, {
      start: before,
      end: after,
      protection: 3,
      shared: false,
      name: '[heap]',
      offset: 0,
      growsDown: false,
    });
    if (heap !== undefined) {
      const added = mm.areas.find(({ start }) => start === before)!;
      mm.areas = mm.areas.filter((area) => area !== added);
      heap.end = after;
    }
  } else if (after < before) unmapRange(kernel, mm, after, before);
  mm.brk = address;
  return address;
}

const MREMAP_MAYMOVE = 1;
const MREMAP_FIXED = 2;

function mremap({ kernel, task, arguments: args }: Call): number {
  const [address, oldLength, newLength, flags, fixed] = args as [bigint, bigint, bigint, bigint, bigint];
  const { mm } = task;
  const { start, end } = pages(address, oldLength);
  const bytes = roundUp(size(newLength));
  if (bytes === 0) throw new Errno('EINVAL');
  const area = areaAt(mm, start);
  if (area === undefined || area.end < end) throw new Errno('EFAULT');
  if (start + bytes <= end) {
    unmapRange(kernel, mm, start + bytes, end);
    return start;
  }
  const machine = kernel.spaces.of(mm.id);
  const canGrow =
    !mm.areas.some((each) => each.start < start + bytes && each.start >= end) &&
    start + bytes <= LAYOUT.mmapTop;
  const rest = {
    protection: area.protection,
    shared: area.shared,
    name: area.name,
    offset: area.offset,
    growsDown: false,
  };
  if (canGrow && area.end === end && (int(flags) & MREMAP_FIXED) === 0) {
    mapArea(kernel, mm, {
      ...rest,
      start: end,
      end: start + bytes,
      offset: area.offset + (end - area.start),
    });
    return start;
  }
  if ((int(flags) & MREMAP_MAYMOVE) === 0) throw new Errno('ENOMEM');
  const to = (int(flags) & MREMAP_FIXED) !== 0 ? pages(fixed, newLength).start : freeRange(mm, bytes);
  unmapRange(kernel, mm, to, to + bytes);
  const old = machine.peek(start, end - start);
  mapArea(kernel, mm, { ...rest, start: to, end: to + bytes });
  machine.poke(to, old);
  unmapRange(kernel, mm, start, end);
  return to;
}

const MADV = { DONTNEED: 4, FREE: 8 } as const;

export const MEMORY: Calls = {
  mmap,
  brk,
  mremap,
  munmap: ({ kernel, task, arguments: [address, length] }) => {
    if (length === 0n) throw new Errno('EINVAL');
    const { start, end } = pages(address!, length!);
    unmapRange(kernel, task.mm, start, end);
    return 0;
  },
  mprotect: ({ kernel, task, arguments: [address, length, protection] }) => {
    const { start, end } = pages(address!, length!);
    protectRange(kernel, task.mm, start, end, int(protection) & 7);
    return 0;
  },
  madvise: ({ kernel, task, arguments: [address, length, advice] }) => {
    const { start, end } = pages(address!, length!);
    if (int(advice) !== MADV.DONTNEED && int(advice) !== MADV.FREE) return 0;
    for (const area of within(task.mm, start, end)) {
      if (area.shared || area.name.startsWith('/')) continue;
      const machine = kernel.spaces.of(task.mm.id);
      machine.unmap(area.start, area.end - area.start);
      machine.protect(area.start, area.end - area.start, area.protection === 0 ? 0 : area.protection | 1);
    }
    return 0;
  },
  msync: () => 0,
  mlock: () => 0,
  munlock: () => 0,
  mlockall: () => 0,
  munlockall: () => 0,
};
