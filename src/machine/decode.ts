import { Decoder, DecoderOptions } from 'iced-x86';
import type { Meaning } from '../isa/meaning.js';
import { meaningOf } from '../isa/x86-64/meaning/index.js';

/** Bytes of code at an address, up to 15; fewer at the end of what is executable, none outside. */
export type Fetch = (address: bigint) => Uint8Array;

/** What the instruction at an address does; undefined where there is none that is known. */
export function meaningAt(at: bigint, fetch: Fetch): Meaning | undefined {
  const bytes = fetch(at);
  if (bytes.length === 0) return undefined;
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  decoder.ip = at;
  const instruction = decoder.decode();
  try {
    return instruction.isInvalid ? undefined : meaningOf(instruction);
  } finally {
    instruction.free();
    decoder.free();
  }
}
