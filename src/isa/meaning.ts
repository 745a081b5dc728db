/**
 * What an instruction does, as data: a list of statements over expressions. It is written once for each instruction
 * (x86-64/meaning) and read by all that run or translate code. Values are unsigned bit strings of a width; flags
 * are kept as what they were made from, and made when somebody reads them.
 *
 * Order matters: memory is read and written before registers and flags change, so that an access that faults leaves the
 * instruction undone and it can be run again.
 */
export interface Meaning {
  readonly statements: readonly Statement[];
  /** Where control goes when no statement says otherwise: behind the instruction. */
  readonly next: bigint;
}

export type Width = 8 | 16 | 32 | 64;

/**
 * Legend of Expression:
 *   constant    an unsigned number below 2^width
 *   register    a general register 0..15 (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8..r15), its low bits; `high`: bits 15..8
 *   temporary   what a `let` statement named
 *   load        memory, little-endian
 *   unary, binary   arithmetic modulo 2^width; shift and rotate counts are below the width already
 *   compare     1 or 0, width 8
 *   extend      to a larger width, by zeros or by the sign; `truncate` to a smaller one
 *   select      one of two by a condition that is not 0
 *   flag        one flag, 1 or 0, width 8
 *   segment     the base of fs or gs
 */
export type Expression =
  | { readonly op: 'constant'; readonly width: Width; readonly value: bigint }
  | { readonly op: 'register'; readonly width: Width; readonly register: number; readonly high: boolean }
  | { readonly op: 'temporary'; readonly width: Width; readonly id: number }
  | { readonly op: 'load'; readonly width: Width; readonly address: Expression }
  | { readonly op: 'unary'; readonly width: Width; readonly fn: Unary; readonly a: Expression }
  | {
      readonly op: 'binary';
      readonly width: Width;
      readonly fn: Binary;
      readonly a: Expression;
      readonly b: Expression;
    }
  | {
      readonly op: 'compare';
      readonly width: 8;
      readonly fn: Compare;
      readonly a: Expression;
      readonly b: Expression;
    }
  | { readonly op: 'extend'; readonly width: Width; readonly signed: boolean; readonly a: Expression }
  | { readonly op: 'truncate'; readonly width: Width; readonly a: Expression }
  | {
      readonly op: 'select';
      readonly width: Width;
      readonly condition: Expression;
      readonly a: Expression;
      readonly b: Expression;
    }
  | { readonly op: 'flag'; readonly width: 8; readonly flag: Flag }
  | { readonly op: 'segment'; readonly width: 64; readonly segment: 'fs' | 'gs' };

export type Unary = 'not' | 'neg' | 'clz' | 'ctz' | 'popcnt';
export type Binary =
  | 'add'
  | 'sub'
  | 'mul'
  | 'divu'
  | 'remu'
  | 'divs'
  | 'rems'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shr'
  | 'sar'
  | 'rol'
  | 'ror'
  /** The upper half of the product, unsigned and signed. */
  | 'mulhu'
  | 'mulhs';
export type Compare = 'eq' | 'ne' | 'ltu' | 'leu' | 'lts' | 'les';

/** The status flags and the direction flag, in the order of rflags. */
export type Flag = 'cf' | 'pf' | 'af' | 'zf' | 'sf' | 'of' | 'df';
export const FLAG_BITS: Readonly<Record<Flag, number>> = {
  cf: 0,
  pf: 2,
  af: 4,
  zf: 6,
  sf: 7,
  df: 10,
  of: 11,
};

/**
 * Why an instruction stops: what the kernel turns into a signal, or a system call. Legend of Trap:
 *   system-call          syscall; control is behind it already
 *   system-call-32       int 0x80; control is behind it already
 *   undefined            #UD, SIGILL
 *   breakpoint           int3, SIGTRAP; control is behind it already
 *   divide               #DE, SIGFPE (FPE_INTDIV)
 *   halt                 a privileged instruction, #GP: SIGSEGV (SI_KERNEL, no address)
 *   overflow             #OF, SIGSEGV
 *   general-protection   #GP, as of a misaligned vector: SIGSEGV (SI_KERNEL, no address)
 *   float                #MF or #XM: an unmasked exception of x87 or SSE, SIGFPE
 *   unsupported          a processor would go on; this machine does not know how, and says so rather than do something else
 */
export type Trap =
  | 'system-call'
  | 'system-call-32'
  | 'undefined'
  | 'breakpoint'
  | 'divide'
  | 'halt'
  | 'overflow'
  | 'general-protection'
  | 'float'
  | 'unsupported';

/**
 * Legend of Statement:
 *   let      names a value
 *   store    writes memory
 *   set      writes a register: 64 all of it, 32 with zeros above, 16 and 8 only these bits
 *   flags    writes the flags it names; the others stay
 *   jump     goes elsewhere; `branch` only if the condition is not 0
 *   trap     stops before the instruction (a system call: behind it); `when`: only if not 0
 *   repeat   the instruction is run again, until the condition is 0 (rep prefixes): an interruption may come between two rounds
 *   helper   done by a function of the machine: what is too large for expressions (x87, cpuid, 128-bit division)
 */
export type Statement =
  | { readonly do: 'let'; readonly id: number; readonly value: Expression }
  | { readonly do: 'store'; readonly width: Width; readonly address: Expression; readonly value: Expression }
  | {
      readonly do: 'set';
      readonly width: Width;
      readonly register: number;
      readonly high: boolean;
      readonly value: Expression;
    }
  | { readonly do: 'flags'; readonly flags: Readonly<Partial<Record<Flag, Expression>>> }
  | { readonly do: 'jump'; readonly target: Expression }
  | { readonly do: 'branch'; readonly condition: Expression; readonly target: bigint }
  | { readonly do: 'trap'; readonly trap: Trap; readonly when?: Expression }
  | { readonly do: 'repeat'; readonly condition: Expression }
  | { readonly do: 'helper'; readonly name: string; readonly operands: readonly Expression[] };
