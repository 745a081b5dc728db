/** Reads a process's memory into an image: what must be read while it stands still, and what can wait. */
import { closeSync, openSync, readSync } from 'node:fs';
import { ERRNO } from '../../abi/errno.js';
import { appendPieces } from '../../checkpoint/blocks.js';
import type { PieceImage } from '../../checkpoint/image.js';
import { SystemError } from '../../linux/errors.js';
import { readInto } from '../../linux/memory.js';
import { PageMap } from '../../linux/pagemap.js';
import type { FileMap } from '../../linux/procfs.js';
import type { ImageWriter } from './writer.js';

/** Bytes that are read at once. */
const CHUNK = 1 << 20;

/** A map whose pages are to be read; `pieces` is filled when they have been. */
interface Wanted {
  readonly map: FileMap;
  readonly here: boolean;
  readonly pieces: PieceImage[];
}

/** Pages of one map. */
interface Chunk {
  readonly of: Wanted;
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/** What of the memory is kept where: pages that an image from before has as they are. */
export interface Known {
  /** Splits pages at an address into those that are known, as pieces, and those that are not, which `fresh` makes pieces of. */
  pieces(
    address: bigint,
    bytes: Uint8Array,
    fresh: (address: bigint, bytes: Uint8Array) => PieceImage[],
  ): PieceImage[];
}

export class MemoryTaker {
  private wanted: Wanted[] = [];
  private readonly copied: Chunk[] = [];
  /** Bytes that have been read. */
  taken = 0;

  constructor(
    private readonly writer: ImageWriter,
    private readonly known?: Known,
  ) {}

  /** Bytes at an address, as they are. */
  add(address: bigint, bytes: Uint8Array): PieceImage[] {
    return this.writer.add(address, bytes);
  }

  /** The pages of a map will be read by one of the others; `here`: only the process itself has them as they are, no child of it. */
  want(map: FileMap, here: boolean): PieceImage[] {
    const pieces: PieceImage[] = [];
    this.wanted.push({ map, here, pieces });
    return pieces;
  }

  /** Reads everything that is wanted, or what is only here, into memory of ours: at once. */
  copy(pid: number, onlyHere = false): void {
    const now = this.wanted.filter(({ here }) => here || !onlyHere);
    this.wanted = this.wanted.filter((each) => !now.includes(each));
    this.copied.push(...chunks(pid, now, (size) => new Uint8Array(size)));
  }

  /** Puts what was copied into the image, and reads the rest. `progress` gets the bytes that have been read; it throws to end this. */
  async take(pid: number, progress: (taken: number) => void): Promise<void> {
    const buffer = new Uint8Array(CHUNK);
    const copied = this.copied.splice(0).reverse();
    for (let chunk = copied.pop(); chunk !== undefined; chunk = copied.pop()) await this.put(chunk, progress);
    for (const chunk of chunks(pid, this.wanted.splice(0), (size) => buffer.subarray(0, size)))
      await this.put(chunk, progress);
  }

  private async put({ of, address, bytes }: Chunk, progress: (taken: number) => void): Promise<void> {
    // A page of zeros is another thing than the file's.
    const fresh = (at: bigint, part: Uint8Array): PieceImage[] =>
      this.writer.addPages(at, part, of.map.name.startsWith('/'));
    appendPieces(
      of.pieces,
      this.known === undefined ? fresh(address, bytes) : this.known.pieces(address, bytes, fresh),
    );
    this.taken += bytes.length;
    progress(this.taken);
    await this.writer.room();
  }
}

/** Pages that hold something, in buffers of `room`. */
function* chunks(
  pid: number,
  wanted: readonly Wanted[],
  room: (size: number) => Uint8Array,
): Generator<Chunk> {
  if (wanted.length === 0) return;
  const pages = new PageMap(pid);
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const of of wanted)
      for (const range of pages.ranges(of.map.start, of.map.end))
        for (let address = range.start; address < range.end; address += BigInt(CHUNK)) {
          const bytes = room(Math.min(CHUNK, Number(range.end - address)));
          // Memory that the process may not read itself comes through /proc, more slowly.
          if (!readInto(pid, address, bytes)) readForcedInto(fd, address, bytes);
          yield { of, address, bytes };
        }
  } finally {
    pages.close();
    closeSync(fd);
  }
}

function readForcedInto(fd: number, address: bigint, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const got = readSync(fd, bytes, at, bytes.length - at, address + BigInt(at));
    // Its memory is gone: it was killed.
    if (got === 0) throw new SystemError('pread64', ERRNO.ESRCH);
    at += got;
  }
}
