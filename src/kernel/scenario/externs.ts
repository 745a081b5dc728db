import { EXTERN_STEP } from '../../binary/link.js';
import { SCENARIO_CALLS } from './calls.js';

/**
 * What a scenario's object may use without defining it: glibc's three words about rseq, and functions so small that each fits the
 * 16 bytes that the linker leaves for an undefined symbol. Bytes of machine code or data.
 */
export interface Extern {
  readonly code: boolean;
  readonly bytes: readonly number[];
}

const u32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** mov $number,%eax; syscall; ret */
const call = (number: number): Extern => ({ code: true, bytes: [0xb8, ...u32(number), 0x0f, 0x05, 0xc3] });

/** Where a thread's struct rseq is, from its thread pointer; how many of its bytes are active; flags of the registration. */
export const RSEQ_OFFSET = 64;

export function externOf(name: string, featureSize: number): Extern | undefined {
  return name === '__rseq_size' ? { code: false, bytes: u32(featureSize) } : EXTERNS[name];
}

const EXTERNS: Readonly<Record<string, Extern>> = {
  __rseq_offset: { code: false, bytes: [...u32(RSEQ_OFFSET), 0, 0, 0, 0] },
  __rseq_flags: { code: false, bytes: u32(0) },
  rseqlab_result: call(SCENARIO_CALLS.result),
  rseqlab_operation: call(SCENARIO_CALLS.operation),
  rseqlab_fail: call(SCENARIO_CALLS.fail),
  // mov %rdi,%rax; mov %rdx,%rcx; rep movsb; ret
  memcpy: { code: true, bytes: [0x48, 0x89, 0xf8, 0x48, 0x89, 0xd1, 0xf3, 0xa4, 0xc3] },
  // mov %rdi,%r8; mov %esi,%eax; mov %rdx,%rcx; rep stosb; mov %r8,%rax; ret
  memset: {
    code: true,
    bytes: [0x49, 0x89, 0xf8, 0x89, 0xf0, 0x48, 0x89, 0xd1, 0xf3, 0xaa, 0x4c, 0x89, 0xc0, 0xc3],
  },
};

/** The end of a thread's function, and of a signal handler: where `ret` leads; and where threads wait that a program has made for its scenario. */
export const RETURNS = {
  // mov %rax,%rdi: what the function has returned
  done: { code: true, bytes: [0x48, 0x89, 0xc7, ...call(SCENARIO_CALLS.done).bytes] },
  restorer: call(15),
  released: call(SCENARIO_CALLS.released),
  gate: call(SCENARIO_CALLS.gate),
} as const;

/** Where a task's function returns to whose result counts: as far as the type goes it is said with result(2); then done(2). */
export const RESULT_RETURNS = {
  // movzbl %al,%edi
  bool: returning([0x0f, 0xb6, 0xf8]),
  // movslq %eax,%rdi
  int: returning([0x48, 0x63, 0xf8]),
  // mov %rax,%rdi
  long: returning([0x48, 0x89, 0xc7]),
} as const;
/** Bytes from one to the next. */
export const RESULT_STEP = 32;

function returning(move: readonly number[]): readonly number[] {
  const { result, done } = SCENARIO_CALLS;
  return [...move, 0xb8, ...u32(result), 0x0f, 0x05, 0xb8, ...u32(done), 0x0f, 0x05];
}

export const NAMES: readonly string[] = [...Object.keys(EXTERNS), '__rseq_size'].sort();

export const isExtern = (name: string): boolean => NAMES.includes(name);

for (const [name, { bytes }] of Object.entries({ ...EXTERNS, ...RETURNS }))
  if (bytes.length > EXTERN_STEP) throw new RangeError(`${name} has ${bytes.length} bytes`);
