/** A part of a store: bytes of one cell, as bits from the lowest byte on; in `value` all others are 0. */
export interface Piece {
  readonly cell: number;
  readonly bytes: number;
  readonly value: bigint;
}

/** A store that waits. All of its pieces reach memory at once. */
export type Entry = readonly Piece[];

/** The stores of a task that nobody else sees yet, the oldest first. What is equal is the same object, with the same id. */
export interface StoreBuffer {
  readonly id: number;
  readonly entries: readonly Entry[];
  /** An exception was taken: nothing is executed until the buffer is empty. */
  readonly draining: boolean;
}

export const EMPTY: StoreBuffer = { id: 0, entries: [], draining: false };

const ALL_BYTES = 0xff;
/** The bits of a word that so many bytes stand for. */
const BITS = Array.from({ length: 256 }, (_, bytes) => {
  let bits = 0n;
  for (let n = 0; n < 8; n++) if (((bytes >> n) & 1) === 1) bits |= 0xffn << BigInt(8 * n);
  return bits;
});

/** The bytes of a word, as a piece. */
export const pieceOf = (cell: number, bytes: number, word: bigint): Piece => ({
  cell,
  bytes,
  value: word & BITS[bytes]!,
});

/** A word with the piece stored in it. */
export const stored = ({ bytes, value }: Piece, word: bigint): bigint => (word & ~BITS[bytes]!) | value;

/** Every store buffer there is, each once. */
export class StoreBuffers {
  private readonly known = new Map<string, StoreBuffer>();
  /** Most stores that have waited at once. */
  longest = 0;

  of(entries: readonly Entry[], draining: boolean): StoreBuffer {
    if (entries.length === 0) return EMPTY;
    this.longest = Math.max(this.longest, entries.length);
    const pieces = (entry: Entry): string =>
      entry.map(({ cell, bytes, value }) => `${cell}.${bytes}.${value.toString(36)}`).join('+');
    const key = `${draining} ${entries.map(pieces).join(' ')}`;
    let buffer = this.known.get(key);
    if (buffer === undefined) {
      buffer = { id: this.known.size + 1, entries, draining };
      this.known.set(key, buffer);
    }
    return buffer;
  }
}

/** The word as the buffer's task sees it. */
export function forwarded({ entries }: StoreBuffer, cell: number, word: bigint): bigint {
  let seen = word;
  for (const entry of entries) for (const piece of entry) if (piece.cell === cell) seen = stored(piece, seen);
  return seen;
}

/** Whatever memory holds there, the task sees nothing of it. */
export function covers({ entries }: StoreBuffer, cell: number): boolean {
  let bytes = 0;
  for (const entry of entries) for (const piece of entry) if (piece.cell === cell) bytes |= piece.bytes;
  return bytes === ALL_BYTES;
}

/** What of memory the oldest entry needs, and what it makes of it. */
export function flushed(
  [oldest]: readonly Entry[],
  value: (cell: number) => bigint,
): {
  readonly reads: readonly number[];
  readonly stores: readonly (readonly [cell: number, value: bigint])[];
} {
  const reads = oldest!.flatMap(({ cell, bytes }) => (bytes === ALL_BYTES ? [] : [cell]));
  return {
    reads,
    stores: oldest!.map((piece) => [
      piece.cell,
      piece.bytes === ALL_BYTES ? piece.value : stored(piece, value(piece.cell)),
    ]),
  };
}

const WORD = 8;
const LINE = 64;

/**
 * What of a store happens at once, as bytes [from, to): up to 8 bytes within a cache line, and 16 where they are aligned (Intel SDM vol. 3, 9.1.1;
 * AMD APM vol. 2, 7.3.2). All else goes word by word, from the lowest address on.
 */
export function unitsOf(at: number, size: number): (readonly [from: number, to: number])[] {
  const end = at + size;
  const inLine = Math.floor(at / LINE) === Math.floor((end - 1) / LINE);
  if ((size <= WORD && inLine) || (size === 2 * WORD && at % size === 0)) return [[at, end]];
  const units: [number, number][] = [];
  for (let from = at; from < end; from = (Math.floor(from / WORD) + 1) * WORD)
    units.push([from, Math.min(end, (Math.floor(from / WORD) + 1) * WORD)]);
  return units;
}
