import type { readImage } from '../src/binary/read.js';
import type { Cpu } from '../src/machine/cpu.js';
import type { Machine } from '../src/machine/machine.js';

/** What became of a program, how many instructions it took, and how long they. */
export interface Ran {
  readonly output: string;
  readonly status: number;
  readonly instructions: number;
  readonly milliseconds: number;
}

/**
 * Runs a static program that makes two system calls only: write and exit_group. Throws where it does anything else. `exact`: by single
 * instructions; `turn`: so many at a time.
 */
export function runProgram(
  parts: {
    readonly readImage: typeof readImage;
    readonly Machine: typeof Machine;
    readonly Cpu: typeof Cpu;
  },
  file: string,
  how?: { readonly exact?: boolean; readonly turn?: number },
): Ran;
