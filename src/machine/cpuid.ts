/**
 * The processor that programs see: the baseline of x86-64 and no more, the same on every host. Popcnt, lzcnt and tzcnt, and xsave,
 * xsavec and xrstor, work but are not announced.
 */
const VENDOR = 'rseqlab  x86';
const BRAND = 'rseqlab simulated x86-64 processor';

type Leaf = readonly [eax: number, ebx: number, ecx: number, edx: number];

const bits = (...numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => (sum | (1 << number)) >>> 0, 0);

/** Four letters as a register holds them. */
const letters = (text: string, at: number): number =>
  [0, 1, 2, 3].reduce((sum, n) => sum + (text.charCodeAt(at + n) || 0) * 2 ** (8 * n), 0);

const brand = (part: number): Leaf => [
  letters(BRAND, 16 * part),
  letters(BRAND, 16 * part + 4),
  letters(BRAND, 16 * part + 8),
  letters(BRAND, 16 * part + 12),
];

/** Bytes of a cache line, as clflush counts it: in units of 8 in bits 15..8 of ebx. */
const CLFLUSH = (64 / 8) << 8;
/** Family 15, model 0. */
const SIGNATURE = 0xf00;

/** fpu, tsc, cx8, cmov, clflush, mmx, fxsr, sse, sse2 (Intel SDM vol. 2, CPUID, leaf 1). */
const FEATURES = bits(0, 4, 8, 15, 19, 23, 24, 25, 26);
/** cmpxchg16b. */
const MORE_FEATURES = bits(13);
/** fpu, tsc, cx8, syscall, cmov, nx, mmx, fxsr, rdtscp, long mode (AMD64 manual vol. 3, appendix E, leaf 0x80000001); lahf. */
const EXTENDED = bits(0, 4, 8, 11, 15, 20, 23, 24, 27, 29);
const MORE_EXTENDED = bits(0);
/** 40 physical and 48 virtual address bits. */
const ADDRESS_BITS = 0x3028;

const LEAVES: ReadonlyMap<number, Leaf> = new Map<number, Leaf>([
  [0, [1, letters(VENDOR, 0), letters(VENDOR, 8), letters(VENDOR, 4)]],
  [1, [SIGNATURE, CLFLUSH, MORE_FEATURES, FEATURES]],
  [0x8000_0000, [0x8000_0008, letters(VENDOR, 0), letters(VENDOR, 8), letters(VENDOR, 4)]],
  [0x8000_0001, [0, 0, MORE_EXTENDED, EXTENDED]],
  [0x8000_0002, brand(0)],
  [0x8000_0003, brand(1)],
  [0x8000_0004, brand(2)],
  [0x8000_0008, [ADDRESS_BITS, 0, 0, 0]],
]);

/** A leaf's four registers; zeros where there is none. */
export const cpuid = (leaf: number): Leaf => LEAVES.get(leaf) ?? [0, 0, 0, 0];
