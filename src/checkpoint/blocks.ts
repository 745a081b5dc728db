import type { PieceImage } from './image.js';

/** Bytes that are compressed at once: enough to be worth it, few enough for a reader of one page. */
export const BLOCK = 1 << 20;

/** Puts the contents of memory into blocks, in the order in which they come. */
export class BlockBuilder {
  private buffer = new Uint8Array(BLOCK);
  private used = 0;

  /** `full` gets each block, which is its own from then on; `number`: of the first one. */
  constructor(
    private readonly full: (bytes: Uint8Array<ArrayBuffer>) => void,
    private number = 0,
  ) {}

  /** Bytes at an address, as pieces. */
  add(address: bigint, bytes: Uint8Array): PieceImage[] {
    const pieces: PieceImage[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = Math.min(bytes.length - at, BLOCK - this.used);
      this.buffer.set(bytes.subarray(at, at + size), this.used);
      pieces.push({ address: address + BigInt(at), size, block: this.number, from: this.used });
      this.used += size;
      at += size;
      if (this.used === BLOCK) this.flush();
    }
    return pieces;
  }

  /** What is in the last block is all that comes, or all that is to be in it. */
  flush(): void {
    if (this.used === 0) return;
    this.full(this.buffer.subarray(0, this.used));
    this.number++;
    this.buffer = new Uint8Array(BLOCK);
    this.used = 0;
  }
}
