/** Descriptors in a process that is to become an image's. */
import type { ProcessImage } from '../../checkpoint/image.js';
import { SystemError } from '../../linux/errors.js';
import { type InThread, withBytes } from '../../linux/inject.js';
import { reason } from '../../node/reason.js';
import { Unsupported } from './refusal.js';

const F_DUPFD = 0;

/** Of image.objects, while all that leads to them is made. */
export type ObjectDescriptors = readonly number[];

export const textBytes = (value: string) => (): Uint8Array => new TextEncoder().encode(`${value}\0`);

/** open(2) in the process. Throws Unsupported. */
export function openIn(pid: number, call: InThread, path: string, flags: number): number {
  try {
    return Number(withBytes(pid, call, textBytes(path), (at) => call('open', at, flags, 0)));
  } catch (error) {
    if (error instanceof SystemError) throw new Unsupported(`it cannot open ${path}: ${reason(error)}`);
    throw error;
  }
}

/** Above all that are in the image. */
export const firstFree = ({ files }: ProcessImage): number => Math.max(3, ...files.map(({ fd }) => fd + 1));

/** Moves a descriptor to a number that nothing in the image has. */
export function highDescriptor(call: InThread, fd: number | bigint, image: ProcessImage): number {
  const high = Number(call('fcntl', fd, F_DUPFD, firstFree(image)));
  call('close', fd);
  return high;
}
