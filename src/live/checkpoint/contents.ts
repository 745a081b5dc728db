/** What of a process's memory belongs into an image. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { MapImage, MappedFile, PieceImage } from '../../checkpoint/image.js';
import { Digest } from '../../event/digest.js';
import { readForced } from '../../linux/memory.js';
import { mapsOf } from '../../linux/procfs.js';
import { type CheckedMap, KERNEL_MAPS } from './maps.js';
import type { MemoryTaker } from './memory.js';

/** The maps; the process stands still. What is in them is read by `memory`, which fills their pieces. */
export function captureMaps(pid: number, maps: readonly CheckedMap[], memory: MemoryTaker): MapImage[] {
  return maps.map((map) => {
    const file = map.kind === 'file' ? fileOf(map.name, map.shared) : undefined;
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
      pieces: piecesOf(pid, map, memory),
    };
  });
}

/** What takes its time and can be done while it runs: the digests of the files that it has mapped. */
export function prepareMaps(pid: number): void {
  for (const { name, shared } of mapsOf(pid)) {
    try {
      if (name.startsWith('/') && !shared) fileOf(name);
    } catch {
      // Told when it counts.
    }
  }
}

const known = new Map<string, { readonly stamp: string; readonly file: MappedFile }>();

/**
 * Asked again it is at once, unless the file has changed: digests are made before the process stands still. `anew`: what is written through a map
 * changes no time of the file at once.
 */
function fileOf(path: string, anew = false): MappedFile {
  const { size, mtimeNs, ctimeNs, ino, dev } = statSync(path, { bigint: true });
  const stamp = [size, mtimeNs, ctimeNs, ino, dev].join();
  const before = known.get(path);
  if (before?.stamp === stamp && !anew) return before.file;
  const file = { path, size: Number(size), digest: fileDigest(path) };
  known.set(path, { stamp, file });
  return file;
}

export function fileDigest(path: string): string {
  const digest = new Digest();
  const bytes = new Uint8Array(1 << 20);
  const fd = openSync(path, 'r');
  try {
    for (let got = readSync(fd, bytes); got > 0; got = readSync(fd, bytes))
      digest.bytes(bytes.subarray(0, got));
  } finally {
    closeSync(fd);
  }
  return digest.text();
}

/** What a child does not get, or gets empty: MADV_DONTFORK, MADV_WIPEONFORK. */
const NOT_INHERITED: readonly string[] = ['dc', 'wf'];

function piecesOf(pid: number, map: CheckedMap, memory: MemoryTaker): PieceImage[] {
  // Its code is kept to be looked at; the others cannot be read.
  if (KERNEL_MAPS.includes(map.name) && map.name !== '[vdso]') return [];
  // What is in a shared file is in the file, and what is in shared memory is kept once, however often it is mapped.
  if (map.shared) return [];
  if (map.name === '[vdso]') {
    const bytes = readForced(pid, map.start, Number(map.end - map.start));
    return bytes === undefined ? [] : memory.add(map.start, bytes);
  }
  return memory.want(
    map,
    NOT_INHERITED.some((flag) => map.flags.includes(flag)),
  );
}
