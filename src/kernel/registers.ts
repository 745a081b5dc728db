import { FLAG_BITS, type Flag } from '../isa/meaning.js';
import { flagOffset, STATE, STATE_SIZES } from '../machine/state.js';
import type { Task } from './state.js';

/** Where registers are in Task.registers, in words of 8 bytes; general ones are 0 to 15 (isa/x86-64/registers.ts). */
export const RIP = STATE.rip / 8;
export const FS_BASE = STATE.fsBase / 8;
export const GS_BASE = STATE.gsBase / 8;
export const WORDS = STATE_SIZES['x86-64'] / 8;

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
