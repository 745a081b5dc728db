import { unzlibSync, zlibSync } from 'fflate';
import { hex } from '../abi/address.js';
import { Digest } from '../event/digest.js';
import { IMAGE_SCHEMA, type PieceImage, type ProcessImage } from './image.js';

/**
 * `RSEQLAB-IMAGE\n`, the length of the header (32 bits, little-endian), the header (JSON, UTF-8), the data, and the digest of all that in 32
 * hexadecimal digits.
 */
const MAGIC = 'RSEQLAB-IMAGE\n';
const DIGEST = 32;
const HEAD = MAGIC.length + 4;
/** Data is compressed in pieces of at most so many bytes. */
const LARGEST_PIECE = 1 << 20;

/** A file that is no image, or a damaged one: the message is for the user. */
export class ImageError extends Error {}

/** Collects the contents of memory while an image is made. */
export class ImageData {
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  /** Bytes at an address, as pieces. */
  add(address: bigint, bytes: Uint8Array): PieceImage[] {
    const pieces: PieceImage[] = [];
    for (let from = 0; from < bytes.length; from += LARGEST_PIECE) {
      const part = bytes.subarray(from, from + LARGEST_PIECE);
      const packed = zlibSync(part, { level: 1 });
      pieces.push({
        address: address + BigInt(from),
        size: part.length,
        at: this.length,
        length: packed.length,
      });
      this.parts.push(packed);
      this.length += packed.length;
    }
    return pieces;
  }

  /** The file, in parts to be written one behind the other. */
  encode(image: ProcessImage): Uint8Array[] {
    const header = new TextEncoder().encode(JSON.stringify(image, plain));
    const head = new Uint8Array(HEAD);
    head.set(new TextEncoder().encode(MAGIC));
    new DataView(head.buffer).setUint32(MAGIC.length, header.length, true);
    const parts = [head, header, ...this.parts];
    return [...parts, new TextEncoder().encode(digestOf(parts))];
  }
}

/** An image that was read: its header, and the contents of memory on request. */
export interface OpenImage {
  readonly image: ProcessImage;
  contents(piece: PieceImage): Uint8Array;
}

export const isImage = (bytes: Uint8Array): boolean => ascii(bytes.subarray(0, MAGIC.length)) === MAGIC;

/** Throws ImageError. */
export function decodeImage(bytes: Uint8Array, name: string): OpenImage {
  if (!isImage(bytes))
    throw new ImageError(`${name} is no image of a process; rseqlab checkpoint PID -o FILE makes one`);
  const damaged = (): never => {
    throw new ImageError(`${name} is damaged or was not written to its end; use another copy of it`);
  };
  if (bytes.length < HEAD + DIGEST) damaged();
  const end = bytes.length - DIGEST;
  if (digestOf([bytes.subarray(0, end)]) !== ascii(bytes.subarray(end))) damaged();
  const headerEnd = HEAD + new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true);
  const image = JSON.parse(new TextDecoder().decode(bytes.subarray(HEAD, headerEnd)), revive) as ProcessImage;
  if (image.schema !== IMAGE_SCHEMA)
    throw new ImageError(
      `${name} has the form ${JSON.stringify(image.schema)}, this rseqlab knows ${IMAGE_SCHEMA}; use the one that wrote it`,
    );
  return {
    image,
    contents: ({ at, length }) => unzlibSync(bytes.subarray(headerEnd + at, headerEnd + at + length)),
  };
}

function digestOf(parts: readonly Uint8Array[]): string {
  const digest = new Digest();
  for (const part of parts) digest.bytes(part);
  return digest.text();
}

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? hex(value) : value);
/** Texts that look like addresses and are none. */
const TEXTS: readonly string[] = ['name', 'path', 'command', 'executable', 'directory', 'kernel', 'version'];

function revive(key: string, value: unknown): unknown {
  if (typeof value !== 'string' || TEXTS.includes(key) || !/^0x[0-9a-f]+$/.test(value)) return value;
  return BigInt(value);
}
