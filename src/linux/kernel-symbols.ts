/** Which functions of the kernel hold some addresses, by /proc/kallsyms. */
import { readFileSync } from 'node:fs';

/** Names by address; undefined where the kernel hides its addresses (kernel.kptr_restrict), or there is no such table. */
export function kernelFunctions(addresses: readonly bigint[]): ReadonlyMap<bigint, string> | undefined {
  let table: string;
  try {
    table = readFileSync('/proc/kallsyms', 'latin1');
  } catch {
    return undefined;
  }
  const best = new Map<bigint, { start: bigint; name: string }>();
  for (const [, digits, name] of table.matchAll(/^([0-9a-f]+) [tTwW] (\S+)/gm)) {
    const start = BigInt(`0x${digits}`);
    if (start === 0n) return undefined;
    for (const address of addresses) {
      const known = best.get(address);
      if (start <= address && (known === undefined || start > known.start))
        best.set(address, { start, name: name! });
    }
  }
  return best.size === 0 ? undefined : new Map([...best].map(([address, { name }]) => [address, name]));
}
