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

export type Width = 8 | 16 | 32 | 64 | 128;

/** A lane or a number by its format: integers, and binary32 and binary64 of IEEE 754. */
export type Format = 'i32' | 'i64' | 'f32' | 'f64';

/**
 * Legend of Expression:
 *   constant    an unsigned number below 2^width
 *   register    a general register, its low bits; `high`: bits 15..8. x86-64: 0..15 (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8..r15);
 *               AArch64: 0..30 are x0..x30 and 31 is sp (the zero register is a constant)
 *   temporary   what a `let` statement named
 *   load        memory, little-endian
 *   unary, binary   arithmetic modulo 2^width; shift and rotate counts are below the width already
 *   compare     1 or 0, width 8
 *   extend      to a larger width, by zeros or by the sign; `truncate` to a smaller one
 *   select      one of two by a condition that is not 0
 *   flag        one flag, 1 or 0, width 8. AArch64: N is sf, Z zf, V of, and C is cf, which a subtraction leaves as AArch64 does: 1 where
 *               nothing was borrowed; pf and af are 0
 *   segment     the base of fs or gs; TPIDR_EL0 is that of fs
 *   state       a control register, or what the last x87 statement made
 *   xmm         a vector register, all of it: 0..15, of AArch64 0..31
 *   vector      an operation on vectors, by WebAssembly's name of lanes and operation (VECTOR in machine/wasm/vector-opcodes.ts); the
 *               count of a shift has width 32 and is below the lane's width
 *   shuffle     16 bytes of two vectors, by number: 0..15 of `a`, 16..31 of `b`
 *   extract     the lane of this width and number; `insert` a vector with one lane replaced
 *   lane-mask   the top bits of all lanes of `lanes` bits, width 32
 *   float       arithmetic as SSE does it, with MXCSR's rounding and exceptions (Intel SDM vol. 1, 4.8 and 11.5): operands are bits of
 *               the format `from`, the result of `to`; of a comparison 1 or 0 (width 8), or all ones or zeros (cmp0..cmp7)
 *   floats      the same in every lane, from the lowest on; lanes without a result are zeros
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
  | { readonly op: 'segment'; readonly width: 64; readonly segment: 'fs' | 'gs' }
  | { readonly op: 'state'; readonly width: Width; readonly field: StateField }
  | { readonly op: 'xmm'; readonly width: 128; readonly register: number }
  | {
      readonly op: 'vector';
      readonly width: 128;
      readonly fn: string;
      readonly operands: readonly Expression[];
    }
  | {
      readonly op: 'shuffle';
      readonly width: 128;
      readonly a: Expression;
      readonly b: Expression;
      readonly bytes: readonly number[];
    }
  | { readonly op: 'extract'; readonly width: Width; readonly lane: number; readonly a: Expression }
  | {
      readonly op: 'insert';
      readonly width: 128;
      readonly lane: number;
      readonly a: Expression;
      readonly value: Expression;
    }
  | { readonly op: 'lane-mask'; readonly width: 32; readonly lanes: 8 | 32 | 64; readonly a: Expression }
  | FloatExpression<'float'>
  | FloatExpression<'floats'>;

export interface FloatExpression<Op extends 'float' | 'floats'> {
  readonly op: Op;
  readonly width: Width;
  readonly fn: FloatFn;
  readonly from: Format;
  readonly to: Format;
  readonly operands: readonly Expression[];
}

/**
 * Legend of FloatFn:
 *   add .. sqrt         as IEEE 754 has them; min and max as SSE does: the second operand where one is a NaN or both are zeros
 *   cmp0 .. cmp7        the predicates of cmpps: eq, lt, le, unord, neq, nlt, nle, ord
 *   below, same, unordered   CF, ZF and PF of ucomis; with `s-` of comis, which finds quiet NaNs invalid too
 *   reciprocal, reciprocal-root   as rcpps and rsqrtps approximate them, whatever MXCSR says
 *   convert, truncate   to the format `to`, rounded as MXCSR says or towards 0
 */
export type FloatFn =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'min'
  | 'max'
  | 'sqrt'
  | 'cmp0'
  | 'cmp1'
  | 'cmp2'
  | 'cmp3'
  | 'cmp4'
  | 'cmp5'
  | 'cmp6'
  | 'cmp7'
  | 'below'
  | 'same'
  | 'unordered'
  | 's-below'
  | 's-same'
  | 's-unordered'
  | 'reciprocal'
  | 'reciprocal-root'
  | 'convert'
  | 'truncate';

/**
 * State that an expression can name: control registers; the low 8 and the high 2 bytes of what an x87 statement made; the registers of MMX,
 * which only x87 statements write; TPIDR_EL0's place, FPCR, FPSR, and the exclusive monitor of AArch64 (machine/state.ts).
 */
export type StateField =
  | 'threadPointer'
  | 'fpcr'
  | 'fpsr'
  | 'monitor'
  | 'monitorLow'
  | 'monitorHigh'
  | 'mxcsr'
  | 'x87Control'
  | 'x87Status'
  | 'x87Result'
  | 'x87ResultHigh'
  | `mm${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`;

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
 *   system-call          syscall, svc; control is behind it already
 *   undefined            #UD, SIGILL
 *   breakpoint           int3, SIGTRAP; control is behind it already
 *   brk                  AArch64's brk, SIGTRAP (TRAP_BRKPT); control is at it
 *   divide               #DE, SIGFPE (FPE_INTDIV)
 *   halt                 a privileged instruction, #GP: SIGSEGV (SI_KERNEL, no address)
 *   overflow             #OF, SIGSEGV; control is behind it already
 *   general-protection   #GP, as of a misaligned vector: SIGSEGV (SI_KERNEL, no address)
 *   float                #MF or #XM: an unmasked exception of x87 or SSE, SIGFPE
 *   alignment            AArch64: control, an exclusive or an atomic access is not aligned: SIGBUS (BUS_ADRALN)
 *   unsupported          a processor would go on; this machine does not know how, and says so rather than do something else
 */
export type Trap =
  | 'system-call'
  | 'undefined'
  | 'breakpoint'
  | 'divide'
  | 'halt'
  | 'overflow'
  | 'general-protection'
  | 'float'
  | 'unsupported'
  | 'brk'
  | 'alignment';

/**
 * Legend of Statement:
 *   let      names a value
 *   store    writes memory
 *   set      writes a register: 64 all of it, 32 with zeros above, 16 and 8 only these bits
 *   set-xmm  writes a vector register, all of it
 *   flags    writes the flags it names; the others stay
 *   state    writes state: of threadPointer, the monitor and wide numbers 64 bits, of the others 32
 *   jump     goes elsewhere; `branch` only if the condition is not 0
 *   trap     stops before the instruction (a system call: behind it); `when`: only if not 0
 *   repeat   the instruction is run again, until the condition is 0 (rep prefixes): an interruption may come between two rounds
 *   helper   done by a function of the machine: what is too large for expressions (cpuid, 128-bit division); `when`: only if
 *            not 0
 *   x87      done by a function that sees only the x87's registers (machine/x87): it may stop the instruction, which then has done nothing
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
  | { readonly do: 'set-xmm'; readonly register: number; readonly value: Expression }
  | { readonly do: 'state'; readonly field: StateField; readonly value: Expression }
  | { readonly do: 'flags'; readonly flags: Readonly<Partial<Record<Flag, Expression>>> }
  | { readonly do: 'jump'; readonly target: Expression }
  | { readonly do: 'branch'; readonly condition: Expression; readonly target: bigint }
  | { readonly do: 'trap'; readonly trap: Trap; readonly when?: Expression }
  | { readonly do: 'repeat'; readonly condition: Expression }
  | {
      readonly do: 'helper';
      readonly name: string;
      readonly operands: readonly Expression[];
      readonly when?: Expression;
    }
  | { readonly do: 'x87'; readonly name: string; readonly operands: readonly Expression[] };
