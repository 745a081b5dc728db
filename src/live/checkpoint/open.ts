import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { inflate, inflateSync } from 'node:zlib';
import {
  ImageError,
  type ImageSource,
  type OpenImage,
  openImage,
  type StoredBlock,
} from '../../checkpoint/codec.js';
import { isErrno } from '../../linux/errors.js';
import { reason } from '../../node/reason.js';

/** An image, of which only what is asked for is read; the file stays open. Throws ImageError, and the errors of open(2). */
export function openImageFile(name: string): OpenImage {
  return openImage(source(name), name, {
    parent: (file) => openParent(name, resolve(dirname(name), file)),
    unzip: (bytes, size) => unpack(name, () => inflateSync(bytes, roomFor(size))),
  });
}

function openParent(name: string, parent: string): OpenImage {
  try {
    return openImageFile(parent);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR')) throw error;
    throw new ImageError(`${name} needs ${parent}, which holds some of its memory: ${reason(error)}`);
  }
}

function source(name: string): ImageSource {
  const fd = openSync(name, 'r');
  try {
    const info = fstatSync(fd);
    if (!info.isFile()) throw new ImageError(`${name} is no image of a process: it is no regular file`);
    return {
      size: info.size,
      read: (at, length) => {
        const bytes = new Uint8Array(length);
        for (let got = 0; got < length; ) {
          const more = readSync(fd, bytes, got, length - got, at + got);
          if (more === 0) throw new ImageError(`${name} has become shorter while it was read`);
          got += more;
        }
        return bytes;
      },
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** All at once: else it goes back and forth for each 16 KiB. One byte more, or zlib would ask for more room. */
const roomFor = (size: number) => ({ chunkSize: Math.max(size + 1, 64) });

function unpack<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new ImageError(`${name} is damaged: ${(error as Error).message}`);
  }
}

const inflateBeside = promisify(inflate);

/** Contents of a block, unpacked by another thread. Throws ImageError. */
export async function unpacked({ name, size, packed, bytes }: StoredBlock): Promise<Uint8Array> {
  const part = bytes();
  if (!packed) return part;
  try {
    return await inflateBeside(part, roomFor(size));
  } catch (error) {
    return unpack(name, () => {
      throw error;
    });
  }
}
