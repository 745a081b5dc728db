import { type Instruction as IcedInstruction, Mnemonic } from 'iced-x86';
import { has, type MemoryAccess, type RegisterSet, type Trait, X87 } from '../instruction.js';
import { VECTORS } from './registers.js';

/** Every mnemonic that begins with f is an x87 one, but for fxsave and fxrstor; and emms empties the stack. */
export const isX87 = (text: string): boolean => /^(f(?!xsave|xrstor)|emms)/.test(text);

const CONTROL: ReadonlySet<Mnemonic> = new Set([
  Mnemonic.Ldmxcsr,
  Mnemonic.Vldmxcsr,
  Mnemonic.Fldcw,
  Mnemonic.Fninit,
  Mnemonic.Fldenv,
  Mnemonic.Fxrstor,
  Mnemonic.Fxrstor64,
  Mnemonic.Xrstor,
  Mnemonic.Xrstor64,
]);

/** What src/isa/instruction.ts lists under Trait. */
export function traitsOf(
  instruction: IcedInstruction,
  text: string,
  memory: readonly MemoryAccess[],
  registers: RegisterSet,
  partial: boolean,
): ReadonlySet<Trait> {
  const traits = new Set<Trait>();
  if (partial) traits.add('partial');
  const writesMemory = memory.some((access) => access.write);
  const repeated =
    instruction.isStringInstruction && (instruction.hasRepPrefix || instruction.hasRepnePrefix);
  // xchg with memory locks the bus by itself (Intel SDM vol. 3, 9.1.2.1).
  const locks = instruction.hasLockPrefix || (instruction.mnemonic === Mnemonic.Xchg && writesMemory);
  if (locks) traits.add('atomic');
  if (repeated) traits.add('string');
  if (writesMemory && (repeated || (!locks && memory.some((access) => access.write && access.size > 8))))
    traits.add('split');
  if ((registers & VECTORS) !== 0n) traits.add('simd');
  if (has(registers, X87) || isX87(text)) traits.add('x87');
  if (CONTROL.has(instruction.mnemonic)) traits.add('control');
  if (instruction.stackPointerIncrement < 0) traits.add('push');
  if (instruction.stackPointerIncrement > 0) traits.add('pop');
  return traits;
}
