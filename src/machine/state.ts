import type { MachineArchitecture } from '../abi/architecture.js';
import type { Flag, StateField } from '../isa/meaning.js';

/**
 * Where a task's registers are in the machine's memory, in bytes from its beginning. The first 64 KiB belong to no program (vm.mmap_min_addr),
 * so they hold what the machine itself needs.
 */
export const STATE = {
  /** 16 registers of 8 bytes: the general ones of x86-64, x0..x15 of AArch64. */
  registers: 0,
  /** Seven bytes, 1 or 0. */
  flags: 128,
  /** rip, pc. */
  rip: 136,
  /** Of AArch64 TPIDR_EL0. */
  fsBase: 144,
  gsBase: 152,
  /** Of the trap that stopped the task: see TRAPS. */
  trap: 160,
  /** Instructions that may still be run before control goes back to the scheduler; i64. */
  budget: 168,
  /** What rdtsc will say when the budget is used up, u64: it counts instructions, and the kernel sets it with the budget. */
  tsc: 176,
  /** What rdtscp puts into ecx (IA32_TSC_AUX), u32: Linux keeps node << 12 | cpu there (arch/x86/kernel/cpu/common.c, setup_getcpu). */
  tscAux: 184,
  /** Control and status of SSE, u32. */
  mxcsr: 188,
  /** x87: control word and status word (TOP included), u16 each; a bit a physical register that is 1 where it is not empty, u8. */
  x87Control: 192,
  x87Status: 194,
  x87Valid: 196,
  /** 1 where an unmasked exception of SSE was found, between a soft operation and the question for it. */
  floatTrap: 197,
  /** What the last x87 statement made for the rest of its instruction, 16 bytes: nobody else's. */
  x87Result: 208,
  /**
   * AArch64's exclusive monitor: the marked address with the bytes of the access in the uppermost 8 bits, 0 where none is marked, u64; and
   * what was loaded, 16 bytes.
   */
  monitor: 224,
  monitorLow: 232,
  monitorHigh: 240,
  /** AArch64's floating-point control and status, u32 each. */
  fpcr: 248,
  fpsr: 252,
  /** xmm0..xmm15, v0..v15, 16 bytes each. */
  xmm: 256,
  /** The x87's physical registers R0..R7: 10 bytes each, 16 apart. */
  x87Registers: 512,
  /** x16..x30 and sp: AArch64 has no x87. */
  moreRegisters: 512,
  /** v16..v31. */
  moreVectors: 640,
  /** Of no task: at which of its instructions step code begins, u32 (see SLOT). */
  entry: 1024,
  /** Is step code to go on where it jumps within itself, u32? Else it returns, so that a region may take over. */
  exact: 1028,
} as const;

/** A task's whole register state is this many bytes from the beginning: copying them saves and restores it. */
export const STATE_SIZES: Readonly<Record<MachineArchitecture, number>> = { 'x86-64': 640, aarch64: 896 };
const LARGEST = Math.max(...Object.values(STATE_SIZES));

/** Where a general register is. */
export const registerOffset = (number: number): number =>
  (number < 16 ? STATE.registers : STATE.moreRegisters - 128) + 8 * number;
/** Where a vector register is. */
export const vectorOffset = (number: number): number =>
  (number < 16 ? STATE.xmm : STATE.moreVectors - 256) + 16 * number;

/** Where the state is that an expression can name. */
export const STATE_FIELDS: Readonly<Record<StateField, number>> = {
  mxcsr: STATE.mxcsr,
  threadPointer: STATE.fsBase,
  fpcr: STATE.fpcr,
  fpsr: STATE.fpsr,
  monitor: STATE.monitor,
  monitorLow: STATE.monitorLow,
  monitorHigh: STATE.monitorHigh,
  x87Control: STATE.x87Control,
  x87Status: STATE.x87Status,
  x87Result: STATE.x87Result,
  x87ResultHigh: STATE.x87Result + 8,
  mm0: STATE.x87Registers,
  mm1: STATE.x87Registers + 16,
  mm2: STATE.x87Registers + 32,
  mm3: STATE.x87Registers + 48,
  mm4: STATE.x87Registers + 64,
  mm5: STATE.x87Registers + 80,
  mm6: STATE.x87Registers + 96,
  mm7: STATE.x87Registers + 112,
};

/** Registers as a program finds them at its beginning (System V AMD64 ABI, 3.4.1, "Initial Stack and Register State"): zeros but for these. */
const MXCSR_RESET = 0x1f80;
const X87_CONTROL_RESET = 0x37f;

/** Makes the state in `memory` that of a new program; its memory is all else's. */
export function resetState(memory: ArrayBuffer): void {
  new Uint8Array(memory, 0, LARGEST).fill(0);
  resetFloat(new DataView(memory));
}

/** Of a state of zeros, what is not zero. */
export function resetFloat(view: DataView): void {
  view.setUint32(STATE.mxcsr, MXCSR_RESET, true);
  view.setUint16(STATE.x87Control, X87_CONTROL_RESET, true);
}

const FLAG_ORDER: readonly Flag[] = ['cf', 'pf', 'af', 'zf', 'sf', 'df', 'of'];
export const flagOffset = (flag: Flag): number => STATE.flags + FLAG_ORDER.indexOf(flag);

/** One byte a page of guest memory, at the end of the machine's memory: what programs may do with it. */
export const PAGE_FLAGS = 0xfff0_0000;
export const PAGE = { READ: 1, WRITE: 2, EXECUTE: 4 } as const;
/** READ and WRITE shifted by this: the page and the next one both allow it, so an access need not ask whether it crosses. */
export const WITH_NEXT = 3;
export const PAGE_SIZE = 4096;
/** First address that a program can have, and the first behind those. */
export const GUEST_START = 2 ** 16;
export const GUEST_END = 2 ** 32 - 2 ** 22;

/** The code cache, in front of the page flags: a slot for each address, by its low bits, that says what to run there. */
export const CODE_CACHE = PAGE_FLAGS - 2 ** 20;
export const SLOTS = 2 ** 15;
export const SLOT_SIZE = 32;
/** In front of the code cache: of a folded address space (fold.ts) the block that each page belongs to, u16. */
export const PAGE_BLOCKS = CODE_CACHE - 2 ** 21;
/** Fields of a slot. Functions are by their index in the table; 0 is none. */
export const SLOT = {
  /** Whose slot it is, u64; 0 nobody's. */
  address: 0,
  /** Code that runs a region from here, u32. */
  region: 8,
  /** Code that runs single instructions, u32, and the number among them of the one here, u32. */
  steps: 12,
  entry: 16,
  /** How often the region was entered, u32. */
  visits: 20,
} as const;
