import type { ArchName } from '../arch/index.js';
import { SCENARIO_CALLS } from './calls.js';

/** Machine code that scenarios need beside their own, for one architecture. Each fits where it goes (externs.ts). */
export interface ScenarioCode {
  /** Makes the system call with this number, whose arguments are the function's, and returns. */
  readonly call: (number: number) => readonly number[];
  readonly memcpy: readonly number[];
  readonly memset: readonly number[];
  /** What a function has returned as the argument of a call, and the call `done`. */
  readonly done: readonly number[];
  /** What a function has returned, as far as its type goes: said with the call `result`; then `done`. */
  readonly results: Readonly<Record<'bool' | 'int' | 'long', readonly number[]>>;
}

const u32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** mov $number,%eax; syscall; ret */
const callX86 = (number: number): number[] => [0xb8, ...u32(number), 0x0f, 0x05, 0xc3];

function returningX86(move: readonly number[]): readonly number[] {
  const { result, done } = SCENARIO_CALLS;
  return [...move, 0xb8, ...u32(result), 0x0f, 0x05, 0xb8, ...u32(done), 0x0f, 0x05];
}

const X86_64: ScenarioCode = {
  call: callX86,
  // mov %rdi,%rax; mov %rdx,%rcx; rep movsb; ret
  memcpy: [0x48, 0x89, 0xf8, 0x48, 0x89, 0xd1, 0xf3, 0xa4, 0xc3],
  // mov %rdi,%r8; mov %esi,%eax; mov %rdx,%rcx; rep stosb; mov %r8,%rax; ret
  memset: [0x49, 0x89, 0xf8, 0x89, 0xf0, 0x48, 0x89, 0xd1, 0xf3, 0xaa, 0x4c, 0x89, 0xc0, 0xc3],
  // mov %rax,%rdi
  done: [0x48, 0x89, 0xc7, ...callX86(SCENARIO_CALLS.done)],
  results: {
    // movzbl %al,%edi
    bool: returningX86([0x0f, 0xb6, 0xf8]),
    // movslq %eax,%rdi
    int: returningX86([0x48, 0x63, 0xf8]),
    // mov %rax,%rdi
    long: returningX86([0x48, 0x89, 0xc7]),
  },
};

const words = (...all: number[]): number[] => all.flatMap(u32);
const RET = 0xd65f_03c0;

/** movz x8, number; movk x8, number >> 16, lsl 16; svc #0 */
const callA64 = (number: number): number[] => [
  0xd280_0008 | ((number & 0xffff) << 5),
  ...(number > 0xffff ? [0xf2a0_0008 | ((number >>> 16) << 5)] : []),
  0xd400_0001,
];

const returningA64 = (...move: number[]): readonly number[] =>
  words(...move, ...callA64(SCENARIO_CALLS.result), ...callA64(SCENARIO_CALLS.done));

const AARCH64: ScenarioCode = {
  call: (number) => words(...callA64(number), RET),
  // sub x2, x2, #1; tbnz x2, #63, end; ldrb w3, [x1, x2]; strb w3, [x0, x2]; b memcpy; end: ret
  memcpy: words(0xd100_0442, 0xb7f8_0082, 0x3862_6823, 0x3822_6803, 0x17ff_fffc, RET),
  // sub x2, x2, #1; tbnz x2, #63, end; strb w1, [x0, x2]; b memset; end: ret
  memset: words(0xd100_0442, 0xb7f8_0062, 0x3822_6801, 0x17ff_fffd, RET),
  done: words(...callA64(SCENARIO_CALLS.done), RET),
  results: {
    // uxtb w0, w0
    bool: returningA64(0x5300_1c00),
    // sxtw x0, w0
    int: returningA64(0x9340_7c00),
    long: returningA64(),
  },
};

export const SCENARIO_CODE: Readonly<Record<ArchName, ScenarioCode>> = { 'x86-64': X86_64, aarch64: AARCH64 };
