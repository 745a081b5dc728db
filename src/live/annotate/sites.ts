import { addr } from '../../abi/address.js';
import { CALL_SITES_SECTION } from '../../abi/annotation.js';
import type { ProgramImage } from '../../binary/image.js';
import type { Range } from '../../linux/seccomp.js';
import type { Module, Modules } from '../modules.js';

/** Addresses in the file to which annotated calls return: each word of the section holds its distance from itself. */
export function callSites(image: ProgramImage): number[] {
  const section = image.sections.find(({ name }) => name === CALL_SITES_SECTION);
  const bytes = section?.address === undefined ? undefined : image.read(section.address, section.size);
  if (bytes === undefined) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length >> 2 }, (_, n) =>
    addr(section!.address! + 4 * n + view.getInt32(4 * n, true)),
  );
}

const known = new WeakMap<Module, Range[]>();

/** The places of annotated calls of a process. Only files that have to do with rseq are read. */
export function siteRanges({ modules }: Modules): Range[] {
  return modules.flatMap((module) => {
    let ranges = known.get(module);
    if (ranges === undefined) {
      const image = module.file.hasTraces ? module.file.image : undefined;
      ranges = (image === undefined ? [] : callSites(image)).map((site) => {
        const start = BigInt(site) + module.bias;
        return { start, end: start + 1n };
      });
      known.set(module, ranges);
    }
    return ranges;
  });
}
