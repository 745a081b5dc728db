/**
 * An image that is made from one before: pages that have not changed stay where they are. What has changed is found by comparing: the bits that the
 * kernel keeps of pages written (soft-dirty) are one for everybody who clears them, so that two tools would make each other's images wrong, and not
 * every kernel has them. The process does not wait for it: it is a snapshot that is compared.
 */
import { statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { appendPieces } from '../../checkpoint/blocks.js';
import type { OpenImage } from '../../checkpoint/codec.js';
import type { ParentImage, PieceImage } from '../../checkpoint/image.js';
import type { Known } from './memory.js';
import { openImageFile } from './open.js';
import { Unsupported } from './refusal.js';

const PAGE = 4096;

export interface Parent {
  readonly known: Known;
  readonly image: ParentImage;
}

/** `file`: the image that is to be made from `parent`. Throws ImageError, Unsupported, errors of open(2). */
export function parentOf(parent: string, file: string): Parent {
  const open = openImageFile(parent);
  for (let [name, each] = [parent, open]; ; ) {
    if (isSame(name, file))
      throw new Unsupported(`${file} holds memory that the new image needs; choose another place with -o`);
    if (each.parent === undefined) break;
    name = resolve(dirname(name), each.parent.file);
    each = openImageFile(name);
  }
  return {
    known: new KnownPages(open),
    image: { file: relative(dirname(resolve(file)), resolve(parent)), digest: open.digest },
  };
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((name) => statSync(name, { throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

class KnownPages implements Known {
  /** Ascending. */
  private readonly all: readonly PieceImage[];
  private next = 0;

  constructor(private readonly open: OpenImage) {
    this.all = open.image.maps
      .flatMap(({ pieces }) => pieces)
      .sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  pieces(
    address: bigint,
    bytes: Uint8Array,
    fresh: (address: bigint, bytes: Uint8Array) => PieceImage[],
  ): PieceImage[] {
    const pieces: PieceImage[] = [];
    let done = 0;
    for (const { piece, from, to } of this.overlaps(address, bytes.length)) {
      const known = this.open.contents(piece).subarray(Number(address - piece.address) + from);
      for (const [start, end] of equalPages(bytes, known, from, to)) {
        if (start > done) appendPieces(pieces, fresh(address + BigInt(done), bytes.subarray(done, start)));
        appendPieces(pieces, [referTo(piece, address + BigInt(start), end - start)]);
        done = end;
      }
    }
    if (done < bytes.length) appendPieces(pieces, fresh(address + BigInt(done), bytes.subarray(done)));
    return pieces;
  }

  /** Pieces with pages of a stretch, and which: bytes of the stretch. Maps are asked for in ascending order, so it goes on where it was. */
  private *overlaps(address: bigint, size: number) {
    const end = address + BigInt(size);
    const before = this.all[this.next - 1];
    if (before !== undefined && before.address + BigInt(before.size) > address) this.next = 0;
    while (this.next < this.all.length) {
      const piece = this.all[this.next]!;
      if (piece.address >= end) return;
      const last = piece.address + BigInt(piece.size);
      if (last > address)
        yield {
          piece,
          from: piece.address > address ? Number(piece.address - address) : 0,
          to: last < end ? Number(last - address) : size,
        };
      // The rest of it is for the next stretch.
      if (last > end) return;
      this.next++;
    }
  }
}

const referTo = (piece: PieceImage, address: bigint, size: number): PieceImage => ({
  address,
  size,
  block: piece.block,
  from: piece.from + Number(address - piece.address),
  back: (piece.back ?? 0) + 1,
});

/** Stretches of pages from `from` to `to` that are the same; `known` begins at `from`. */
function* equalPages(
  bytes: Uint8Array,
  known: Uint8Array,
  from: number,
  to: number,
): Generator<[number, number]> {
  const same = (start: number, end: number): boolean =>
    Buffer.compare(bytes.subarray(start, end), known.subarray(start - from, end - from)) === 0;
  if (same(from, to)) {
    yield [from, to];
    return;
  }
  for (let at = from; at + PAGE <= to; at += PAGE) if (same(at, at + PAGE)) yield [at, at + PAGE];
}
