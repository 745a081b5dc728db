import type { ProgramImage } from '../binary/image.js';
import { aarch64 } from '../isa/aarch64/decoder.js';
import type { Decoder } from '../isa/instruction.js';
import { x86_64 } from '../isa/x86-64/decoder.js';

const DECODERS: readonly Decoder[] = [x86_64, aarch64];

/** The decoder for an image's code; undefined where it is not decoded, so that only descriptors are looked at. */
export const decoderFor = (image: ProgramImage): Decoder | undefined => {
  const { architecture, bits } = image.header;
  return bits === 64 ? DECODERS.find((decoder) => decoder.architecture === architecture) : undefined;
};
