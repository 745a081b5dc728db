import { type Addr, addr } from '../abi/address.js';
import { CALL_SITES_SECTION } from '../abi/annotation.js';
import type { ProgramImage } from '../binary/image.js';

/** Addresses to which annotated calls return (include/rseqlab_syscall.h): each word of their section holds its distance from itself. */
export function callSites(image: ProgramImage): Addr[] {
  return image.sections
    .filter(({ name }) => name === CALL_SITES_SECTION)
    .flatMap(({ address, size }) => {
      const bytes = address === undefined ? undefined : image.read(address, size);
      if (bytes === undefined) return [];
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return Array.from({ length: bytes.length >> 2 }, (_, n) =>
        addr(address! + 4 * n + view.getInt32(4 * n, true)),
      );
    });
}
