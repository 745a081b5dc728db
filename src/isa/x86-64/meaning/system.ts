import { Code, Mnemonic } from 'iced-x86';
import {
  add,
  and,
  constant,
  eq,
  load,
  nonZero,
  or,
  register,
  select,
  shl,
  shr,
  sub,
  zext,
} from '../../expressions.js';
import type { Expression, Trap } from '../../meaning.js';
import { insert } from '../../vectors.js';
import { RAX, RBP, RBX, RCX, RDX, RSP } from '../registers.js';
import type { Row } from './integer.js';

const helper =
  (name: string): Row =>
  (d) => {
    d.statements.push({ do: 'helper', name, operands: [] });
  };

/** fxsave, fxrstor: 512 bytes, aligned to 16, else #GP (Intel SDM vol. 2). */
const area =
  (name: string): Row =>
  (d) => {
    d.aligned();
    d.statements.push({ do: 'helper', name, operands: [d.address()] });
  };

/** xsave and the like: aligned to 64. */
const state =
  (name: string): Row =>
  (d) => {
    d.trap('general-protection', nonZero(and(d.address(), constant(64, 63))));
    d.statements.push({ do: 'helper', name, operands: [d.address()] });
  };

const trap =
  (kind: Trap): Row =>
  (d) =>
    d.trap(kind);

/** cmpxchg8b, cmpxchg16b: rdx:rax with memory, rcx:rbx into it. Only ZF changes. The wide one must be aligned. */
const compareExchangeTwo =
  (width: 32 | 64): Row =>
  (d) => {
    if (width === 64) d.aligned();
    const high = add(d.address(), constant(64, width / 8));
    const loaded = [d.let(load(width, d.address())), d.let(load(width, high))] as const;
    const same = (value: Expression, number: number): Expression => eq(value, register(width, number));
    const equal = d.let(and(same(loaded[0], RAX), same(loaded[1], RDX)));
    const chosen = [RBX, RCX].map((number, n) => d.let(select(equal, register(width, number), loaded[n]!)));
    // Memory is written in either case, by one store: half of it must not be left.
    if (width === 64) d.store(d.address(), insert(1, zext(128, chosen[0]!), chosen[1]!));
    else d.store(d.address(), or(zext(64, chosen[0]!), shl(zext(64, chosen[1]!), constant(64, 32))));
    for (const [n, number] of [RAX, RDX].entries()) {
      // A 32-bit register that is not loaded keeps its upper half.
      d.set(number, select(equal, register(64, number), zext(64, loaded[n]!)));
    }
    d.flags({ zf: equal });
  };

/** enter: a frame, with copies of the pointers to the frames around it for languages that nest functions. */
const enter: Row = (d) => {
  const { instruction } = d;
  if (instruction.code !== Code.Enterq_imm16_imm8) {
    d.trap('unsupported');
    return;
  }
  const [size, level] = [instruction.immediate(0) & 0xffffn, Number(instruction.immediate(1)) & 31];
  const stack = d.let(register(64, RSP));
  const base = d.let(register(64, RBP));
  const below = (from: Expression, words: number): Expression => sub(from, constant(64, 8 * words));
  const frame = d.let(below(stack, 1));
  d.store(frame, base);
  for (let n = 1; n < level; n++) d.store(below(stack, n + 1), d.let(load(64, below(base, n))));
  if (level > 0) d.store(below(stack, level + 1), frame);
  d.set(RBP, frame);
  d.set(RSP, sub(below(stack, level > 0 ? level + 1 : 1), constant(64, size)));
};

/** int n: 3 is int3, 4 what into was; no other gate is open to programs where the kernel has no 32-bit system calls (arch/x86/kernel/idt.c SYSG). */
const GATES = new Map<number, Trap>([
  [3, 'breakpoint'],
  [4, 'overflow'],
]);

const interrupt: Row = (d) => {
  const number = Number(d.instruction.immediate(0)) & 0xff;
  d.trap(GATES.get(number) ?? 'general-protection');
};

const loadMxcsr: Row = (d) => {
  const value = d.let(load(32, d.address()));
  // Bits 31..16 are reserved (Intel SDM vol. 1, 10.2.3).
  d.trap('general-protection', nonZero(shr(value, constant(32, 16))));
  d.statements.push({ do: 'helper', name: 'ldmxcsr', operands: [value] });
};

const nothing: Row = () => {};
const many = (names: readonly Mnemonic[], row: Row): [Mnemonic, Row][] => names.map((name) => [name, row]);

/** What only a kernel may do. */
const PRIVILEGED: readonly Mnemonic[] = [
  Mnemonic.Cli,
  Mnemonic.Sti,
  Mnemonic.In,
  Mnemonic.Out,
  Mnemonic.Lgdt,
  Mnemonic.Lidt,
  Mnemonic.Lldt,
  Mnemonic.Ltr,
  Mnemonic.Lmsw,
  Mnemonic.Clts,
  Mnemonic.Invlpg,
  Mnemonic.Invd,
  Mnemonic.Wbinvd,
  Mnemonic.Rdmsr,
  Mnemonic.Wrmsr,
  Mnemonic.Rdpmc,
  Mnemonic.Swapgs,
  Mnemonic.Sysret,
  Mnemonic.Sysretq,
];

/** What the processor is, what it may not do, and what is left of its control registers. */
export const SYSTEM: readonly (readonly [Mnemonic, Row])[] = [
  [Mnemonic.Cpuid, helper('cpuid')],
  [Mnemonic.Rdtsc, helper('rdtsc')],
  [Mnemonic.Rdtscp, helper('rdtscp')],
  [Mnemonic.Fxsave, area('fxsave')],
  [Mnemonic.Fxsave64, area('fxsave')],
  [Mnemonic.Fxrstor, area('fxrstor')],
  [Mnemonic.Fxrstor64, area('fxrstor')],
  [Mnemonic.Xsave, state('xsave')],
  [Mnemonic.Xsave64, state('xsave')],
  [Mnemonic.Xsavec, state('xsavec')],
  [Mnemonic.Xsavec64, state('xsavec')],
  [Mnemonic.Xrstor, state('xrstor')],
  [Mnemonic.Xrstor64, state('xrstor')],
  [Mnemonic.Ldmxcsr, loadMxcsr],
  [Mnemonic.Stmxcsr, (d) => d.store(d.address(), { op: 'state', width: 32, field: 'mxcsr' })],
  [Mnemonic.Cmpxchg8b, compareExchangeTwo(32)],
  [Mnemonic.Cmpxchg16b, compareExchangeTwo(64)],
  [Mnemonic.Enter, enter],
  [Mnemonic.Xlatb, (d) => d.set(RAX, d.let(load(8, d.address())))],
  [Mnemonic.Int, interrupt],
  [Mnemonic.Int1, trap('breakpoint')],
  ...many(PRIVILEGED, trap('halt')),
  // On a processor without control-flow enforcement these are nops (Intel SDM vol. 1, 17.2).
  ...many([Mnemonic.Endbr32, Mnemonic.Rdsspd, Mnemonic.Rdsspq], nothing),
  ...many([Mnemonic.Clflush, Mnemonic.Reservednop], nothing),
];
