import { readImage } from '../../../src/binary/read.js';
import { objectOf } from '../examples/runs.js';
import { ALL, explored } from '../soundness/explored.js';
import { type Arch, pathOf } from './manifest.js';

/** Ends of an exploration, memory and results, with names for addresses. */
export async function namedEnds(arch: Arch, scenario: string): Promise<string[]> {
  const path = pathOf('scenarios', arch);
  const what = { name: path, bytes: objectOf(path), scenario, kernel: '6.18', debugRseq: false, cpus: 2 };
  const { ends } = await explored(what, { reductions: { ...ALL, cpus: false } });
  const { symbols } = readImage(objectOf(path), path, { ownPages: true });
  const named = (digits: string): string => {
    const at = Number.parseInt(digits, 16);
    const symbol = symbols.find(
      ({ kind, address, size }) =>
        (kind === 'object' || kind === 'function') && address! <= at && at < address! + size,
    );
    return symbol === undefined ? digits : `${symbol.name}+${at - symbol.address!}`;
  };
  return [...ends]
    .map((end) => {
      const [memory, results] = end.replace(/[0-9a-f]{5,}/g, named).split(' | ');
      // Data lies in another order.
      return `${memory!.split(' ').sort().join(' ')} | ${results}`;
    })
    .sort();
}
