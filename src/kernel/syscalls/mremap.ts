import { PAGE_SIZE } from '../../machine/state.js';
import { Errno } from '../errno.js';
import {
  areaAt,
  endOf,
  freeRange,
  insertArea,
  isFree,
  isRoom,
  LAYOUT,
  roundUp,
  within,
} from '../mm/areas.js';
import { mapArea, movePages, unmapRange } from '../mm/map.js';
import type { Area } from '../state.js';
import { type Call, int, size } from './call.js';
import { mayGrow } from './ranges.js';

const MREMAP = { MAYMOVE: 1, FIXED: 2, DONTUNMAP: 4 } as const;

/** mm/mremap.c: makes a mapping smaller or larger where it is, or moves it. */
export function mremap(call: Call): number {
  const { task, arguments: args } = call;
  const [address, oldLength, newLength, flags, fixed] = args as [bigint, bigint, bigint, bigint, bigint];
  const { mm } = task;
  const how = int(flags);
  if ((how & ~7) !== 0 || address % BigInt(PAGE_SIZE) !== 0n) throw new Errno('EINVAL');
  if ((how & (MREMAP.FIXED | MREMAP.DONTUNMAP)) !== 0 && (how & MREMAP.MAYMOVE) === 0)
    throw new Errno('EINVAL');
  if (newLength === 0n) throw new Errno('EINVAL');
  const most = BigInt(endOf(mm));
  if (newLength > most) throw new Errno('ENOMEM');
  if (address >= most || oldLength > most) throw new Errno('EFAULT');
  const [start, oldBytes, newBytes] = [size(address), roundUp(size(oldLength)), roundUp(size(newLength))];
  if ((how & MREMAP.DONTUNMAP) !== 0 && oldBytes !== newBytes) throw new Errno('EINVAL');
  const area = areaAt(mm, start);
  if (area === undefined) throw new Errno('EFAULT');
  if (oldBytes === 0 && !area.shared) throw new Errno('EINVAL');
  if (start + oldBytes > area.end) throw new Errno('EFAULT');
  if ((how & MREMAP.DONTUNMAP) !== 0 && area.object !== undefined) throw new Errno('EINVAL');
  if ((how & (MREMAP.FIXED | MREMAP.DONTUNMAP)) === 0) {
    if (newBytes <= oldBytes) {
      if (newBytes < oldBytes) unmapRange(call.kernel, mm, start + newBytes, start + oldBytes);
      return start;
    }
    if (growInPlace(call, area, start, oldBytes, newBytes)) return start;
    if ((how & MREMAP.MAYMOVE) === 0) throw new Errno('ENOMEM');
  }
  return move(call, { start, oldBytes, newBytes, how, fixed });
}

function growInPlace(call: Call, area: Area, start: number, oldBytes: number, newBytes: number): boolean {
  const { mm } = call.task;
  const [end, newEnd] = [start + oldBytes, start + newBytes];
  if (
    area.end !== end ||
    oldBytes === 0 ||
    newEnd > (mm.fold === undefined ? LAYOUT.stackTop : endOf(mm)) ||
    !isFree(mm, end, newEnd)
  )
    return false;
  if (!mayGrow(call.task, newEnd - end)) throw new Errno('ENOMEM');
  const offset = area.object === undefined ? 0 : area.offset + (end - area.start);
  insertArea(mm, { ...area, start: end, end: newEnd, offset });
  return true;
}

function move(
  call: Call,
  {
    start,
    oldBytes,
    newBytes,
    how,
    fixed,
  }: { start: number; oldBytes: number; newBytes: number; how: number; fixed: bigint },
): number {
  const { kernel, task } = call;
  const { mm } = task;
  const isFixed = (how & MREMAP.FIXED) !== 0;
  const keeps = (how & MREMAP.DONTUNMAP) !== 0;
  if (isFixed) {
    if (fixed % BigInt(PAGE_SIZE) !== 0n || fixed + BigInt(newBytes) > BigInt(endOf(mm)))
      throw new Errno('EINVAL');
    if (fixed < BigInt(LAYOUT.lowest)) throw new Errno('EPERM');
    const to = Number(fixed);
    if (start + oldBytes > to && to + newBytes > start) throw new Errno('EINVAL');
    if (!isRoom(mm, to, to + newBytes)) throw new Errno('ENOMEM');
    unmapRange(kernel, mm, to, to + newBytes);
  }
  const kept = Math.min(oldBytes, newBytes);
  if (newBytes < oldBytes) unmapRange(kernel, mm, start + newBytes, start + oldBytes);
  if (!mayGrow(task, newBytes)) throw new Errno('ENOMEM');
  const to = isFixed ? Number(fixed) : freeRange(mm, newBytes);
  const [source] = kept === 0 ? [areaAt(mm, start)!] : within(mm, start, start + kept);
  const offset = source!.object === undefined ? 0 : source!.offset + (start - source!.start);
  mapArea(kernel, mm, { ...source!, start: to, end: to + newBytes, offset, growsDown: false });
  movePages(kernel, mm, start, to, kept);
  if (!keeps && kept > 0) unmapRange(kernel, mm, start, start + kept);
  return to;
}
