import type { ImageData } from '../../checkpoint/codec.js';
import type { MapImage, MemoryLayoutImage, PieceImage } from '../../checkpoint/image.js';
import { toBase64 } from '../../event/base64.js';
import { Digest } from '../../event/digest.js';
import { PAGE_SIZE } from '../../machine/state.js';
import type { Kernel } from '../kernel.js';
import { areaName } from '../mm/areas.js';
import { HELD, heldPages } from '../mm/pages.js';
import { ProgramError } from '../program-error.js';
import type { Area, Mm } from '../state.js';
import type { Objects } from './take-files.js';
import type { TakeSettings } from './take-settings.js';
import { textOf } from './text.js';
import { VDSO } from './vdso.js';

/** The maps with what is in them. */
export function takeMaps(
  kernel: Kernel,
  mm: Mm,
  data: ImageData,
  objects: Objects,
  settings: TakeSettings,
): MapImage[] {
  return mm.areas.map((area) => {
    const { object, protection, shared, growsDown, offset } = area;
    const name = areaName(mm, area);
    const base = {
      start: BigInt(area.start),
      end: BigInt(area.end),
      protection: `${protection & 1 ? 'r' : '-'}${protection & 2 ? 'w' : '-'}${protection & 4 ? 'x' : '-'}`,
      shared,
      growsDown,
      ...adviceOf(area),
    };
    const own = (): PieceImage[] => piecesOf(kernel, mm, area, data);
    if (object === undefined) return { ...base, name, offset: 0, pieces: own() };
    if (!object.constant)
      return { ...base, name, object: objects.indexOf(object), offset, pieces: shared ? [] : own() };
    const bytes = kernel.contents.get(object.initial!)!;
    // What this kernel has put there is nothing for another: it has its own vDSO.
    if (name === VDSO) return { ...base, name, offset: 0, pieces: data.add(base.start, bytes.slice()) };
    const path = settings.file(object.name, bytes);
    const digest = new Digest();
    digest.bytes(bytes);
    const file = { path, size: bytes.length, digest: digest.text() };
    return { ...base, name: path, file, offset, pieces: own() };
  });
}

function adviceOf({ dontFork, wipeOnFork, locked }: Area): Pick<MapImage, 'advice'> {
  const advice = [...(dontFork ? ['dc'] : []), ...(wipeOnFork ? ['wf'] : []), ...(locked ? ['lo'] : [])];
  return advice.length === 0 ? {} : { advice };
}

/** Pages that are the process's own, those that follow each other together. */
function piecesOf(kernel: Kernel, mm: Mm, area: Area, data: ImageData): PieceImage[] {
  const space = kernel.spaces.of(mm.id);
  const pages = [...heldPages(mm.pages, area.start / PAGE_SIZE, area.end / PAGE_SIZE)].flatMap(
    ({ page, held }) => (held === HELD.PRIVATE ? [page] : []),
  );
  const pieces: PieceImage[] = [];
  for (let n = 0; n < pages.length; ) {
    const first = n++;
    while (n < pages.length && pages[n] === pages[n - 1]! + 1) n++;
    const bytes = space.peek(pages[first]! * PAGE_SIZE, (n - first) * PAGE_SIZE);
    // Zeros are what anonymous memory is in any case.
    if (area.object === undefined && bytes.every((byte) => byte === 0)) continue;
    pieces.push(...data.add(BigInt(pages[first]! * PAGE_SIZE), bytes));
  }
  return pieces;
}

/** What Linux keeps of the layout: code and data are where the executable is mapped so. */
export function takeLayout(mm: Mm, executable: string): MemoryLayoutImage {
  const of = (bit: number): { start: bigint; end: bigint } => {
    const own = mm.areas.filter((area) => area.object?.name === executable);
    const found = own.filter(({ protection }) => (protection & bit) !== 0);
    const [area] = [...found, ...own];
    if (area === undefined)
      throw new ProgramError(`nothing of ${textOf(executable)} is mapped there any more`);
    return { start: BigInt(area.start), end: BigInt((found.at(-1) ?? area).end) };
  };
  const [code, data] = [of(4), of(2)];
  return {
    startCode: code.start,
    endCode: code.end,
    startData: data.start,
    endData: data.end,
    startBrk: BigInt(mm.brkStart),
    brk: BigInt(mm.brk),
    startStack: BigInt(mm.stackStart),
    argStart: BigInt(mm.argStart),
    argEnd: BigInt(mm.argEnd),
    envStart: BigInt(mm.envStart),
    envEnd: BigInt(mm.envEnd),
    auxv: toBase64(mm.auxv),
  };
}
