/** Writes an image while its memory is read: what is compressed is compressed beside, and not more than some blocks are held in memory. */
import { writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import { appendPieces, BLOCK, BlockBuilder } from '../../checkpoint/blocks.js';
import { digestOf, imageHead, imageTail } from '../../checkpoint/codec.js';
import type { BlockImage, ParentImage, PieceImage, ProcessImage } from '../../checkpoint/image.js';
import { reason } from '../../node/reason.js';
import { Unsupported } from './refusal.js';

const PAGE = 4096;
const ZEROS = new Uint8Array(PAGE);
/** Blocks that are compressed at the same time: threads of libuv (4), and as many that wait for one. */
const AT_WORK = 8;
const compress = promisify(brotliCompress);
const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = constants;
/**
 * At its lowest quality: two to three times as fast as zlib's level 1, with some 5 % more to write. Room for all of a block: else it goes back and forth between
 * threads for each 16 KiB.
 */
const FAST = {
  params: { [BROTLI_PARAM_QUALITY]: 0, [BROTLI_PARAM_LGWIN]: 20, [BROTLI_PARAM_SIZE_HINT]: BLOCK },
  chunkSize: BLOCK,
};

export class ImageWriter {
  private readonly blocks: BlockImage[] = [];
  private readonly waiting: {
    readonly block: number;
    readonly bytes: Uint8Array;
    readonly packed: boolean;
  }[] = [];
  private readonly working = new Set<Promise<void>>();
  /** Memory of blocks that are written: new memory has to be cleared, and thrown away. */
  private readonly spare: Uint8Array[] = [];
  private readonly compact = this.builder(true);
  private readonly plain = this.builder(false);
  private count = 0;
  private length = 0;
  private failed: unknown;

  /** `name`: of the file, for messages. `compresses`: false, all pages stay as they are. */
  constructor(
    private readonly fd: number,
    private readonly name: string,
    private readonly compresses = true,
  ) {
    this.write(imageHead());
  }

  private builder(packed: boolean): BlockBuilder {
    return new BlockBuilder(
      (block, bytes) => this.waiting.push({ block, bytes, packed }),
      () => this.count++,
      () => this.spare.pop() ?? new Uint8Array(BLOCK),
    );
  }

  /** Bytes at an address, as pieces. Nothing is compressed nor written before `room` or `finish`. */
  add(address: bigint, bytes: Uint8Array): PieceImage[] {
    return this.compact.add(address, bytes);
  }

  /** Whole pages. `zeros`: those without contents are kept too. */
  addPages(address: bigint, bytes: Uint8Array, zeros: boolean): PieceImage[] {
    const pieces: PieceImage[] = [];
    let from = 0;
    let kind: Kind | undefined;
    for (let at = 0; at <= bytes.length; at += PAGE) {
      const next = at < bytes.length ? this.kindOf(bytes, at, zeros) : undefined;
      if (next === kind) continue;
      if (kind === 'noise' || kind === 'words') {
        const builder = kind === 'words' ? this.compact : this.plain;
        appendPieces(pieces, builder.add(address + BigInt(from), bytes.subarray(from, at)));
      }
      from = at;
      kind = next;
    }
    return pieces;
  }

  private kindOf(bytes: Uint8Array, from: number, zeros: boolean): Kind {
    if (!zeros && isZero(bytes, from)) return 'zeros';
    return this.compresses && !isNoise(bytes, from) ? 'words' : 'noise';
  }

  /** Until more can be added without piling up. Throws what writing has thrown. */
  async room(): Promise<void> {
    this.work();
    while (this.waiting.length > 0) {
      await Promise.race(this.working);
      this.work();
    }
    this.check();
  }

  /** The rest of the file; its size in bytes. */
  async finish(image: ProcessImage, parent?: ParentImage): Promise<number> {
    this.compact.flush();
    this.plain.flush();
    await this.room();
    await Promise.all(this.working);
    this.check();
    const tail = imageTail({ ...image, blocks: this.blocks, ...(parent && { parent }) });
    for (const part of tail) this.write(part);
    return [imageHead(), ...tail].reduce((sum, { length }) => sum + length, this.length);
  }

  private check(): void {
    if (this.failed !== undefined) throw this.failed;
  }

  private work(): void {
    while (this.working.size < AT_WORK) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      const done = this.store(next.block, next.bytes, next.packed)
        .catch((error: unknown) => {
          this.failed ??= error;
        })
        .finally(() => this.working.delete(done));
      this.working.add(done);
    }
  }

  private async store(block: number, bytes: Uint8Array, pack: boolean): Promise<void> {
    const zipped = pack ? await compress(bytes, FAST) : bytes;
    const packed = zipped.length < bytes.length;
    const part = packed ? zipped : bytes;
    this.blocks[block] = {
      at: this.length,
      length: part.length,
      size: bytes.length,
      packed,
      ...(packed && { method: 'brotli' }),
      digest: digestOf([part]),
    };
    this.length += part.length;
    if (this.failed === undefined) this.write(part);
    if (bytes.byteOffset === 0) this.spare.push(new Uint8Array(bytes.buffer));
  }

  private write(bytes: Uint8Array): void {
    writing(this.name, () => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
    });
  }
}

/** Does what writes a file. Throws Unsupported. */
export function writing<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new Unsupported(`${name} cannot be written: ${reason(error)}; choose another place with -o`);
  }
}

type Kind = 'zeros' | 'noise' | 'words';
const seen = new Uint32Array(256);
let turn = 0;
/** Of 256 bytes that come from dice about 162 values are different; of a program's data, or text, fewer than a hundred. */
const NOISE = 140;

const isZero = (bytes: Uint8Array, from: number): boolean =>
  bytes[from] === 0 && Buffer.compare(bytes.subarray(from, from + PAGE), ZEROS) === 0;

/** It takes deflate three times as long to find out that it can do nothing with noise. */
function isNoise(bytes: Uint8Array, from: number): boolean {
  turn++;
  let values = 0;
  // Four stretches of 64 bytes.
  for (let n = 0; n < 256; n++) {
    const value = bytes[from + (n >> 6) * 1024 + 512 + (n & 63)]!;
    if (seen[value] !== turn) values++;
    seen[value] = turn;
  }
  return values > NOISE;
}
