import { flagOffset, STATE, vectorOffset } from '../../machine/state.js';
import { general } from '../registers.js';
import type { Task } from '../state.js';

type WithRegisters = Pick<Task, 'registers'>;

/** x0 to x30. */
export const X: readonly number[] = Array.from({ length: 31 }, (_, number) => general(number));
export const SP = general(31);
/** Numbers by what they are for (AAPCS64, "General-purpose registers"; include/rseqlab_syscall.h). */
export const X0 = general(0);
export const X1 = general(1);
export const X2 = general(2);
export const X7 = general(7);
export const X8 = general(8);
export const X19 = general(19);
export const FP = general(29);
export const LR = general(30);
/** The exclusive monitor: nothing is marked. */
export const MONITOR = STATE.monitor / 8;

const NZCV = [
  ['sf', 31],
  ['zf', 30],
  ['cf', 29],
  ['of', 28],
] as const;
const bytesOf = ({ registers }: WithRegisters): Uint8Array => new Uint8Array(registers.buffer);
const viewOf = ({ registers }: WithRegisters): DataView => new DataView(registers.buffer);

/** PSTATE of a program, as SPSR_EL1 has it: N, Z, C, V; all else is 0 (PSR_MODE_EL0t). */
export function pstate(task: WithRegisters): bigint {
  const bytes = bytesOf(task);
  return NZCV.reduce((word, [name, bit]) => word | (BigInt(bytes[flagOffset(name)]!) << BigInt(bit)), 0n);
}

/** Other bits than those flags are not the program's to choose (valid_user_regs()). */
export function setPstate(task: WithRegisters, word: bigint): void {
  const bytes = bytesOf(task);
  for (const [name, bit] of NZCV) bytes[flagOffset(name)] = Number((word >> BigInt(bit)) & 1n);
}

/** Bytes of struct user_fpsimd_state without its padding: v0 to v31, FPSR, FPCR (arch/arm64/include/uapi/asm/ptrace.h). */
const VECTORS = 512;
export const FPSIMD_SIZE = 520;

export function readFpsimd(task: WithRegisters): Uint8Array {
  const bytes = bytesOf(task);
  const made = new Uint8Array(FPSIMD_SIZE);
  for (let n = 0; n < 32; n++) made.set(bytes.subarray(vectorOffset(n), vectorOffset(n) + 16), 16 * n);
  const view = new DataView(made.buffer);
  view.setUint32(VECTORS, viewOf(task).getUint32(STATE.fpsr, true), true);
  view.setUint32(VECTORS + 4, viewOf(task).getUint32(STATE.fpcr, true), true);
  return made;
}

export function writeFpsimd(task: WithRegisters, given: Uint8Array): void {
  const bytes = bytesOf(task);
  for (let n = 0; n < 32; n++) bytes.set(given.subarray(16 * n, 16 * n + 16), vectorOffset(n));
  const view = new DataView(given.buffer, given.byteOffset);
  viewOf(task).setUint32(STATE.fpsr, view.getUint32(VECTORS, true), true);
  viewOf(task).setUint32(STATE.fpcr, view.getUint32(VECTORS + 4, true), true);
}
