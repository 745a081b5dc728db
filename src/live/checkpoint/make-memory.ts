/** The memory of an image, in a process that is to become it: everything that the process had goes, but for one page of ours. */
import { closeSync, openSync } from 'node:fs';
import { release } from 'node:os';
import { hex } from '../../abi/address.js';
import type { OpenImage, StoredBlock } from '../../checkpoint/codec.js';
import type { MapImage, PieceImage, SharedImage } from '../../checkpoint/image.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { type InThread, withBytes } from '../../linux/inject.js';
import { call as callHere } from '../../linux/libc.js';
import { readForced, writeForced, writeMemory, writePieces } from '../../linux/memory.js';
import { mapsOf } from '../../linux/procfs.js';
import { highDescriptor, type ObjectDescriptors, openIn, textBytes } from './make-descriptors.js';
import { ADVICE, KERNEL_MAPS } from './maps.js';
import { unpacked } from './open.js';
import { Unsupported } from './refusal.js';

const MAP = { SHARED: 1, PRIVATE: 2, ANONYMOUS: 0x20, GROWSDOWN: 0x100, FIXED_NOREPLACE: 0x10_0000 } as const;
const PROT = { READ: 1, WRITE: 2, EXEC: 4 } as const;
const MREMAP_MAYMOVE_FIXED = 3;
/** The vDSO waits here while its place is made free: far from everything that programs have. */
const ASIDE = 0x0100_0000_0000n;
const O_RDWR = 2;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const PR_SET_VMA = 0x53564d41;

/** `keep`: where our page is. Throws Unsupported, SystemError. */
export function makeMemory(pid: number, call: InThread, open: OpenImage, keep: bigint): ObjectDescriptors {
  const { image } = open;
  // Descriptors that whoever started us has left open are none of its own.
  call('close_range', 3, 0xffff_ffff, 0);
  const now = mapsOf(pid).filter(({ name }) => name !== '[vsyscall]');
  for (const { start, end, name } of now)
    if (start !== keep && !KERNEL_MAPS.includes(name)) call('munmap', start, end - start);
  moveKernelMaps(call, open, now);
  const objects = (image.objects ?? []).map((object, index) => makeObject(pid, call, open, object, index));
  for (const map of image.maps) if (!KERNEL_MAPS.includes(map.name)) makeMap(pid, call, map, objects);
  for (const { place, size } of objects) if (place !== undefined) call('munmap', place, BigInt(size));
  return objects.map(({ fd }) => fd);
}

/** Blocks that are unpacked at the same time: threads of libuv (4), and as many that wait for one. */
const AHEAD = 8;

interface Placed {
  readonly map: MapImage;
  readonly piece: PieceImage;
}

/** What is in the maps: each block is read, compared with its digest, and unpacked once. Throws Unsupported, ImageError, SystemError. */
export async function fillMemory(pid: number, open: OpenImage): Promise<void> {
  const placed = new Map<StoredBlock, Placed[]>();
  for (const map of open.image.maps)
    for (const piece of map.pieces) {
      const block = open.stored(piece);
      const others = placed.get(block);
      if (others === undefined) placed.set(block, [{ map, piece }]);
      else others.push({ map, piece });
    }
  const blocks = [...placed.keys()];
  const ahead: Promise<Uint8Array>[] = [];
  let next = 0;
  for (const block of blocks) {
    while (ahead.length < AHEAD && next < blocks.length) {
      const coming = unpacked(blocks[next++]!);
      // It is told when it is its turn.
      coming.catch(() => {});
      ahead.push(coming);
    }
    putBlock(pid, open, (await ahead.shift())!, placed.get(block)!);
  }
}

/** /proc/PID/mem writes everywhere, but slowly, and is opened anew each time: what the process may write itself goes the straight way. */
function putBlock(pid: number, open: OpenImage, bytes: Uint8Array, placed: readonly Placed[]): void {
  const isPlain = ({ map: { name, protection } }: Placed): boolean =>
    protection[1] === 'w' && !KERNEL_MAPS.includes(name);
  const plain = placed.filter(isPlain).map(({ piece }) => piece);
  const isDone = writePieces(pid, bytes, plain);
  for (const each of placed) {
    const { name, protection } = each.map;
    const { address, from, size } = each.piece;
    if (isDone && isPlain(each)) continue;
    const part = bytes.subarray(from, from + size);
    if (KERNEL_MAPS.includes(name)) compare(pid, open, address, part);
    else if (protection[1] === 'w' && writeMemory(pid, address, part)) continue;
    else if (!writeForced(pid, address, part))
      throw new Unsupported(`memory at ${hex(address)} cannot be written`);
  }
}

/** A vDSO of the same size may have its functions elsewhere: a thread may be in one, and the program has their addresses. */
function compare(pid: number, open: OpenImage, address: bigint, bytes: Uint8Array): void {
  const here = readForced(pid, address, bytes.length);
  if (here === undefined || Buffer.compare(here, bytes) !== 0) throw otherKernel(open);
}

const otherKernel = ({ image }: OpenImage): Unsupported =>
  new Unsupported(
    `it was taken on Linux ${image.kernel}, whose vDSO is not that of ${release()}; bring it back on the same kernel`,
  );

function moveKernelMaps(call: InThread, open: OpenImage, now: ReturnType<typeof mapsOf>): void {
  const wanted = open.image.maps.filter(({ name }) => KERNEL_MAPS.includes(name) && name !== '[vsyscall]');
  // A simulated process has none: this kernel's are where nothing knows of them.
  if (wanted.length === 0) return;
  const here = now.filter(({ name }) => KERNEL_MAPS.includes(name));
  const form = (maps: readonly { name: string; start: bigint; end: bigint }[]): string =>
    maps.map(({ name, start, end }) => `${name} ${end - start}`).join(', ');
  if (form(wanted) !== form(here)) throw otherKernel(open);
  const move = (from: bigint, to: bigint, size: bigint): bigint =>
    call('mremap', from, size, size, MREMAP_MAYMOVE_FIXED, to);
  const [first] = here;
  for (const { start, end } of here) move(start, ASIDE + (start - first!.start), end - start);
  for (const [index, { start, end }] of here.entries())
    move(ASIDE + (start - first!.start), wanted[index]!.start, end - start);
}

interface Made extends SharedImage {
  readonly fd: number;
  /** Where an anonymous one lies while others are made of it. */
  readonly place?: bigint;
}

function makeObject(pid: number, call: InThread, open: OpenImage, object: SharedImage, index: number): Made {
  const { kind, name, size, mode } = object;
  if (kind === 'memfd') {
    const made = withBytes(pid, call, textBytes(name), (at) => call('memfd_create', at, MFD_ALLOW_SEALING));
    const fd = highDescriptor(call, made, open.image);
    call('ftruncate', fd, size);
    if (mode !== undefined) call('fchmod', fd, mode);
    fill(`/proc/${pid}/fd/${fd}`, open, object);
    return { ...object, fd };
  }
  const place = aside(open, size, index);
  const flags = MAP.SHARED | MAP.ANONYMOUS | MAP.FIXED_NOREPLACE;
  call('mmap', place, size, PROT.READ | PROT.WRITE, flags, -1, 0);
  const link = `map_files/${place.toString(16)}-${(place + BigInt(size)).toString(16)}`;
  const fd = highDescriptor(call, openIn(pid, call, `/proc/self/${link}`, O_RDWR), open.image);
  fill(`/proc/${pid}/fd/${fd}`, open, object);
  return { ...object, fd, place };
}

/** Contents through a descriptor of ours: seals come later. */
function fill(path: string, open: OpenImage, { pieces }: SharedImage): void {
  const fd = openSync(path, 'r+');
  try {
    for (const piece of pieces) {
      const bytes = open.contents(piece);
      callHere('pwrite64', fd, bytes, bytes.length, piece.address);
    }
  } finally {
    closeSync(fd);
  }
}

/** Addresses that nothing in the image has. */
function aside({ image }: OpenImage, size: number, index: number): bigint {
  const step = 0x10_0000_0000n;
  for (let at = 2n * ASIDE + BigInt(index) * step; ; at += step)
    if (!image.maps.some(({ start, end }) => start < at + BigInt(size) && at < end)) return at;
}

function makeMap(pid: number, call: InThread, map: MapImage, objects: readonly Made[]): void {
  const { start, end, protection, shared, growsDown, file, offset, name, advice = [] } = map;
  const size = end - start;
  const bits =
    (protection[0] === 'r' ? PROT.READ : 0) |
    (protection[1] === 'w' ? PROT.WRITE : 0) |
    (protection[2] === 'x' ? PROT.EXEC : 0);
  const asked = ADVICE.filter(([letters, how]) => how === 'mmap' && advice.includes(letters));
  const flags =
    (shared ? MAP.SHARED : MAP.PRIVATE) |
    MAP.FIXED_NOREPLACE |
    (growsDown ? MAP.GROWSDOWN : 0) |
    asked.reduce((all, [, , value]) => all | value, 0);
  const object = map.object === undefined ? undefined : objects[map.object];
  if (file !== undefined) {
    const writes = shared && ((bits & PROT.WRITE) !== 0 || advice.includes('mw'));
    const fd = openIn(pid, call, file.path, writes ? O_RDWR : 0);
    mapped(map, () => call('mmap', start, size, bits, flags, fd, offset));
    call('close', fd);
  } else if (object !== undefined)
    mapped(map, () => call('mmap', start, size, bits, flags, object.fd, offset));
  else mapped(map, () => call('mmap', start, size, bits, flags | MAP.ANONYMOUS, -1, 0));
  const given = /^\[anon:(.*)\]$/.exec(name)?.[1];
  if (given !== undefined)
    withBytes(pid, call, textBytes(given), (at) => call('prctl', PR_SET_VMA, 0, start, size, at));
}

function mapped({ start, end, name }: MapImage, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const where = `the addresses ${hex(start)} to ${hex(end)}${name === '' ? '' : ` (${name})`}`;
    if (isErrno(error, 'EEXIST')) throw new Unsupported(`${where} are taken: something else is mapped there`);
    if (isErrno(error, 'EPERM') && start < 0x10000n)
      throw new Unsupported(`${where} may not be mapped: they are below vm.mmap_min_addr; run as root`);
    throw new Unsupported(`${where} cannot be mapped here (${error.code})`);
  }
}

/** What comes when the contents are there. */
export function adviseMemory(call: InThread, maps: readonly MapImage[]): void {
  for (const { start, end, advice = [], name } of maps)
    for (const [letters, how, value] of ADVICE) {
      if (!advice.includes(letters)) continue;
      try {
        if (how === 'madvise') call('madvise', start, end - start, value);
        if (how === 'mlock') call('mlock', start, end - start);
        if (how === 'mseal') call('mseal', start, end - start, 0);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        throw new Unsupported(
          `memory at ${hex(start)}${name === '' ? '' : ` (${name})`} cannot be as it was: ${how} gives ${error.code}`,
        );
      }
    }
}

/** Seals forbid what making them needs. */
export function sealObjects(
  call: InThread,
  objects: readonly SharedImage[],
  descriptors: ObjectDescriptors,
): void {
  for (const [index, { seals = 0 }] of objects.entries())
    if (seals !== 0) call('fcntl', descriptors[index]!, F_ADD_SEALS, seals);
  for (const fd of descriptors) call('close', fd);
}
