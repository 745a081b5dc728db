import { isElf } from '../../binary/headers.js';
import { AARCH64 } from './aarch64.js';
import type { Arch, ArchName } from './arch.js';
import { X86_64 } from './x86-64.js';

export type { Arch, ArchName } from './arch.js';

export const ARCHES: Readonly<Record<ArchName, Arch>> = { 'x86-64': X86_64, aarch64: AARCH64 };

/** e_machine (ELF-64 Object File Format, "File header"). */
const EM_AARCH64 = 183;
const E_MACHINE = 18;

/** What a program is for, as far as the simulated machine has it; x86-64 of all else (images of processes, and what is none: whoever loads it will say what is wrong). */
export const architectureOf = (program: Uint8Array): ArchName =>
  isElf(program) && program[E_MACHINE] === EM_AARCH64 && program[E_MACHINE + 1] === 0 ? 'aarch64' : 'x86-64';
