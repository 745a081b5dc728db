import { FLAG_BITS, type Flag } from '../isa/meaning.js';
import { flagOffset, registerOffset, STATE } from '../machine/state.js';
import type { Task } from './state.js';

/** Where registers are in Task.registers, in words of 8 bytes; general ones are those of `general`. `RIP` is where the thread stands, on every architecture. */
export const RIP = STATE.rip / 8;
/** fs_base of x86-64, TPIDR_EL0 of AArch64: the thread pointer. */
export const FS_BASE = STATE.fsBase / 8;
export const GS_BASE = STATE.gsBase / 8;
/** The general register with this number: 0 to 15 of x86-64 (isa/x86-64/registers.ts), 0 to 31 of AArch64. */
export const general = (number: number): number => registerOffset(number) / 8;

const FLAGS = Object.entries(FLAG_BITS) as [Flag, number][];
/** Bit 1 is always set, and user space always sees IF. */
const FIXED = 0x202n;

const bytesOf = ({ registers }: Pick<Task, 'registers'>): Uint8Array => new Uint8Array(registers.buffer);

/** rflags as the processor's word. */
export function rflags(task: Pick<Task, 'registers'>): bigint {
  const bytes = bytesOf(task);
  return FLAGS.reduce((word, [name, bit]) => word | (BigInt(bytes[flagOffset(name)]!) << BigInt(bit)), FIXED);
}

export function setRflags(task: Task, word: bigint): void {
  const bytes = bytesOf(task);
  for (const [name, bit] of FLAGS) bytes[flagOffset(name)] = Number((word >> BigInt(bit)) & 1n);
}

/** What rdtsc and rdtscp will say: the clock when a turn's budget is used up, and the CPU's number. */
export function setTimeStamp(registers: BigUint64Array, end: number, cpu: number): void {
  registers[STATE.tsc / 8] = BigInt(end);
  new Uint32Array(registers.buffer)[STATE.tscAux / 4] = cpu;
}
