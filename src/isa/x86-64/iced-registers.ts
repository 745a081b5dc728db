import { type Instruction, OpKind, Register } from 'iced-x86';

/**
 * What iced-x86's RegisterExt says of the registers that a meaning can name, without its way through WebAssembly, which a decoded instruction
 * would take thirty times. Registers of a kind follow each other (test/isa/iced-registers.test.ts holds this to RegisterExt).
 */

const among =
  (first: Register, last: Register) =>
  (register: Register): boolean =>
    register >= first && register <= last;

export const isGeneral = among(Register.AL, Register.R15);
export const isGeneral32 = among(Register.EAX, Register.R15D);
export const isXmm = among(Register.XMM0, Register.XMM31);
export const isMm = among(Register.MM0, Register.MM7);
export const isSt = among(Register.ST0, Register.ST7);
/** ah, ch, dh and bh. */
export const isHigh = among(Register.AH, Register.BH);

/** Where the registers of a kind begin, the number of the first one, and their size in bytes. */
const KINDS: readonly (readonly [first: Register, number: number, bytes: number])[] = [
  [Register.MM0, 0, 8],
  [Register.ST0, 0, 10],
  [Register.XMM0, 0, 16],
  [Register.RAX, 0, 8],
  [Register.EAX, 0, 4],
  [Register.AX, 0, 2],
  [Register.SPL, 4, 1],
  [Register.AH, 0, 1],
  [Register.AL, 0, 1],
];
const kindOf = (register: Register) => KINDS.find(([first]) => register >= first)!;

/** Of a register of one of the kinds above, in bytes. */
export const sizeOf = (register: Register): number => kindOf(register)[2];

/** Of a register of one of the kinds above: the same for all that are part of each other. */
export function numberOf(register: Register): number {
  const [first, number] = kindOf(register);
  return register - first + number;
}

/** An explicit operand of an instruction; `register` is None where it is none. */
export interface OperandKind {
  readonly kind: OpKind;
  readonly register: Register;
}

export function operandsOf(instruction: Instruction): readonly OperandKind[] {
  const operands: OperandKind[] = [];
  const count = instruction.opCount;
  for (let n = 0; n < count; n++) {
    const kind = KIND[n]!(instruction);
    operands.push({ kind, register: kind === OpKind.Register ? REGISTER[n]!(instruction) : Register.None });
  }
  return operands;
}

/** iced's methods with a number would take three ways into WebAssembly. */
const KIND: readonly ((instruction: Instruction) => OpKind)[] = [
  (instruction) => instruction.op0Kind,
  (instruction) => instruction.op1Kind,
  (instruction) => instruction.op2Kind,
  (instruction) => instruction.op3Kind,
  (instruction) => instruction.op4Kind,
];
const REGISTER: readonly ((instruction: Instruction) => Register)[] = [
  (instruction) => instruction.op0Register,
  (instruction) => instruction.op1Register,
  (instruction) => instruction.op2Register,
  (instruction) => instruction.op3Register,
  (instruction) => instruction.op4Register,
];
