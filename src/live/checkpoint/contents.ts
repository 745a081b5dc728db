/** What of a process's memory belongs into an image. */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import type { ImageData } from '../../checkpoint/codec.js';
import type { MapImage, MappedFile, PieceImage } from '../../checkpoint/image.js';
import { Digest } from '../../event/digest.js';
import { readForced } from '../../linux/memory.js';
import { type CheckedMap, KERNEL_MAPS } from './maps.js';

const PAGE = 4096;
/** Bits of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
const PRESENT = 1 << 31;
const SWAPPED = 1 << 30;
const OF_FILE = 1 << 29;
/** Pages that are read at once. */
const RUN = 256;

/** The maps with what is in them; the process stands still. */
export function captureMaps(pid: number, maps: readonly CheckedMap[], data: ImageData): MapImage[] {
  const files = new Map<string, MappedFile>();
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    return maps.map((map) => {
      const file = map.kind === 'file' ? fileOf(map.name, files) : undefined;
      return {
        start: map.start,
        end: map.end,
        protection: `${map.readable ? 'r' : '-'}${map.writable ? 'w' : '-'}${map.executable ? 'x' : '-'}`,
        shared: map.shared,
        growsDown: map.flags.includes('gd'),
        name: map.name,
        ...(file && { file }),
        ...(map.object !== undefined && { object: map.object }),
        ...(map.advice.length > 0 && { advice: map.advice }),
        offset: map.offset,
        pieces: piecesOf(pid, map, pagemap, data),
      };
    });
  } finally {
    closeSync(pagemap);
  }
}

function fileOf(path: string, known: Map<string, MappedFile>): MappedFile {
  let file = known.get(path);
  if (file === undefined) {
    file = { path, size: statSync(path).size, digest: fileDigest(path) };
    known.set(path, file);
  }
  return file;
}

export function fileDigest(path: string): string {
  const digest = new Digest();
  digest.bytes(readFileSync(path));
  return digest.text();
}

function piecesOf(pid: number, map: CheckedMap, pagemap: number, data: ImageData): PieceImage[] {
  // Its code is kept to be looked at; the others cannot be read.
  if (KERNEL_MAPS.includes(map.name) && map.name !== '[vdso]') return [];
  // What is in a shared file is in the file, and what is in shared memory is kept once, however often it is mapped.
  if (map.shared) return [];
  if (map.name === '[vdso]') {
    const bytes = readForced(pid, map.start, Number(map.end - map.start));
    return bytes === undefined ? [] : data.add(map.start, bytes);
  }
  const pieces: PieceImage[] = [];
  const count = Number((map.end - map.start) / BigInt(PAGE));
  const words = new Uint32Array(2 * count);
  readSync(pagemap, words, 0, words.byteLength, (map.start / BigInt(PAGE)) * 8n);
  for (let page = 0; page < count; ) {
    const own = (at: number): boolean => {
      const high = words[2 * at + 1]!;
      return (high & (PRESENT | SWAPPED)) !== 0 && (high & OF_FILE) === 0;
    };
    if (!own(page)) {
      page++;
      continue;
    }
    let end = page + 1;
    while (end < count && end - page < RUN && own(end)) end++;
    const address = map.start + BigInt(page * PAGE);
    const bytes = readForced(pid, address, (end - page) * PAGE);
    if (bytes?.some((byte) => byte !== 0)) pieces.push(...data.add(address, bytes));
    page = end;
  }
  return pieces;
}
