import { FRAMES_AARCH64 } from '../arch/aarch64-frame.js';
import type { ArchName } from '../arch/arch.js';
import type { Frames } from '../arch/frames.js';
import { FRAMES_X86_64 } from '../arch/x86-64-frame.js';
import type { Kernel } from '../kernel.js';

const FRAMES: Readonly<Record<ArchName, Frames>> = {
  'x86-64': FRAMES_X86_64,
  aarch64: FRAMES_AARCH64,
};

/** Signal frames as this kernel's programs have them. */
export const framesOf = ({ arch }: Kernel): Frames => FRAMES[arch.name];
