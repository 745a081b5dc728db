/** What the kernel will say to a registration that is made again, with the memory as it is then: a checkpoint that is brought back. */
import { explainRegistration, type RegistrationRow } from '../abi/registration.js';
import { RSEQ } from '../abi/rseq.js';
import type { MapView } from './process.js';
import type { RseqState } from './rseq.js';

/** The row of docs/abi.md that decides; undefined: it is taken, and nothing is wrong. Throws RangeError for a version that is none. */
export function registeringAgain(
  maps: readonly MapView[],
  { configuration, section }: RseqState,
  version: string,
): RegistrationRow | undefined {
  const { address, length } = configuration;
  const end = address + BigInt(Math.min(length, RSEQ.size));
  const allowed = (may: (map: MapView) => boolean): boolean => covers(maps.filter(may), address, end);
  const writable = allowed((map) => map.readable && map.writable);
  return explainRegistration(configuration, {
    version,
    readable: allowed(({ readable }) => readable),
    writable,
    // Where it leads to a descriptor nothing happens: the thread stands outside of that, and the kernel clears rseq_cs.
    staleRseqCs: section !== undefined && (!writable || section.descriptor === undefined),
  });
}

function covers(maps: readonly MapView[], from: bigint, to: bigint): boolean {
  const next = maps.find(({ start, end }) => start <= from && from < end);
  return next !== undefined && (next.end >= to || covers(maps, next.end, to));
}
