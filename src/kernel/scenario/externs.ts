import { externStep } from '../../binary/link.js';
import { ARCHES, type ArchName } from '../arch/index.js';
import { SCENARIO_CALLS } from './calls.js';
import { SCENARIO_CODE } from './code.js';
import { rseqOffset } from './thread-local.js';

/**
 * What a scenario's object may use without defining it: glibc's three words about rseq, and functions so small that each fits the
 * few bytes that the linker leaves for an undefined symbol (externStep). Bytes of machine code or data.
 */
export interface Extern {
  readonly code: boolean;
  readonly bytes: readonly number[];
}

const u32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const data = (bytes: readonly number[]): Extern => ({ code: false, bytes });
const code = (bytes: readonly number[]): Extern => ({ code: true, bytes });

function externsOf(arch: ArchName): Readonly<Record<string, Extern>> {
  const { call, memcpy, memset } = SCENARIO_CODE[arch];
  const offset = rseqOffset(ARCHES[arch]);
  return {
    // ptrdiff_t
    __rseq_offset: data([...u32(offset), ...u32(offset < 0 ? -1 : 0)]),
    __rseq_flags: data(u32(0)),
    rseqlab_result: code(call(SCENARIO_CALLS.result)),
    rseqlab_operation: code(call(SCENARIO_CALLS.operation)),
    rseqlab_fail: code(call(SCENARIO_CALLS.fail)),
    memcpy: code(memcpy),
    memset: code(memset),
  };
}

function returnsOf(arch: ArchName) {
  const { call, done, results } = SCENARIO_CODE[arch];
  return {
    /** The end of a thread's function, and of a signal handler: where it returns to; and where threads wait that a program has made for its scenario. */
    done: code(done),
    restorer: code(call(ARCHES[arch].syscalls['rt_sigreturn']!)),
    released: code(call(SCENARIO_CALLS.released)),
    gate: code(call(SCENARIO_CALLS.gate)),
    /** Where a task's function returns to whose result counts. */
    results,
  } as const;
}

type Returns = ReturnType<typeof returnsOf>;
const ALL: Readonly<
  Record<ArchName, { readonly externs: ReturnType<typeof externsOf>; readonly returns: Returns }>
> = {
  'x86-64': { externs: externsOf('x86-64'), returns: returnsOf('x86-64') },
  aarch64: { externs: externsOf('aarch64'), returns: returnsOf('aarch64') },
};

export function externOf(arch: ArchName, name: string, featureSize: number): Extern | undefined {
  return name === '__rseq_size' ? data(u32(featureSize)) : ALL[arch].externs[name];
}

export const returnsIn = (arch: ArchName): Returns => ALL[arch].returns;

/** By which result, in the order in which they stand. */
export const RESULT_TYPES: readonly string[] = Object.keys(ALL['x86-64'].returns.results);
/** Bytes from one of Returns.results to the next. */
export const RESULT_STEP = 32;

/** The same on every architecture. */
export const NAMES: readonly string[] = [...Object.keys(ALL['x86-64'].externs), '__rseq_size'].sort();

export const isExtern = (name: string): boolean => NAMES.includes(name);

for (const [arch, { externs, returns }] of Object.entries(ALL)) {
  const { results, ...others } = returns;
  for (const [name, { bytes }] of Object.entries({ ...externs, ...others }))
    if (bytes.length > externStep(arch as ArchName))
      throw new RangeError(`${name} has ${bytes.length} bytes`);
  for (const [name, { length }] of Object.entries(results))
    if (length > RESULT_STEP) throw new RangeError(`${name} has ${length} bytes`);
}
