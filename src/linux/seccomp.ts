/**
 * Seccomp filters over the instruction pointer: a call from inside one of some address ranges goes to the tracer, every other call
 * pays a few instructions of classic BPF (seccomp(2), Documentation/userspace-api/seccomp_filter.rst).
 */
import { threadStatus } from './procfs.js';
import type { FirstCall } from './stub.js';

/** Half open: `start` <= address < `end`. In a filter the address is the one behind the SYSCALL instruction, as the kernel has it in regs->ip. */
export interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

/** One instruction: struct sock_filter. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** BPF_MAXINSNS (include/uapi/linux/bpf_common.h). */
const LONGEST = 4096;

export const RET = { ALLOW: 0x7fff_0000, TRACE: 0x7ff0_0000, ERRNO: 0x0005_0000 } as const;

/** Offsets of struct seccomp_data; a 64-bit member is two words, the low one first. */
const DATA = { nr: 0, arch: 4, ip: 8 } as const;
const AUDIT_ARCH_X86_64 = 0xc000_003e;

const op = (code: number, k: number, jt = 0, jf = 0): Instruction => ({ code, k, jt, jf });
const load = (offset: number): Instruction => op(0x20, offset); // BPF_LD | BPF_W | BPF_ABS
const equal = (k: number, jt: number, jf: number): Instruction => op(0x15, k, jt, jf); // BPF_JMP | BPF_JEQ | BPF_K
const above = (k: number, jt: number, jf: number): Instruction => op(0x35, k, jt, jf); // BPF_JGE
const jump = (by: number): Instruction => op(0x05, by); // BPF_JA
const answer = (value: number): Instruction => op(0x06, value >>> 0); // BPF_RET

/** What the filter says of a part of the address space, from `start` up to the next part's start. */
interface Part<T> {
  readonly start: T;
  readonly value: boolean;
}

/**
 * A filter for processes of x86-64: what it says (RET.*) of calls from inside the ranges. Throws RangeError where the ranges do not fit in one filter (some
 * 500 in one 4 GiB window do).
 */
export function sectionFilter(ranges: readonly Range[], inside: number): Instruction[] {
  const outside = [answer(RET.ALLOW)];
  const program =
    ranges.length === 0 ? outside : [load(DATA.ip + 4), ...byHighWord(partsOf(ranges), inside, outside)];
  if (program.length > LONGEST)
    throw new RangeError(
      `${ranges.length} ranges need ${program.length} instructions, a filter has ${LONGEST}`,
    );
  return program;
}

/** A filter for x86-64 that hands these calls to the tracer, wherever they are made. */
export const callFilter = (numbers: readonly number[]): Instruction[] => [
  load(DATA.arch),
  equal(AUDIT_ARCH_X86_64, 1, 0),
  answer(RET.ALLOW),
  load(DATA.nr),
  ...numbers.flatMap((number) => [equal(number, 0, 1), answer(RET.TRACE)]),
  answer(RET.ALLOW),
];

export const PR_SET_NO_NEW_PRIVS = 38;
export const SECCOMP_SET_MODE_FILTER = 1;

/**
 * The calls by which a process of startStopped puts a filter on itself. Without CAP_SYS_ADMIN it must give up that programs with set-user-ID bits
 * gain by them (seccomp(2)).
 */
export const installFilter = (filter: Uint8Array, privileged = mayFilter()): FirstCall[] => [
  ...(privileged ? [] : [{ name: 'prctl', arguments: [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0] }]),
  { name: 'seccomp', arguments: [SECCOMP_SET_MODE_FILTER, 0, fprog(filter)] },
];

/** struct sock_fprog with the filter behind it: the number of instructions, 16 bits, and their address. */
export const fprog =
  (filter: Uint8Array) =>
  (address: bigint): Uint8Array => {
    const bytes = new Uint8Array(16 + filter.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, filter.length / 8, true);
    view.setBigUint64(8, address + 16n, true);
    bytes.set(filter, 16);
    return bytes;
  };

const CAP_SYS_ADMIN = 21n;

function mayFilter(): boolean {
  const capabilities = BigInt(`0x${threadStatus(process.pid)?.get('CapEff') ?? 0}`);
  return ((capabilities >> CAP_SYS_ADMIN) & 1n) === 1n;
}

/** struct sock_filter [], as bytes. */
export function encodeFilter(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(8 * program.length));
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    view.setUint16(8 * index, code, true);
    view.setUint8(8 * index + 2, jt);
    view.setUint8(8 * index + 3, jf);
    view.setUint32(8 * index + 4, k, true);
  }
  return new Uint8Array(view.buffer);
}

/** The address space cut at the ranges' ends; ranges may overlap and come in any order. The first part starts at 0. */
function partsOf(ranges: readonly Range[]): Part<bigint>[] {
  const merged: { start: bigint; end: bigint }[] = [];
  const sorted = ranges.filter(({ start, end }) => start < end).sort((a, b) => (a.start < b.start ? -1 : 1));
  for (const { start, end } of sorted) {
    const last = merged.at(-1);
    if (last === undefined || last.end < start) merged.push({ start, end });
    else if (last.end < end) last.end = end;
  }
  const parts = merged.flatMap(({ start, end }) => [
    { start, value: true },
    { start: end, value: false },
  ]);
  return parts[0]?.start === 0n ? parts : [{ start: 0n, value: false }, ...parts];
}

/** The code that stands behind a load of the address's high word. */
function byHighWord(parts: readonly Part<bigint>[], inside: number, outside: Instruction[]): Instruction[] {
  const high = (address: bigint): number => Number(address >> 32n);
  const low = (address: bigint): number => Number(BigInt.asUintN(32, address));
  // What holds for each stretch of high words: the parts of low words in it.
  const stretches: Part<number>[][] = [];
  const starts: number[] = [];
  const words = [
    ...new Set(parts.flatMap(({ start }) => (start === 0n ? [] : [high(start), high(start) + 1]))),
  ];
  for (const word of [0, ...words.sort((a, b) => a - b).filter((word) => word !== 0)]) {
    const before = parts.findLast(({ start }) => start <= BigInt(word) << 32n)!;
    const within = parts.filter(({ start }) => high(start) === word && low(start) !== 0);
    starts.push(word);
    stretches.push([
      { start: 0, value: before.value },
      ...within.map(({ start, value }) => ({ start: low(start), value })),
    ]);
  }
  const leaf = (value: boolean): Instruction[] => (value ? [answer(inside)] : outside);
  return tree(starts, (index) => {
    const stretch = stretches[index]!;
    if (stretch.length === 1) return leaf(stretch[0]!.value);
    return [
      load(DATA.ip),
      ...tree(
        stretch.map(({ start }) => start),
        (at) => leaf(stretch[at]!.value),
      ),
    ];
  });
}

/** A search by halves for the last of `starts` that is not above the word that is loaded; `leaf` is the code for it. */
function tree(
  starts: readonly number[],
  leaf: (index: number) => Instruction[],
  from = 0,
  to = starts.length,
): Instruction[] {
  if (to - from === 1) return leaf(from);
  const middle = (from + to) >> 1;
  const left = tree(starts, leaf, from, middle);
  const right = tree(starts, leaf, middle, to);
  // A conditional jump reaches 255 instructions far.
  return left.length <= 255
    ? [above(starts[middle]!, left.length, 0), ...left, ...right]
    : [above(starts[middle]!, 0, 1), jump(left.length), ...left, ...right];
}
