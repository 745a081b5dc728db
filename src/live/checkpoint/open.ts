import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  ImageError,
  type ImageSource,
  type OpenImage,
  openImage,
  type StoredBlock,
} from '../../checkpoint/codec.js';
import { isErrno } from '../../linux/errors.js';
import { reason } from '../../node/reason.js';
import { unpackBlock, unpackBlockBeside } from '../../node/unpack-block.js';

/** An image, of which only what is asked for is read; the file stays open. Throws ImageError, and the errors of open(2). */
export function openImageFile(name: string): OpenImage {
  return openImage(source(name), name, {
    parent: (file) => openParent(name, resolve(dirname(name), file)),
    unzip: (bytes, size, method) => unpack(name, () => unpackBlock(bytes, size, method)),
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

function unpack<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new ImageError(`${name} is damaged: ${(error as Error).message}`);
  }
}

/** Contents of a block, unpacked by another thread. Throws ImageError. */
export async function unpacked({ name, size, packed, method, bytes }: StoredBlock): Promise<Uint8Array> {
  const part = bytes();
  if (!packed) return part;
  try {
    return await unpackBlockBeside(part, size, method);
  } catch (error) {
    return unpack(name, () => {
      throw error;
    });
  }
}
