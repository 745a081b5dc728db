import type { Range } from '../../linux/seccomp.js';
import { callSites } from '../../sections/call-sites.js';
import type { Module, Modules } from '../modules.js';

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
