import type { Arch, ArchName } from './arch.js';
import { X86_64 } from './x86-64.js';

export type { Arch, ArchName } from './arch.js';

export const ARCHES: Readonly<Record<ArchName, Arch>> = { 'x86-64': X86_64 };
