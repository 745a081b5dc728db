import { type Addr, hex } from '../abi/address.js';
import { demangle } from '../binary/demangle/index.js';
import type { ProgramImage } from '../binary/image.js';

/** `push+0x14`, or the address. */
export function placeOf(image: ProgramImage, at: Addr): string {
  const range = image.functionAt(at);
  if (range?.name === undefined) return hex(at);
  return `${demangle(range.name)}${at === range.start ? '' : `+${hex(at - range.start)}`}`;
}
