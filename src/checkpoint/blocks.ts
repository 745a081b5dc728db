import type { PieceImage } from './image.js';

/** Bytes that are compressed at once: enough to be worth it, few enough for a reader of one page. */
export const BLOCK = 1 << 20;

/** Puts the contents of memory into blocks, in the order in which they come. */
export class BlockBuilder {
  private buffer: Uint8Array;
  private used = 0;
  private number = 0;

  /** `full` gets each block, whose bytes are its own from then on; `next` gives numbers for blocks, `room` memory of BLOCK bytes. */
  constructor(
    private readonly full: (number: number, bytes: Uint8Array) => void,
    private readonly next: () => number,
    private readonly room: () => Uint8Array = () => new Uint8Array(BLOCK),
  ) {
    this.buffer = room();
  }

  /** Bytes at an address, as pieces. */
  add(address: bigint, bytes: Uint8Array): PieceImage[] {
    const pieces: PieceImage[] = [];
    for (let at = 0; at < bytes.length; ) {
      if (this.used === 0) this.number = this.next();
      const size = Math.min(bytes.length - at, BLOCK - this.used);
      this.buffer.set(bytes.subarray(at, at + size), this.used);
      pieces.push({ address: address + BigInt(at), size, block: this.number, from: this.used });
      this.used += size;
      at += size;
      if (this.used === BLOCK) this.flush();
    }
    return pieces;
  }

  /** What is in the last block is all that is to be in it. */
  flush(): void {
    if (this.used === 0) return;
    this.full(this.number, this.buffer.subarray(0, this.used));
    this.buffer = this.room();
    this.used = 0;
  }
}

/** Adds pieces behind others, as one where the one continues the other. */
export function appendPieces(pieces: PieceImage[], more: readonly PieceImage[]): void {
  for (const piece of more) {
    const last = pieces.at(-1);
    const continues =
      last !== undefined &&
      last.address + BigInt(last.size) === piece.address &&
      last.block === piece.block &&
      last.back === piece.back &&
      last.from + last.size === piece.from;
    if (continues) pieces[pieces.length - 1] = { ...last, size: last.size + piece.size };
    else pieces.push(piece);
  }
}
