import { SYSCALLS_X86_64 } from '../../../src/abi/syscalls-x86-64.js';
import { SCENARIO_CALLS } from '../../../src/kernel/scenario/calls.js';
import type { Access } from './programs.js';

/** Registers that hold what was read, in this order: r8, r9, rbx. */
const REGISTERS = [
  { low: 0, extended: true },
  { low: 1, extended: true },
  { low: 3, extended: false },
] as const;
type Register = (typeof REGISTERS)[number];

const WIDE = 0x48;
/** REX with an extended base: r10. */
const BASE = 0x41;
const rex = ({ extended }: Register, prefix: number): number => prefix | (extended ? 4 : 0);
/** disp8(%r10) with a register, or an opcode's extension. */
const memory = (low: number, at: number): number[] => [0x42 | (low << 3), at];
const little = (value: number, size: number): number[] =>
  Array.from({ length: size }, (_, n) => Number((BigInt(value) >> BigInt(8 * n)) & 0xffn));
const eax = (value: number): number[] => [0xb8, ...little(value, 4)];
const SYSCALL = [0x0f, 0x05];

/** A store of a constant; of 16 bytes twice the same 8, by xmm0. */
function write({ at, size, value }: Access): number[] {
  const to = memory(0, at);
  if (size === 16)
    return [...eax(value), 0x66, WIDE, 0x0f, 0x6e, 0xc0, 0x66, 0x0f, 0x6c, 0xc0, BASE, 0x0f, 0x11, ...to];
  if (size === 1) return [BASE, 0xc6, ...to, value];
  if (size === 2) return [0x66, BASE, 0xc7, ...to, ...little(value, 2)];
  return [size === 8 ? WIDE | BASE : BASE, 0xc7, ...to, ...little(value, 4)];
}

function read({ at, size }: Access, register: Register): number[] {
  const opcode = { 8: [0x8b], 4: [0x8b], 2: [0x0f, 0xb7], 1: [0x0f, 0xb6] }[size]!;
  return [rex(register, size === 4 ? BASE : WIDE | BASE), ...opcode, ...memory(register.low, at)];
}

/** The value in a register, then xchg, lock xadd or xadd. */
function change({ kind, at, value }: Access, register: Register): number[] {
  const load = [WIDE | (register.extended ? 1 : 0), 0xc7, 0xc0 | register.low, ...little(value, 4)];
  const opcode = kind === 'X' ? [0x87] : [0x0f, 0xc1];
  const access = [rex(register, WIDE | BASE), ...opcode, ...memory(register.low, at)];
  return [...load, ...(kind === 'A' ? [0xf0] : []), ...access];
}

const FENCES = { mfence: 0xf0, sfence: 0xf8, lfence: 0xe8 } as const;

/** The name's number in eax, its first argument in edi, 0 in esi and edx. */
const call = (name: string, argument: number): number[] => [
  ...eax(SYSCALLS_X86_64[name]!),
  ...[0xbf, ...little(argument, 4)],
  ...[0x31, 0xf6, 0x31, 0xd2],
  ...SYSCALL,
];

/** rseqlab_result(). */
const result = (register: Register): number[] => [
  rex(register, WIDE),
  0x89,
  0xc7 | (register.low << 3),
  ...eax(SCENARIO_CALLS.result),
  ...SYSCALL,
];

/** The code of a task: its accesses, then what it has read as results. */
export function codeOf(accesses: readonly Access[]): number[] {
  const used: Register[] = [];
  const next = (): Register => {
    const register = REGISTERS[used.length];
    if (register === undefined) throw new Error('a task reads more than it has registers for');
    used.push(register);
    return register;
  };
  const code = accesses.flatMap((access) => {
    if (access.kind === 'W') return write(access);
    if (access.kind === 'R') return read(access, next());
    if (access.kind === 'call') return call(access.name, access.value);
    if (access.kind === 'fence') return [0x0f, 0xae, FENCES[access.name as keyof typeof FENCES]];
    return change(access, next());
  });
  // pop rbx, ret
  return [...code, ...used.flatMap(result), 0x5b, 0xc3];
}
