import { callSites } from '../../sections/call-sites.js';
import type { CallPlaces } from '../calls/call-stops.js';
import { SYSCALL_SIZE } from '../calls/entry.js';
import type { Module, Modules } from '../modules.js';

const known = new WeakMap<Module, bigint[]>();

/** The places of annotated calls of a process. Only files that have to do with rseq are read. */
export function sitePlaces({ modules }: Modules): CallPlaces {
  const instructions = modules.flatMap((module) => {
    let found = known.get(module);
    if (found === undefined) {
      const image = module.file.hasTraces ? module.file.image : undefined;
      // The header's own SYSCALL instruction is in front of each.
      found = (image === undefined ? [] : callSites(image)).map((behind) => BigInt(behind) + module.bias - SYSCALL_SIZE); // biome-ignore format: one step
      known.set(module, found);
    }
    return found;
  });
  return { instructions, ranges: [] };
}
