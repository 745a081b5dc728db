import { type Addr, hex } from '../abi/address.js';
import { demangle } from '../binary/demangle/index.js';
import type { ProgramImage } from '../binary/image.js';
import { printable } from '../binary/printable.js';

/** `0x4011c4 <push+0x14>`. */
export function describePlace(image: ProgramImage, at: Addr): string {
  const range = image.functionAt(at);
  if (range?.name === undefined) return image.place(at);
  const offset = at === range.start ? '' : `+${hex(at - range.start)}`;
  return `${image.place(at)} <${nameOf(range.name)}${offset}>`;
}

/** The name of what lies at an address, with the address: `counter (.bss+0x40)`; the address alone where nothing is named. */
export function describeData(image: ProgramImage, at: Addr): string {
  const extern = [...(image.externs ?? [])].find(([, address]) => address === at)?.[0];
  if (extern !== undefined) return nameOf(extern);
  const symbol = image.symbols.find((each) => each.address === at && each.kind !== 'tls');
  return symbol === undefined ? image.place(at) : `${nameOf(symbol.name)} (${image.place(at)})`;
}

/** A symbol's name as a reader knows it; names of a damaged file may hold anything. */
export const nameOf = (symbol: string): string => printable(demangle(symbol));
