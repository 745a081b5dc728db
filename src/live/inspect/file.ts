/** What is in a file is told by its beginning: an image of ours, a core. A folder is one of CRIU's. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { isImage } from '../../checkpoint/codec.js';
import type { RunningKernel } from '../../linux/kernel.js';
import type { InspectedProcess } from '../../report/inspect-document.js';
import { CoreProcess } from '../core.js';
import { CriuImages, isCriuDirectory } from '../criu.js';
import { ImageProcess } from '../image.js';
import { readingOf } from '../reading.js';
import { Refused } from '../refused.js';
import { inspectCore } from './core.js';
import { inspectCriu } from './criu.js';
import { inspectImage } from './image.js';

/** Throws Refused. */
export function inspectFile(path: string, kernel: RunningKernel): InspectedProcess[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    if (!isCriuDirectory(path))
      throw new Refused(
        `${path} is a folder without inventory.img: no images of CRIU; give an image, a core, or the number of a process`,
      );
    return readingOf(path, () => using(new CriuImages(path), (images) => inspectCriu(images, kernel)));
  }
  const head = headOf(path);
  if (head.length > 0 && !isImage(head) && head[0] !== ELF)
    throw new Refused(`${path} is no ELF core and no image; give one of these, or the number of a process`);
  if (!isImage(head)) return [using(CoreProcess.open(path), (core) => inspectCore(core, kernel))];
  return [readingOf(path, () => using(ImageProcess.open(path), (image) => inspectImage(image, kernel)))];
}

function using<T extends { close(): void }, R>(target: T, use: (target: T) => R): R {
  try {
    return use(target);
  } finally {
    target.close();
  }
}

const HEAD = 64;
/** The first byte of an ELF file. */
const ELF = 0x7f;

/** Empty where it cannot be read: whoever reads it next says why. */
export function headOf(path: string): Uint8Array {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return new Uint8Array();
  try {
    const fd = openSync(path, 'r');
    try {
      const bytes = new Uint8Array(HEAD);
      return bytes.subarray(0, readSync(fd, bytes, 0, HEAD, 0));
    } finally {
      closeSync(fd);
    }
  } catch {
    return new Uint8Array();
  }
}
