import { x86_64 } from '../../isa/x86-64/decoder.js';
import { GENERAL_NAMES, R8, R9, RAX, RCX, RDI, RDX, RSI, RSP } from '../../isa/x86-64/registers.js';
import { rflags } from '../registers.js';
import type { Convention } from './convention.js';

const R10 = 10;
const R11 = 11;
const WORD = 8n;

/** System V AMD64 ABI, 3.2; arch/x86/entry/entry_64.S: the flags go into r11. */
export const CONVENTION_X86_64: Convention = {
  decoder: x86_64,
  names: GENERAL_NAMES,
  vectors: Array.from({ length: 16 }, (_, n) => `xmm${n}`),
  ip: 'rip',
  flags: rflags,
  stackPointer: RSP,
  link: undefined,
  functionArguments: [RDI, RSI, RDX, RCX, R8, R9],
  functionResult: RAX,
  call: {
    number: RAX,
    arguments: [RDI, RSI, RDX, R10, R8, R9],
    writes: [RAX, RCX, R11],
    readsFlags: true,
  },
  handler: [RAX, RDI, RSI, RDX, RSP],
  redZone: 128,
  frame: 2048,
  returnSlot: 8,
  variables: 'below',
  breakpoint: { code: Uint8Array.of(0xcc), behind: 1 },
  enter({ registers }, top, returnTo, push): void {
    registers[RSP] = top - WORD;
    push(top - WORD, returnTo);
  },
};
