/** Reads a process's memory into an image: what must be read while it stands still, and what can wait. */
import { closeSync, openSync, readSync } from 'node:fs';
import { appendPieces } from '../../checkpoint/blocks.js';
import type { PieceImage } from '../../checkpoint/image.js';
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
  private readonly buffer = new Uint8Array(CHUNK);
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
    for (const step of this.steps(pid, now)) step();
  }

  /** Reads everything that is wanted and writes it meanwhile. `progress` gets the bytes that have been read; it throws to end this. */
  async take(pid: number, progress: (taken: number) => void): Promise<void> {
    const now = this.wanted;
    this.wanted = [];
    for (const step of this.steps(pid, now)) {
      step();
      progress(this.taken);
      await this.writer.room();
    }
  }

  private *steps(pid: number, wanted: readonly Wanted[]): Generator<() => void> {
    const pages = new PageMap(pid);
    const fd = openSync(`/proc/${pid}/mem`, 'r');
    try {
      for (const { map, pieces } of wanted)
        for (const range of pages.ranges(map.start, map.end))
          for (let at = range.start; at < range.end; at += BigInt(CHUNK))
            yield () => appendPieces(pieces, this.chunk(pid, fd, map, at, range.end));
    } finally {
      pages.close();
      closeSync(fd);
    }
  }

  private chunk(pid: number, fd: number, map: FileMap, address: bigint, end: bigint): PieceImage[] {
    const size = Math.min(CHUNK, Number(end - address));
    const bytes = this.buffer.subarray(0, size);
    // Memory that the process may not read itself comes through /proc, more slowly.
    if (!readInto(pid, address, bytes)) readForcedInto(fd, address, bytes);
    this.taken += size;
    // A page of zeros is another thing than the file's.
    const fresh = (at: bigint, part: Uint8Array): PieceImage[] =>
      this.writer.addPages(at, part, map.name.startsWith('/'));
    return this.known === undefined ? fresh(address, bytes) : this.known.pieces(address, bytes, fresh);
  }
}

function readForcedInto(fd: number, address: bigint, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const got = readSync(fd, bytes, at, bytes.length - at, address + BigInt(at));
    if (got === 0) throw new Error(`memory at ${address.toString(16)} cannot be read`);
    at += got;
  }
}
