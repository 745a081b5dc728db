import type { Addr } from '../abi/address.js';

/**
 * What an instruction means to an analysis, the same for every architecture. A decoder in `x86-64/` or
 * `aarch64/` makes these; nothing else knows the machine. What a decoder does not know it says
 * (`flow: 'unknown'`, a register in `writes` without an effect): it never guesses.
 */
export interface Instruction {
  readonly address: Addr;
  readonly length: number;
  /** Disassembly in the syntax of GNU as (AT&T on x86), the one kernel and librseq are written in. */
  readonly text: string;
  readonly flow: Flow;
  /** Target of a direct jump, branch or call. */
  readonly target: Addr | undefined;
  readonly reads: RegisterSet;
  readonly writes: RegisterSet;
  /** Every memory access, in the order the instruction makes them. An address computation (lea) is none. */
  readonly memory: readonly MemoryAccess[];
  /** The values it leaves, where known. A register of `writes` that no effect names becomes unknown. */
  readonly effects: readonly Effect[];
  /** The operands of a comparison (cmp, test, cbz ...): what the flags or the branch decide on. */
  readonly compares: readonly [Value, Value] | undefined;
  /**
   * The condition of a branch on the flags, as the machine numbers it: undefined for a branch on something else.
   */
  readonly condition: Condition | undefined;
  readonly traits: ReadonlySet<Trait>;
}

/** A condition of the flags as the machine numbers it (x86-64 cc, arm64 cond: 0..15). On both n and n ^ 1 are opposites. */
export type Condition = number;

/**
 * Legend of Flow:
 *   next           goes on behind itself
 *   jump, branch   direct, unconditional / conditional
 *   call           direct call; comes back behind itself
 *   indirect-jump, indirect-call   through a register or memory
 *   return         ret
 *   syscall        syscall, sysenter, int 0x80, svc #0
 *   trap           ud2, int3, brk, hlt: does not go on
 *   unknown        not decodable, or not known to this decoder
 */
export type Flow =
  | 'next'
  | 'jump'
  | 'branch'
  | 'call'
  | 'indirect-jump'
  | 'indirect-call'
  | 'return'
  | 'syscall'
  | 'trap'
  | 'unknown';

/**
 * Legend of Trait:
 *   atomic       locked or otherwise atomic read-modify-write (lock prefix, xchg with memory, LSE)
 *   exclusive    load or store exclusive (ldxr, stxr)
 *   string       rep-prefixed string instruction: interruptible in the middle
 *   split        makes its store in more than one single-copy atomic piece whatever the alignment (stp, 16-byte SIMD, rep movs)
 *   simd, x87    touches vector registers / the x87 or MMX stack
 *   control      writes a control register of the FPU or vector unit (ldmxcsr, fldcw, msr fpcr)
 *   partial      writes a part of a register and reads it for no other reason than to keep the rest (setcc, mov to %al)
 *   reserved     (with flow unknown) the architecture leaves these bytes unallocated: surely no code
 *   push, pop    moves the stack pointer by itself (x86 push/pop/call/ret, arm64 writeback on sp)
 */
export type Trait =
  | 'atomic'
  | 'exclusive'
  | 'string'
  | 'split'
  | 'simd'
  | 'x87'
  | 'control'
  | 'partial'
  | 'reserved'
  | 'push'
  | 'pop';

/**
 * Registers are numbered per architecture:
 *   0..31   general registers: x86-64 in encoding order (rax 0, rcx 1, rdx 2, rbx 3, rsp 4, rbp 5, rsi 6, rdi 7, r8..r15);
 *           arm64 x0..x30, and 31 = sp (the zero register is not a register: it reads as constant 0)
 *   32      the condition flags (rflags / nzcv)
 *   33      the x87 / MMX stack as one
 *   64..95  vector registers, whole (xmm/ymm/zmm n, v n)
 * A write to a part of a register counts as a write of the register (and as a read where the rest is kept).
 */
export type RegisterId = number;
export const FLAGS: RegisterId = 32;
export const X87: RegisterId = 33;
export const VECTOR0: RegisterId = 64;

/** A set of RegisterIds as bits of a bigint: bit n is register n. */
export type RegisterSet = bigint;
export const registerBit = (register: RegisterId): RegisterSet => 1n << BigInt(register);
export const has = (set: RegisterSet, register: RegisterId): boolean =>
  ((set >> BigInt(register)) & 1n) !== 0n;
export function* registersOf(set: RegisterSet): Generator<RegisterId> {
  for (let register = 0, rest = set; rest !== 0n; register++, rest >>= 1n) if (rest & 1n) yield register;
}

/** An address as the instruction computes it: threadPointer? + base + index * scale + displacement. */
export interface AddressExpression {
  /** %fs:/%gs: on x86-64 (the base of the thread's TLS); on arm64 tpidr_el0 arrives as a register value instead. */
  readonly threadPointer: boolean;
  readonly base: RegisterId | undefined;
  readonly index: RegisterId | undefined;
  /** 1, 2, 4, 8 (x86); any power of two on arm64. */
  readonly scale: number;
  /** Bytes, signed. For a PC-relative operand the absolute target, with base and index undefined. */
  readonly displacement: number;
}

export interface MemoryAccess {
  readonly address: AddressExpression;
  /** Bytes; 0 where not known (rep strings, xsave). */
  readonly size: number;
  readonly read: boolean;
  readonly write: boolean;
}

/** A value as a small expression over the registers and memory before the instruction. */
export type Value =
  | { readonly op: 'register'; readonly register: RegisterId; readonly bits: 8 | 16 | 32 | 64 }
  | { readonly op: 'constant'; readonly value: number }
  | { readonly op: 'address'; readonly address: AddressExpression }
  | { readonly op: 'load'; readonly memory: MemoryAccess; readonly signed: boolean }
  | { readonly op: 'thread-pointer' }
  /** 1 where the condition holds, else 0. */
  | { readonly op: 'condition'; readonly condition: Condition }
  | {
      readonly op: 'add' | 'sub' | 'mul' | 'shl' | 'shr' | 'and' | 'or' | 'xor';
      readonly a: Value;
      readonly b: Value;
      readonly bits: 32 | 64;
    }
  /** Not computed, but made from these (so that what depends on a CPU number is still seen). */
  | { readonly op: 'unknown'; readonly from: readonly Value[] };

export type Effect =
  | { readonly kind: 'register'; readonly register: RegisterId; readonly value: Value }
  | { readonly kind: 'store'; readonly memory: MemoryAccess; readonly value: Value };

/** Decodes machine code of one architecture. */
export interface Decoder {
  readonly architecture: 'x86-64' | 'aarch64';
  /** Smallest and largest instruction, in bytes. */
  readonly minLength: number;
  readonly maxLength: number;
  readonly stackPointer: RegisterId;
  /** Where the calling convention returns an integer. */
  readonly returnValue: RegisterId;
  /** What a called function keeps (System V AMD64 ABI 3.2.1; AAPCS64 6.1.1), without the stack pointer. */
  readonly calleeSaved: RegisterSet;
  /** What a call may change. */
  readonly callerSaved: RegisterSet;
  /** The condition that two compared values are equal. */
  readonly equal: Condition;
  /** Registers that carry integer arguments, in order. */
  readonly argumentRegisters: readonly RegisterId[];
  registerName(register: RegisterId): string;
  /** Decodes one instruction at the start of `bytes`; `flow: 'unknown'`, length >= 1, where it cannot. Never throws. */
  decode(bytes: Uint8Array, address: Addr): Instruction;
}
