import { constantOf } from '../../sections/nodes.js';
import type { Report, Rule } from '../rule.js';
import type { TouchedAccess } from '../view.js';

export const commitNotSingleCopyAtomic: Rule = {
  id: 'commit-not-single-copy-atomic',
  severity: 'error',
  summary: 'The committing store may become visible in pieces.',
  why: 'Other CPUs must see the commit all or not at all. A store of more than 8 bytes, a pair of registers, a repeated string instruction, or a store across a cache line may be seen half done; a string instruction can even be interrupted, and aborted, in its middle.',
  kernels: 'All; it is a property of the processor (Intel SDM vol. 3, 9.1.1; Arm ARM B2.2.1).',
  mend: 'Commit with one aligned store of at most 8 bytes: a pointer, an index, a counter.',
  *section({ view }): Iterable<Report> {
    for (const store of view.commits) {
      const why = pieces(store);
      if (why !== undefined)
        yield { at: store.instruction.address, message: `the commit is not single-copy atomic: ${why}` };
    }
  },
};

function pieces({ instruction, size, address }: TouchedAccess): string | undefined {
  if (instruction.traits.has('string'))
    return 'a repeated string instruction can be interrupted in its middle';
  if (instruction.traits.has('split'))
    return `it writes ${size > 8 ? `${size} bytes` : 'two registers'} in more than one piece`;
  // A locked operation is one piece whatever its size: lock cmpxchg16b, casp (Intel SDM vol. 3, 9.1.2; Arm ARM B2.2.1).
  if (size > 8 && !instruction.traits.has('atomic'))
    return `it writes ${size} bytes, more than the 8 that are guaranteed to be seen at once`;
  const place = constantOf(address);
  const crosses =
    place !== undefined && size > 0 && Math.floor(place / 64) !== Math.floor((place + size - 1) / 64);
  return crosses ? `it writes ${size} bytes across a cache line` : undefined;
}
