import type { OpenImage } from '../../checkpoint/codec.js';
import type { MapImage, MappedFile } from '../../checkpoint/image.js';
import { fromBase64 } from '../../event/base64.js';
import { Digest } from '../../event/digest.js';
import { keepFile } from '../files/lookup.js';
import type { Kernel } from '../kernel.js';
import { newArea } from '../mm/areas.js';
import { residentPages } from '../mm/charge.js';
import { writeForced } from '../mm/forced.js';
import { mapArea, newMm } from '../mm/map.js';
import type { MemoryObject } from '../mm/object.js';
import { hostObject, newObject, writeObject } from '../mm/objects.js';
import type { Area, Mm } from '../state.js';
import { foldFor } from './folding.js';
import { bytesText } from './text.js';
import { callingVdso, VDSO } from './vdso.js';

type No = (why: string) => never;

/** What the kernel has mapped: the clock's pages are zeros here, and nothing is at the address of vsyscall(2)'s page. */
const VSYSCALL = '[vsyscall]';

/** Memory that is shared and no file's. */
export const objectsOf = (kernel: Kernel, { image, contents }: OpenImage): MemoryObject[] =>
  (image.objects ?? []).map(({ kind, name, size, pieces }) => {
    const text = kind === 'memfd' ? `/memfd:${bytesText(name)} (deleted)` : '/dev/zero (deleted)';
    const object = newObject(kernel, text, size);
    for (const piece of pieces)
      writeObject(
        kernel,
        undefined,
        object,
        Number(piece.address),
        contents(piece).subarray(0, size - Number(piece.address)),
      );
    return object;
  });

/** The address space, at the same addresses. `no` throws ProgramError. */
export function addressSpace(kernel: Kernel, open: OpenImage, objects: readonly MemoryObject[], no: No): Mm {
  const { image } = open;
  const { layout } = image;
  const maps = image.maps.filter(({ name }) => name !== VSYSCALL);
  const wanted = maps.map(({ start, end, growsDown }) => ({
    start: Number(start),
    end: Number(end),
    growsDown,
  }));
  const fold = foldFor(wanted, Number(layout.brk));
  if (fold === undefined) {
    const size = wanted.reduce((sum, { start, end }) => sum + end - start, 0);
    no(`its maps take ${(size / 2 ** 30).toFixed(1)} GiB of addresses, and there is room for less than 4`);
  }
  const mm = newMm(kernel, fold);
  for (const map of maps) putMap(kernel, mm, open, map, objects, no);
  mm.brkStart = Number(layout.startBrk);
  mm.brk = Number(layout.brk);
  mm.stackStart = Number(layout.startStack);
  mm.argStart = Number(layout.argStart);
  mm.argEnd = Number(layout.argEnd);
  mm.envStart = Number(layout.envStart);
  mm.envEnd = Number(layout.envEnd);
  mm.auxv = fromBase64(layout.auxv);
  mm.membarrier = image.membarrier ?? 0;
  if (mm.outOfMemory)
    no(
      `its memory is ${(residentPages(kernel) / 256).toFixed(0)} MiB, more than --memory-limit allows; give more`,
    );
  return mm;
}

/** Bits of PROT_* by their letters. */
const PROTECTION = [
  ['r', 1],
  ['w', 2],
  ['x', 4],
] as const;

function putMap(
  kernel: Kernel,
  mm: Mm,
  { contents }: OpenImage,
  map: MapImage,
  objects: readonly MemoryObject[],
  no: No,
): void {
  const { name, pieces, shared, offset, growsDown, advice = [] } = map;
  const [start, end] = [Number(map.start), Number(map.end)];
  const protection = PROTECTION.reduce(
    (bits, [letter, bit]) => (map.protection.includes(letter) ? bits | bit : bits),
    0,
  );
  const more: Partial<Area> = {
    growsDown,
    dontFork: advice.includes('dc'),
    wipeOnFork: advice.includes('wf'),
    locked: advice.includes('lo'),
  };
  const area = newArea({ start, end }, protection, more);
  if (map.file !== undefined) {
    if (shared && (protection & 2) !== 0)
      no(`it writes into ${map.file.path} through a shared map, and the machine writes no files of the host`);
    mapArea(kernel, mm, {
      ...area,
      object: objectOf(kernel, map.file, no),
      offset,
      shared,
      allowed: shared ? 5 : 7,
    });
  } else if (map.object !== undefined) {
    mapArea(kernel, mm, { ...area, object: objects[map.object]!, offset, shared });
  } else if (shared) {
    const object = newObject(kernel, '/dev/zero (deleted)', end - start);
    mapArea(kernel, mm, { ...area, object, shared });
  } else if (name === VDSO) {
    if (pieces.length === 0) no('the image has no vDSO; take it again');
    const bytes = new Uint8Array(end - start);
    for (const piece of pieces) bytes.set(contents(piece), Number(piece.address) - start);
    // As a file would be: another image has it as it was.
    mapArea(kernel, mm, { ...area, object: hostObject(kernel, VDSO, bytes) });
    writeForced(kernel, mm, start, callingVdso(bytes));
    return;
  } else mapArea(kernel, mm, { ...area, name: isOwnName(name) ? '' : name });
  for (const piece of pieces)
    if (writeForced(kernel, mm, Number(piece.address), contents(piece)) !== piece.size)
      no(`memory at 0x${piece.address.toString(16)} cannot be written`);
}

/** Names that follow from where an area is (mm/areas.ts areaName). */
const isOwnName = (name: string): boolean => name === '[heap]' || name === '[stack]';

/** A file that is mapped, which is read by the host and must be the same. */
function objectOf(kernel: Kernel, { path, size, digest }: MappedFile, no: No): MemoryObject {
  const name = bytesText(path);
  const known = kernel.state.hostFiles.get(name);
  if (known?.kind === 'regular') return known.object;
  const bytes =
    kernel.host.file(name) ?? no(`${path}, which the process has mapped, is not there, or cannot be read`);
  const found = new Digest();
  found.bytes(bytes);
  if (bytes.length !== size || found.text() !== digest)
    no(`${path} is not the file that the process has mapped: it was changed`);
  return keepFile(kernel, name, bytes).object;
}
