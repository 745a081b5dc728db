import { aarch64 } from '../../isa/aarch64/decoder.js';
import { FP, LR, pstate, SP, X } from './aarch64-registers.js';
import type { Convention } from './convention.js';

const NUMBER = { x0: 0, x8: 8, fp: 29, lr: 30, sp: 31 } as const;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** AAPCS64, 6.1 and 6.4; arch/arm64/kernel/entry.S, signal.c setup_return(). There is no red zone; below the stack pointer is nobody's (6.4.5.1). */
export const CONVENTION_AARCH64: Convention = {
  decoder: aarch64,
  names: [...numbers(31).map((n) => `x${n}`), 'sp'],
  vectors: numbers(32).map((n) => `v${n}`),
  ip: 'pc',
  flags: pstate,
  stackPointer: NUMBER.sp,
  link: NUMBER.lr,
  functionArguments: X.slice(0, 8),
  functionResult: X[0]!,
  call: { number: NUMBER.x8, arguments: numbers(6), writes: [NUMBER.x0], readsFlags: false },
  // x1 and x2 only with SA_SIGINFO.
  handler: [NUMBER.x0, NUMBER.fp, NUMBER.lr, NUMBER.sp],
  redZone: 0,
  frame: 4720,
  returnSlot: 0,
  variables: 'above',
  // brk #0
  breakpoint: { code: Uint8Array.of(0x00, 0x00, 0x20, 0xd4), behind: 0 },
  enter({ registers }, top, returnTo): void {
    registers[SP] = top;
    registers[FP] = 0n;
    registers[LR] = returnTo;
  },
};
