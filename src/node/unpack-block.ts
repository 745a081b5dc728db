/** Contents of a block of an image, by Node's own zlib. */
import { promisify } from 'node:util';
import { brotliDecompress, brotliDecompressSync, inflate, inflateSync } from 'node:zlib';
import type { BlockImage } from '../checkpoint/image.js';

type Method = BlockImage['method'];

/** All at once: else it goes back and forth for each 16 KiB. One byte more, or zlib would ask for more room. */
const roomFor = (size: number) => ({ chunkSize: Math.max(size + 1, 64) });

/** Throws errors of zlib. */
export const unpackBlock = (bytes: Uint8Array, size: number, method: Method): Uint8Array =>
  (method === 'brotli' ? brotliDecompressSync : inflateSync)(bytes, roomFor(size));

const brotliBeside = promisify(brotliDecompress);
const inflateBeside = promisify(inflate);

/** The same by another thread. */
export const unpackBlockBeside = (bytes: Uint8Array, size: number, method: Method): Promise<Uint8Array> =>
  (method === 'brotli' ? brotliBeside : inflateBeside)(bytes, roomFor(size));
