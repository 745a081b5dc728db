import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { inflateSync } from 'node:zlib';
import { ImageError, type ImageSource, type OpenImage, openImage } from '../../checkpoint/codec.js';
import { isErrno } from '../../linux/errors.js';
import { reason } from '../../node/reason.js';

/** An image, of which only what is asked for is read; the file stays open. Throws ImageError, and the errors of open(2). */
export function openImageFile(name: string): OpenImage {
  return openImage(source(name), name, {
    parent: (file) => openParent(name, resolve(dirname(name), file)),
    unzip: (bytes) => inflate(bytes, name),
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

function inflate(bytes: Uint8Array, name: string): Uint8Array {
  try {
    return inflateSync(bytes);
  } catch (error) {
    throw new ImageError(`${name} is damaged: ${(error as Error).message}`);
  }
}
