/** An image as an ELF core: for debuggers, which show each thread where it stood. */
import { ftruncateSync, writeSync } from 'node:fs';
import { CORE_PAGE, type CoreContents, type CoreSegment, coreHead } from '../../checkpoint/elf-core.js';
import type { MapImage, ThreadImage } from '../../checkpoint/image.js';
import { NewFile } from '../../linux/new-file.js';
import { reason } from '../../node/reason.js';
import { type ImageProcess, stoodAt } from '../image.js';
import { Refused } from '../refused.js';

/** Written at once. */
const CHUNK = 256 * CORE_PAGE;
const ZEROS = new Uint8Array(CORE_PAGE);

/** Writes the core to a file, which gets its name at the end; `rest` is called every so often. Throws Refused, and what `rest` throws. */
export async function writeCore(
  target: ImageProcess,
  path: string,
  rest: () => Promise<void>,
): Promise<{ readonly size: number }> {
  const segments = target.image.maps.flatMap((map) => segmentsOf(target, map));
  const { head, offsets, size } = coreHead(contentsOf(target, segments));
  let file: NewFile | undefined;
  try {
    file = NewFile.create(path);
    const { fd } = file;
    // Pages of zeros are holes.
    ftruncateSync(fd, size);
    write(fd, head, 0);
    for (const [index, segment] of segments.entries())
      await copy(target, segment, { fd, position: offsets[index]!, rest });
    file.publish();
    return { size };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new Refused(`${path} cannot be written: ${reason(error)}; choose another place with -o`);
  } finally {
    file?.close();
  }
}

function write(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

/** Pages that are nothing but zeros are left out. */
async function copy(
  target: ImageProcess,
  { start, held }: CoreSegment,
  {
    fd,
    position,
    rest,
  }: { readonly fd: number; readonly position: number; readonly rest: () => Promise<void> },
): Promise<void> {
  for (let at = 0; at < Number(held); at += CHUNK) {
    await rest();
    const size = Math.min(CHUNK, Number(held) - at);
    const bytes = target.read(start + BigInt(at), size) ?? new Uint8Array(size);
    for (let from = 0; from < size; ) {
      let to = from;
      while (to < size && Buffer.compare(bytes.subarray(to, to + CORE_PAGE), ZEROS) !== 0) to += CORE_PAGE;
      if (to > from) write(fd, bytes.subarray(from, to), position + at + from);
      from = to + CORE_PAGE;
    }
  }
}

/**
 * What of a map is in the core: what the kernel's default filter takes (fs/coredump.c vma_dump_size). Memory that the program has written to wholly, the
 * first page of a program or library (its build ID is there), nothing of the rest of files and of what was never touched.
 */
function segmentsOf(target: ImageProcess, map: MapImage): CoreSegment[] {
  const { start, end, protection, file, shared, pieces, offset, name, object } = map;
  const segment = (from: bigint, to: bigint, held: bigint): CoreSegment => ({
    start: from,
    end: to,
    readable: protection[0] === 'r',
    writable: protection[1] === 'w',
    executable: protection[2] === 'x',
    held,
  });
  const size = end - start;
  const touched = pieces.length > 0;
  if (file === undefined) return [segment(start, end, touched || object !== undefined || name === '[stack]' ? size : 0n)]; // biome-ignore format: one line
  if (shared) return [segment(start, end, 0n)];
  if (!touched) return [segment(start, end, offset === 0 && isElf(target, start) ? BigInt(CORE_PAGE) : 0n)];
  if (!target.missing.includes(file.path)) return [segment(start, end, size)];
  // Without its file only the pages that were written to are known.
  const parts: CoreSegment[] = [];
  let next = start;
  for (const piece of pieces) {
    const to = piece.address + BigInt(piece.size);
    if (piece.address > next) parts.push(segment(next, piece.address, 0n));
    parts.push(segment(piece.address, to, BigInt(piece.size)));
    next = to;
  }
  return next < end ? [...parts, segment(next, end, 0n)] : parts;
}

const isElf = (target: ImageProcess, start: bigint): boolean => {
  const magic = target.read(start, 4);
  return magic !== undefined && Buffer.from(magic).toString('latin1') === '\x7fELF';
};

function contentsOf(target: ImageProcess, segments: readonly CoreSegment[]): CoreContents {
  const { image } = target;
  const { pid, command, threads, layout, maps, credentials } = image;
  return {
    pid,
    name: threads[0]!.name,
    command,
    uid: credentials?.users[0] ?? 0,
    gid: credentials?.groups[0] ?? 0,
    auxv: Buffer.from(layout.auxv, 'base64'),
    files: maps.flatMap(({ start, end, offset, file }) => (file ? [{ start, end, offset, path: file.path }] : [])), // biome-ignore format: one line
    threads: threads.map((thread) => ({
      tid: thread.tid,
      name: thread.name,
      registers: stoodAt(thread),
      extended: Buffer.from(thread.extended, 'base64'),
      pending: pendingOf(thread),
      blocked: thread.mask,
      rseq: thread.rseq,
    })),
    segments,
  };
}

/** siginfo_t begins with the signal's number. */
const pendingOf = ({ pending }: ThreadImage): bigint =>
  pending.reduce((bits, info) => bits | (1n << BigInt(Buffer.from(info, 'base64').readInt32LE(0) - 1)), 0n);
