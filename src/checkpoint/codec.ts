/**
 * The file: `RSEQLAB-IMAGE\n`, the blocks one behind the other, the header (StoredImage as JSON, UTF-8), its length (32 bits, little-endian), and in 32
 * hexadecimal digits the digest of the first line, the header and its length. The header has a digest of each block, so that digest stands for all.
 */
import { unzlibSync, zlibSync } from 'fflate';
import { hex } from '../abi/address.js';
import { Digest } from '../event/digest.js';
import { BlockBuilder } from './blocks.js';
import {
  type BlockImage,
  IMAGE_SCHEMA,
  type ParentImage,
  type PieceImage,
  type ProcessImage,
  type StoredImage,
} from './image.js';
import { looksLikeImage } from './shape.js';

const MAGIC = 'RSEQLAB-IMAGE\n';
const DIGEST = 32;
const LENGTH = 4;

/** A file that is no image, or a damaged one: the message is for the user. */
export class ImageError extends Error {}

/** In front of the blocks. */
export const imageHead = (): Uint8Array => new TextEncoder().encode(MAGIC);

/** Behind the blocks. */
export function imageTail(stored: StoredImage): Uint8Array[] {
  const header = new TextEncoder().encode(JSON.stringify(stored, plain));
  const length = new Uint8Array(LENGTH);
  new DataView(length.buffer).setUint32(0, header.length, true);
  return [header, length, new TextEncoder().encode(digestOf([imageHead(), header, length]))];
}

/** An image in the making, in memory; src/live/checkpoint/writer.ts writes large ones. */
export class ImageData {
  private readonly blocks: BlockImage[] = [];
  private readonly parts: Uint8Array[] = [];
  private readonly builder = new BlockBuilder(
    (_, bytes) => this.block(bytes),
    () => this.blocks.length,
  );
  private length = 0;

  /** Bytes at an address, as pieces. */
  add(address: bigint, bytes: Uint8Array): PieceImage[] {
    return this.builder.add(address, bytes);
  }

  private block(bytes: Uint8Array): void {
    const zipped = zlibSync(bytes, { level: 1 });
    const packed = zipped.length < bytes.length;
    const part = packed ? zipped : bytes;
    this.blocks.push({
      at: this.length,
      length: part.length,
      size: bytes.length,
      packed,
      digest: digestOf([part]),
    });
    this.parts.push(part);
    this.length += part.length;
  }

  /** The file, in parts to be written one behind the other. */
  encode(image: ProcessImage): Uint8Array[] {
    this.builder.flush();
    return [imageHead(), ...this.parts, ...imageTail({ ...image, blocks: this.blocks })];
  }
}

/** Where an image is read from. */
export interface ImageSource {
  readonly size: number;
  /** So many bytes, which are there. */
  read(at: number, length: number): Uint8Array;
}

/** An image that was read: its header, and the contents of memory on request. */
export interface OpenImage {
  readonly image: ProcessImage;
  readonly blocks: readonly BlockImage[];
  readonly parent?: ParentImage;
  /** Its last 32 characters, which stand for all of it. */
  readonly digest: string;
  /** Throws ImageError where that part of the file is damaged, or of another image that holds it, or that is not there. */
  contents(piece: PieceImage): Uint8Array;
  /** The block that holds a piece, one object for each block. Throws ImageError likewise. */
  stored(piece: PieceImage): StoredBlock;
}

/** A block as it is in a file. */
export interface StoredBlock {
  /** Of the file. */
  readonly name: string;
  /** Bytes in memory. */
  readonly size: number;
  readonly packed: boolean;
  readonly method?: BlockImage['method'];
  /** Its bytes in the file, which are right by their digest. Throws ImageError. */
  bytes(): Uint8Array;
}

export interface OpenOptions {
  /** Opens the image that it was made from; `file` as it is in the header. Throws ImageError. */
  parent?(file: string): OpenImage;
  /** fflate's else, which knows zlib's form only. */
  unzip?(bytes: Uint8Array, size: number, method: BlockImage['method']): Uint8Array;
}

export const isImage = (bytes: Uint8Array): boolean => ascii(bytes.subarray(0, MAGIC.length)) === MAGIC;

/** An image in memory: all of it is checked. Throws ImageError. */
export function decodeImage(bytes: Uint8Array, name: string, options: OpenOptions = {}): OpenImage {
  const opened = openImage(
    { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) },
    name,
    options,
  );
  for (const [block, { size }] of opened.blocks.entries())
    opened.stored({ address: 0n, size, block, from: 0 }).bytes();
  return opened;
}

/** Checks the header; the blocks when they are asked for. Throws ImageError. */
export function openImage(source: ImageSource, name: string, options: OpenOptions = {}): OpenImage {
  if (source.size < MAGIC.length || !isImage(source.read(0, MAGIC.length)))
    throw new ImageError(`${name} is no image of a process; rseqlab checkpoint PID -o FILE makes one`);
  const { header, start, digest } = headerOf(source) ?? damaged(name);
  const stored = parsed(header);
  if (typeof stored?.schema === 'string' && stored.schema !== IMAGE_SCHEMA)
    throw new ImageError(
      `${name} has the form ${JSON.stringify(stored.schema)}, this rseqlab knows ${IMAGE_SCHEMA}; use the one that wrote it`,
    );
  if (!looksLikeImage(stored)) return damaged(name);
  if (stored.architecture !== 'x86-64')
    throw new ImageError(
      `${name} is of a process on ${JSON.stringify(stored.architecture)}; this rseqlab knows those of x86-64`,
    );
  const { blocks, parent, ...image } = stored;
  if (blocks.reduce((end, { length }) => end + length, MAGIC.length) !== start) damaged(name);
  const blockOf = storedBlocks(source, blocks, name);
  const blockAt = reader(blockOf, options.unzip);
  const back = parent && opener(name, parent, options);
  const inParent = <T>(piece: PieceImage, use: (open: OpenImage, piece: PieceImage) => T): T =>
    use((back ?? damaged(name))(), { ...piece, back: piece.back! - 1 });
  return {
    image,
    blocks,
    ...(parent && { parent }),
    digest,
    contents: (piece) => {
      if (piece.back) return inParent(piece, (open, its) => open.contents(its));
      return blockAt(piece.block).subarray(piece.from, piece.from + piece.size);
    },
    stored: (piece) => (piece.back ? inParent(piece, (open, its) => open.stored(its)) : blockOf(piece.block)),
  };
}

/** What every image has is looked for by looksLikeImage. */
function parsed(header: Uint8Array): { readonly schema?: unknown } | null {
  try {
    return JSON.parse(new TextDecoder().decode(header), revive);
  } catch {
    return null;
  }
}

function headerOf(source: ImageSource) {
  const end = source.size - DIGEST - LENGTH;
  if (end < MAGIC.length) return undefined;
  const length = source.read(end, LENGTH);
  const start = end - new DataView(length.buffer, length.byteOffset).getUint32(0, true);
  if (start < MAGIC.length) return undefined;
  const header = source.read(start, end - start);
  const digest = ascii(source.read(end + LENGTH, DIGEST));
  return digest === digestOf([imageHead(), header, length]) ? { header, start, digest } : undefined;
}

/** Blocks that are kept unpacked: pieces that follow each other are in few. */
const KEPT = 8;

function storedBlocks(
  source: ImageSource,
  blocks: readonly BlockImage[],
  name: string,
): (block: number) => StoredBlock {
  const made = new Map<number, StoredBlock>();
  return (block) => {
    let stored = made.get(block);
    if (stored === undefined) {
      const { at, length, size, packed, method, digest } = blocks[block] ?? damaged(name);
      const bytes = (): Uint8Array => {
        const part = source.read(MAGIC.length + at, length);
        return digestOf([part]) === digest ? part : damaged(name);
      };
      stored = { name, size, packed, ...(method && { method }), bytes };
      made.set(block, stored);
    }
    return stored;
  };
}

function reader(
  stored: (block: number) => StoredBlock,
  unzip: OpenOptions['unzip'],
): (block: number) => Uint8Array {
  const kept = new Map<number, Uint8Array>();
  const unpack = (block: number): Uint8Array => {
    const { name, bytes, packed, size, method } = stored(block);
    if (!packed) return bytes();
    if (unzip !== undefined) return unzip(bytes(), size, method);
    if (method === undefined) return unzlibSync(bytes());
    throw new ImageError(
      `${name} is packed by ${method}, which cannot be unpacked here; take one with --no-compress`,
    );
  };
  return (block) => {
    const bytes = kept.get(block) ?? unpack(block);
    // The one that was wanted last is the last to go.
    kept.delete(block);
    kept.set(block, bytes);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
    return bytes;
  };
}

/** Opens the image that this one was made from, once. */
function opener(name: string, { file, digest }: ParentImage, { parent: open }: OpenOptions): () => OpenImage {
  let opened: OpenImage | undefined;
  return () => {
    opened ??= open?.(file);
    if (opened === undefined)
      throw new ImageError(`${name} needs ${file}, which holds some of its memory: it is not at hand`);
    if (opened.digest !== digest)
      throw new ImageError(
        `${file} is not the image that ${name} was made from: it was written anew, and what ${name} needs of it is gone`,
      );
    return opened;
  };
}

function damaged(name: string): never {
  throw new ImageError(`${name} is damaged or was not written to its end; use another copy of it`);
}

/** Of parts of an image, one behind the other. */
export function digestOf(parts: readonly Uint8Array[]): string {
  const digest = new Digest();
  for (const part of parts) digest.bytes(part);
  return digest.text();
}

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
/** Texts that are always texts, whatever they look like. */
const TEXTS: readonly string[] = ['name', 'path', 'executable', 'directory', 'kernel', 'version', 'file'];
/** What a number looks like, and a text that looks like one: an argument of a program, which gets a backslash in front. */
const LIKE_NUMBER = /^\\*0x[0-9a-f]+$/;

function plain(key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return hex(value);
  return typeof value === 'string' && !TEXTS.includes(key) && LIKE_NUMBER.test(value) ? `\\${value}` : value;
}

function revive(key: string, value: unknown): unknown {
  if (typeof value !== 'string' || TEXTS.includes(key) || !LIKE_NUMBER.test(value)) return value;
  return value.startsWith('\\') ? value.slice(1) : BigInt(value);
}
