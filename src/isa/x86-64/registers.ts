import { Register, RegisterExt } from 'iced-x86';
import { FLAGS, type RegisterId, type RegisterSet, VECTOR0, X87 } from '../instruction.js';

/** General registers in encoding order (Intel SDM vol. 2, table 2-2 with REX): the RegisterIds 0..15. */
export const GENERAL_NAMES = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R9 = 9;

/** Every vector register. */
export const VECTORS: RegisterSet = ((1n << 32n) - 1n) << BigInt(VECTOR0);

/** iced's register as a RegisterId; undefined for segment, control, mask and instruction pointer registers. */
export function registerId(register: Register): RegisterId | undefined {
  if (register === Register.None) return undefined;
  // Of the full register: iced numbers the byte registers with ah..bh among them.
  if (RegisterExt.isGPR(register)) return RegisterExt.number(RegisterExt.fullRegister(register));
  if (RegisterExt.isVectorRegister(register)) return VECTOR0 + RegisterExt.number(register);
  if (RegisterExt.isST(register) || RegisterExt.isMM(register)) return X87;
  return undefined;
}

export function registerName(register: RegisterId): string {
  if (register === FLAGS) return 'rflags';
  if (register === X87) return 'the x87 stack';
  if (register >= VECTOR0) return `xmm${register - VECTOR0}`;
  return GENERAL_NAMES[register] ?? `register ${register}`;
}
